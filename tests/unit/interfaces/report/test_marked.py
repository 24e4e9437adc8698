from __future__ import annotations

from tocsin.core.types import Part
from tocsin.interfaces.report import marked


def test_parts_are_marked_and_everything_is_escaped() -> None:
    html = marked.text("<b> & win", [Part((6, 9), "win", 0.5), Part((0, 3), "<b>", 0.2)])
    assert html == ('<blockquote class="shown"><mark style="--share:0.20">&lt;b&gt;</mark> &amp; <mark style="--share:0.50">win</mark>'
                    "</blockquote>")


def test_of_two_that_overlap_the_first_stays_and_places_outside_are_cut() -> None:
    html = marked.text("abcdef", [Part((1, 4), "bcd", 0.6), Part((3, 6), "def", 0.3), Part((5, 99), "f", 0.1), Part((9, 12), "", 0.1)])
    assert html.count("<mark") == 2 and ">bcd</mark>" in html and ">f</mark>" in html


def test_of_a_long_text_the_marked_passages_are_shown() -> None:
    whole = "x" * 5000 + "ODD" + "y" * 5000
    html = marked.text(whole, [Part((5000, 5003), "ODD", 1.0)])
    assert ">ODD</mark>" in html and len(html) < 400 and html.count("…") == 2
    assert len(marked.text(whole, [])) < 1400
    assert len(marked.text(whole, [Part((0, 10003), "all", 1.0)])) < 1500


def test_lines_around_the_marked_ones_are_shown() -> None:
    item = "\n".join(f"line {i}" for i in range(100))
    html = marked.lines(item, [Part((50,), "line 50", 0.9), Part((52,), "line 52", 0.1)])
    assert '<mark style="--share:0.90">line 50</mark>' in html and ">line 52</mark>" in html
    assert "line 49" in html and "line 3\n" not in html and html.count("…") == 2
    assert "<mark" not in marked.lines("only <one> line", [Part((0,), "", 1.0)])
    assert "&lt;one&gt;" in marked.lines("only <one> line", [])
    assert marked.lines("a\nb", [Part((7,), "", 1.0)]).count("\n") == 2


def test_a_line_that_goes_on_for_ever_is_cut() -> None:
    assert len(marked.lines("z" * 100_000, [])) < 600
