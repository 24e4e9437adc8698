"""Errors and findings for people: what was written for programmers, said without their words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_FORMS = {
    "PNG": "a picture (PNG)",
    "\\xff\\xd8\\xff": "a picture (JPEG)",
    "%PDF": "a PDF document",
    "PK": "an Excel or other packed file",
    "SQLite": "a database",
    "\\xd0\\xcf": "an old Excel or Word file",
}
_WORDS = (
    (re.compile(r"robust standard deviations from the median"), "usual distances from the middle"),
    (re.compile(r" \((?:id=|ignore=|time=|--|pass )[^)]*\)"), ""),
    (re.compile(r"; pass time=\S* to read a series"), ""),
    (re.compile(r"; mend it and pass time=\S+ for a series"), "; mend it in the file for measurements over time"),
    (re.compile(r"; a label or a column not to be judged: name it when fitting"), ""),
    (re.compile(r"\bhas 1 fields\b"), "has 1 cell"),
    (re.compile(r", or pass delimiter= if (\S+) is not the delimiter"), r", or save the file with \1 between the cells"),
    (re.compile(r"pass time=[^\s,;]*"), "choose the column of times under “More choices”"),
    (
        re.compile(r"pass (?:label|group|id)=[^\s,;]*|pass --\w+ \S+|--(?:label|ignore|id|time|group)(?: \S+)?"),
        "choose the column under “More choices”",
    ),
    (re.compile(r"(?:pass )?ignore=\[[^\]]*\]"), "remove the column from the file"),
    (re.compile(r"\bread\(\)"), "reading"),
    (re.compile(r"\b(?:pass|give) (?=(?:a|an|at|one|rows|the|another) )"), "give "),
    (re.compile(r"\bthere is no model of this name\b"), "there is no detector of this name"),
    (re.compile(r"\bmodels?\b"), lambda found: found[0].replace("model", "detector")),
    (
        re.compile(r"\b1 (rows|columns|values|cells|moments|alarms|copies)\b"),
        lambda found: f"1 {'copy' if found[1] == 'copies' else found[1][:-1]}",
    ),
    (re.compile(r"(^|\s)(\d[\d,]*) values? of (\d[\d,]*) rows are"), r"\1\2 of \3 values are"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "the file"),
)


def sentence(text: Any) -> str:
    """One sentence without the words of programs.

    >>> sentence("a: 3 values of 9 rows are more than 10 robust standard deviations from the median (--ignore a)")
    'a: 3 of 9 values are more than 10 usual distances from the middle'
    >>> sentence("0 of 1 rows are odd"), sentence("'t': dates, but not one regular clock; pass time= to read a series")
    ('0 of 1 row are odd', "'t': dates, but not one regular clock")
    >>> sentence("mend line 2, or pass delimiter= if ',' is not the delimiter")
    "mend line 2, or save the file with ',' between the cells"
    """
    made = str(text)
    for pattern, put in _WORDS:
        made = pattern.sub(put, made)
    return made


def error(told: Mapping[str, Any], expects: Sequence[str] = (), came: Sequence[str] = ()) -> dict[str, str]:
    """A stated error as {code, what, came, todo} for people. ``expects``: the columns that the detector learned from, ``came``: those
    that the file has; where both are known, columns that do not fit are told by them.

    >>> error({"code": "TOC-190", "what": "not taken", "came": "p.png: a file that begins with b'\\\\x89PNG'", "todo": "x"})["came"]
    'p.png is a picture (PNG)'
    >>> error({"code": "TOC-133", "what": "2 missing", "came": "", "todo": ""}, ["t", "flow"], ["a", "b"])["what"]
    'the file has the columns a, b; this detector needs t, flow'
    """
    code = str(told.get("code") or "")
    what, was, todo = (sentence(told.get(part) or "") for part in ("what", "came", "todo"))
    if code == "TOC-190" and "begins with" in was:
        name = was.partition(": ")[0]
        form = next((words for mark, words in _FORMS.items() if mark in was), "")
        was = f"{name} is {form}" if form else f"{name} is in a form that is not known here"
    elif code == "TOC-620":
        what, todo = "there is a detector of this name already", "choose another name"
    elif code == "TOC-621":
        todo = "look at the detectors on the first page"
    elif code in ("TOC-131", "TOC-133", "TOC-134") and expects and came:
        what, was = f"the file has the columns {_listed(came)}; this detector needs {_listed(expects)}", ""
        todo = "give the columns the names that they had, or make a new detector from this file"
    elif code == "TOC-133" and "this detector needs" not in what:
        todo = "give the columns the names that they had in the file that it learned from"
    return {"code": code, "what": what, "came": was, "todo": todo}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
