"""A text or some lines of a log with what is odd in them marked."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from tocsin.core.types import Part

_AROUND = 60  # characters of a long text shown on each side of what is marked
_MOST = 1_200  # characters of a text shown whole
_LINES, _LINE = 14, 400  # lines of a session shown; characters of a line


def text(whole: str, parts: Sequence[Part]) -> Markup:
    """``whole`` as HTML, the characters of ``parts`` marked, the stronger the larger their share; of a long text the marked passages.

    >>> str(text("Call <now>", [Part((5, 10), "<now>", 0.7)]))
    '<blockquote class="shown">Call <mark style="--share:0.70">&lt;now&gt;</mark></blockquote>'
    """
    spans = _apart(parts, len(whole))
    windows = [(0, len(whole))] if len(whole) <= _MOST else _windows(spans, len(whole))
    made = Markup("")
    for start, end in windows:
        made += Markup("… ") if start else Markup("")
        made += _window(whole, start, end, spans)
        made += Markup(" …") if end < len(whole) else Markup("")
    return Markup('<blockquote class="shown">{}</blockquote>').format(made)


def lines(item: str, parts: Sequence[Part]) -> Markup:
    """The lines of ``item`` as HTML, those of ``parts`` marked; of a long session the lines around them."""
    all_lines = item.split("\n")
    share = {part.where[0]: part.share for part in reversed(parts) if 0 <= part.where[0] < len(all_lines)}
    wanted = sorted(share, key=lambda i: -share[i])[: _LINES // 2] or [0]
    shown: list[int] = []
    for reach in range(len(all_lines)):
        shown = sorted({j for i in wanted for j in range(i - reach, i + reach + 1) if 0 <= j < len(all_lines)})
        if len(shown) >= min(_LINES, len(all_lines)):
            break
    made, last = Markup(""), -1
    for i in shown:
        made += Markup("<i>…</i>\n") if i > last + 1 else Markup("")
        cut = all_lines[i] if len(all_lines[i]) <= _LINE else all_lines[i][:_LINE] + "…"
        made += Markup('<mark style="--share:{}">{}</mark>\n').format(f"{share[i]:.2f}", cut) if i in share and len(all_lines) > 1 \
            else escape(cut) + Markup("\n")
        last = i
    made += Markup("<i>…</i>") if last < len(all_lines) - 1 else Markup("")
    return Markup('<pre class="shown">{}</pre>').format(made)


def _apart(parts: Sequence[Part], n: int) -> list[tuple[int, int, float]]:
    """(start, end, share) in the order of the text, none overlapping; of two that do, the more important stays."""
    kept: list[tuple[int, int, float]] = []
    for part in parts:
        start, end = max(0, part.where[0]), min(n, part.where[1])
        if start < end and all(end <= a or b <= start for a, b, _ in kept):
            kept.append((start, end, part.share))
    return sorted(kept)


def _windows(spans: Sequence[tuple[int, int, float]], n: int) -> list[tuple[int, int]]:
    if not spans:
        return [(0, _MOST)]
    made: list[tuple[int, int]] = []
    for start, end, _ in spans:
        low, high = max(0, start - _AROUND), min(n, min(end, start + _MOST) + _AROUND)
        if made and low <= made[-1][1]:
            made[-1] = (made[-1][0], high)
        else:
            made.append((low, high))
    return made


def _window(whole: str, start: int, end: int, spans: Sequence[tuple[int, int, float]]) -> Markup:
    made, at = Markup(""), start
    for low, high, share in spans:
        if low >= end or high <= start:
            continue
        low, high = max(low, start), min(high, end)
        made += escape(whole[at:low]) + Markup('<mark style="--share:{}">{}</mark>').format(f"{share:.2f}", whole[low:high])
        at = high
    return made + escape(whole[at:end])
