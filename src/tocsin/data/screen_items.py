"""What is noticed in pictures, texts and logs before anything is learned from them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from tocsin.core.items import as_items
from tocsin.core.seed import some
from tocsin.core.types import Dataset, Finding

_FEW = 30  # items below which p-values mean little
_LOOKED_AT = 200  # pictures that are decoded
_DARK = 0.02  # standard deviation of grey values below which a picture shows nothing
_LONG = 4.0  # times the 99th percentile of lengths


def screen_items(data: Dataset) -> tuple[Finding, ...]:
    """Size, too few, copies, what was left out when reading, and pictures that show nothing or texts that are far longer than the others.

    Raises DataError TOC-112 without items, TOC-115 where they are none.

    >>> from tocsin.core.types import Schema
    >>> [finding.what for finding in screen_items(Dataset(["a b", "a b", "c"], "texts", Schema(()), np.arange(3)))]
    ['size', 'few', 'copies']
    """
    as_items(data.X, data.kind)  # type: ignore[arg-type]
    found = [*_size(data), *_left_out(data), *(_pictures(data) if data.kind == "images" else _texts(data))]
    grave = {"error": 0, "warning": 1, "info": 2}
    return (found[0], *sorted(found[1:], key=lambda finding: grave[finding.level]))


def _size(data: Dataset) -> Iterator[Finding]:
    n, word = len(data), {"images": "images", "texts": "texts"}.get(data.kind, "lines" if data.schema.session is None else "sessions")
    yield Finding("size", "info", f"{n} {word}.", None, n, n)
    if n < _FEW:
        yield Finding("few", "warning", f"Only {n} {word}: what is normal is known roughly, and a false-alarm rate of 1 % cannot be kept.",
                      None, n, n)


def _left_out(data: Dataset) -> Iterator[Finding]:
    """What could not be read, as the reader's notes count it."""
    for note in data.origin.notes:
        counted = re.search(r"\d+", note)
        if "left out" in note and counted:
            yield Finding("left_out", "warning", f"{note[:1].upper()}{note[1:]}.", None, int(counted[0]), 0)


def _pictures(data: Dataset) -> Iterator[Finding]:
    rows = some(len(data), _LOOKED_AT, 0, "screen")
    sizes: Counter[tuple[int, ...]] = Counter()
    blank = 0
    for row in rows:
        values = data.X[row].pixels()
        sizes[values.shape[:2]] += 1
        blank += float(values.std()) < _DARK
    if len(sizes) > 1:
        (h, w), most = sizes.most_common(1)[0]
        yield Finding("sizes", "info", f"{len(sizes)} sizes among {len(rows)} images looked at, {w} x {h} most often; each is brought to "
                      "the detector's size, and its map to the image's.", None, len(rows) - most, len(rows))
    if blank:
        yield Finding("blank", "warning", f"{blank} of {len(rows)} images looked at show one colour and nothing else.", None, blank,
                      len(rows))


def _texts(data: Dataset) -> Iterator[Finding]:
    counts = Counter(data.X)
    copies = len(data) - len(counts)
    if copies:
        often, times = counts.most_common(1)[0]
        yield Finding("copies", "info", f"{copies} are copies of another; the most frequent one stands {times} times: "
                      f"`{_short(often)}`.", None, copies, len(data))
    lengths = np.array([len(text) for text in data.X])
    far = int((lengths > max(_LONG * float(np.quantile(lengths, 0.99)), 200)).sum())
    if far:
        yield Finding("long", "warning", f"{far} are more than {_LONG:g} times as long as 99 % of the others ({int(lengths.max())} "
                      "characters at most).", None, far, len(data))


def _short(text: str) -> str:
    line = " ".join(text.replace("`", "'").split())
    return line if len(line) <= 60 else line[:59] + "…"
