"""What a process that answers for weeks does once, when everything is loaded."""

from __future__ import annotations

import gc
import sys

import pyarrow as pa

_TURN = 0.0005  # seconds that a busy thread keeps the interpreter while others wait; the usual 5 ms are a whole answer's time here


def settle() -> None:
    """Shorter turns between threads, and no further looking through what was loaded.

    A full garbage collection walks over every object of every loaded library: a fifth of a second, in which nobody is answered. What is
    there now stays for good, so it is taken out of what is walked over.
    """
    pa.array([0.0])  # at its first list Arrow looks for other libraries, which takes as long as a hundred answers
    sys.setswitchinterval(_TURN)
    gc.collect()
    gc.freeze()
