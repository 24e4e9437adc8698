"""Words of log lines, with what varies from line to line masked: numbers, times, addresses, hexadecimals, identifiers, paths.

A line is cut at white space; a word that is a value as a whole becomes ``<v>`` (a time of day or a date ``<t>``), one that merely holds
numbers keeps its letters (``sshd[24200]:`` → ``sshd[<n>]:``), and a named value its name (``uid=0`` → ``uid=<v>``).
"""

from __future__ import annotations

import re

VALUE, TIME = "<v>", "<t>"
DATES = frozenset(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
                   "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
ZEROS = str.maketrans("123456789", "000000000")
_DIGIT = re.compile(r"\d")
_AROUND = "()[]{}<>,;:\"'|!?."
_ZONE = r"(Z|[+-]\d\d:?\d\d)?"
_TIME = re.compile(r"\d{1,2}:\d\d(:\d\d)?([.,]\d+)?" + _ZONE
                   + r"|(\d{4}[-/.]\d\d[-/.]\d\d|\d\d/\w{3}/\d{4})([T:._-]\d\d[:.]\d\d([:.]\d\d)?([.,]\d+)?)?" + _ZONE)
_NUMBER = re.compile(r"[+-]?[$#]?\d+([.,:/_T+-]+\d+)*(%|Z|[a-zA-Z]{1,3}(/s)?)?")
_HEX = re.compile(r"0[xX][0-9a-fA-F]+|(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}|([0-9a-fA-F]{8}){1,8}"
                  r"|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){3,}(/\d+)?")
_NAMED = re.compile(r"([^=\s\d][^=\s\d]*=)(.+)", re.S)
_PATH = re.compile(r"(\.{0,2}/|~/|[A-Za-z]:\\|\w+://)[^\s]+", re.S)
_RUN = re.compile(r"0[xX][0-9a-fA-F]+|(?<![A-Za-z0-9.])-?\d+(\.\d+)?|\d+(\.\d+)?")
_NUMERIC = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LONGEST = 200  # characters of a word; longer ones are values: a token, a blob
_PLACES = 3  # runs of digits from which on a word is an identifier as a whole


def masked(word: str) -> str:
    """``word`` without what varies.

    >>> [masked(word) for word in ("10.0.0.7:50010", "blk_-38865", "size=67", "R02-M1-N0-C:J12-U11", "15:16:01", "/etc/hosts", "error:")]
    ['<v>', 'blk_<n>', 'size=<v>', '<v>', '<t>', '<v>', 'error:']
    """
    if len(word) > _LONGEST:
        return VALUE
    core = word.strip(_AROUND)
    if not core:
        return word
    if _DIGIT.search(core) is None:
        if _PATH.fullmatch(core) or (len(core) >= 8 and _HEX.fullmatch(core)):
            return VALUE
        named = _NAMED.fullmatch(core)
        return named[1] + VALUE if named and _PATH.fullmatch(named[2]) else word
    if _TIME.fullmatch(core):
        return TIME
    if _NUMBER.fullmatch(core) or _HEX.fullmatch(core) or _PATH.fullmatch(core):
        return VALUE
    named = _NAMED.fullmatch(core)
    if named:
        return named[1] + masked(named[2])
    if len(_RUN.findall(core)) >= _PLACES:
        return VALUE
    return _RUN.sub("<n>", word)


class Masks(dict[str, str]):
    """word → :func:`masked`, remembered for ``most`` words. Words are asked for with zeros in place of their digits (:data:`ZEROS`):
    which digits there are changes nothing, and so most words of a log come again and again."""

    def __init__(self, most: int = 200_000) -> None:
        super().__init__()
        self.most = most

    def __missing__(self, word: str) -> str:
        made = masked(word)
        if len(self) < self.most:
            self[word] = made
        return made


def number(word: str) -> float | None:
    """The number that ``word`` is, or that its name is given (``size=67``); None for all else, and where digits are no quantity.

    >>> number("67108864"), number("size=67,"), number("10.0.0.7"), number("root")
    (67108864.0, 67.0, None, None)
    """
    core = word.strip(_AROUND)
    if "=" in core:
        core = core.rpartition("=")[2].strip(_AROUND)
    return float(core) if len(core) < 300 and _NUMERIC.fullmatch(core) else None
