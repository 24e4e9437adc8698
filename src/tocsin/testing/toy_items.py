"""Toy pictures, texts and logs: normal ones follow a rule, odd ones break it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tocsin.core.picture import Pixels
from tocsin.core.seed import generator

_SIDE = 48  # pixels
Maker = Callable[[np.random.Generator, bool], Any]


def made(modality: str, *, labelled: bool) -> tuple[np.ndarray, ...]:
    """train, y, test, truth, planted, where, clear: what a Toy holds. ``labelled``: every fourth training item is odd and said to be."""
    random, maker = generator(0, "toy", modality), MAKERS[modality]
    y = (np.arange(80) % 4 == 1).astype(np.int64) * labelled
    train = _objects([maker(random, bool(odd)) for odd in y])
    truth = np.repeat([0, 1], [30, 20])
    test = _objects([maker(random, bool(odd)) for odd in truth])
    where = np.arange(20) == 12
    planted = _objects([maker(random, bool(odd)) for odd in where])
    return train, y, test, truth, planted, where, ~where


def _objects(items: Sequence[Any]) -> np.ndarray:
    array: np.ndarray = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _picture(random: np.random.Generator, odd: bool) -> Pixels:
    """Slanted stripes under changing light; odd ones have a patch in which they run the other way, and brighter."""
    down, across = np.mgrid[:_SIDE, :_SIDE]
    stripes = 0.5 + 0.2 * np.sin((down + across) * 2 * np.pi / 8)
    light = random.uniform(0.9, 1.1)
    mask = np.zeros((_SIDE, _SIDE), dtype=bool)
    if odd:
        top, left = random.integers(8, _SIDE - 24, size=2)
        mask[top:top + 16, left:left + 16] = True
        stripes[mask] = (0.6 + 0.35 * np.sin((down - across) * 2 * np.pi / 4))[mask]
    values = np.clip(light * stripes + 0.02 * random.normal(size=stripes.shape), 0, 1)
    return Pixels(np.repeat(values[:, :, None], 3, axis=2).astype(np.float32), mask=mask)


_WHO = ("the old engineer", "a young driver", "the tired nurse", "our new teacher", "the quiet farmer", "my neighbour")
_DID = ("repaired", "painted", "described", "inspected", "carried", "remembered")
_WHAT = ("the wooden bridge", "a small engine", "the long letter", "the garden wall", "an empty box", "the winter coat")
_WHEN = ("in the morning", "after lunch", "on a rainy day", "before the meeting", "last week", "late in autumn")


def _text(random: np.random.Generator, odd: bool) -> str:
    """Plain sentences; odd ones shout numbers and strange words."""
    if odd:
        code = "".join(random.choice(list("XQZ#%&0123456789"), size=14))
        return f"!!! WIN {int(random.integers(1000, 9999))}$$ NOW !!! {code} CALL {int(random.integers(10**8, 10**9))} NOW !!!"
    return " ".join(str(random.choice(part)) for part in (_WHO, _DID, _WHAT, _WHEN)) + "."


def _session(random: np.random.Generator, odd: bool) -> str:
    """open, reads, check, close; odd ones close first and then report a fault never seen."""
    block, reads = int(random.integers(100, 999)), int(random.integers(2, 5))
    lines = [f"INFO opening block {block} for user{int(random.integers(9))}"]
    lines += [f"INFO read {int(random.integers(200, 900))} bytes from block {block}" for _ in range(reads)]
    lines += [f"INFO checksum of block {block} verified", f"INFO closing block {block} after {int(random.integers(5, 60))} ms"]
    if odd:
        lines = [lines[-1], *lines[:-1], f"FATAL parity failure in sector {int(random.integers(10**6, 10**7))}, controller gave up"]
    return "\n".join(lines)


MAKERS: dict[str, Maker] = {"images": _picture, "texts": _text, "logs": _session}
