"""``tocsin watch``: rows from a file or from standard input, judged as they come."""

from __future__ import annotations

import contextlib
import csv
import json
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import parameters

if TYPE_CHECKING:
    from tocsin.streaming.judgement import Judgement
    from tocsin.streaming.stream import Stream

_EPILOG = """
**Examples**

`sensor | tocsin watch - --detector half_space_trees --time stamp`  — learns as it goes, needs no training data

`tail -f readings.csv | tocsin watch - --model pump.tocsin --lateness 30s --state pump.stream`  — stop it and start it again: it goes on

`tocsin watch readings.jsonl --model pump.tocsin --all`  — a line for every row
"""
_DELIMITERS = ",;\t|"


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(watch)


def watch(
    file: Annotated[str, typer.Argument(metavar="FILE", help="csv or JSON lines; - is standard input.", show_default=False)],
    model: Annotated[Path | None, typer.Option(help="A saved model of a series.")] = None,
    detector: Annotated[str | None, typer.Option(help="An online detector that starts from nothing, as half_space_trees.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="Setting of the detector, name=value; may be repeated.")] = None,
    time: Annotated[str | None, typer.Option(help="Column of time stamps; the model's, or the first that holds dates.")] = None,
    column: Annotated[list[str] | None, typer.Option(help="Column to judge, without a model; may be repeated. All others else.")] = None,
    lateness: Annotated[str | None, typer.Option(help="How long a row may come after later ones: 30s, 5min; rows wait that long.")] = None,
    step: Annotated[str | None, typer.Option(help="Length of the clock's step: 1min; the model's when not given.")] = None,
    threshold: Annotated[str | None, typer.Option(help="adaptive=0.001, false_alarm_rate=0.01, ...; the model's when not given.")] = None,
    warmup: Annotated[int | None, typer.Option(help="Scores that the adaptive threshold learns from first.", min=20)] = None,
    decimal: Annotated[str, typer.Option(help="Decimal mark of numbers in csv: '.' or ','.")] = ".",
    state: Annotated[Path | None, typer.Option(help="Go on from this file if it is there; write it at the end.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Print every row, late ones, too, not only anomalies.")] = False,
    early: Annotated[bool, typer.Option("--early", help="Print early words, too: before the window of a row is complete.")] = False,
    fail_on_anomaly: Annotated[bool, typer.Option("--fail-on-anomaly", help="Exit code 3 when something was found.")] = False,
) -> None:
    """Judge rows as they come; print one JSON line per anomaly, at once."""
    from tocsin.streaming.stream import Stream

    judge = _model(model, detector, param or [])
    if state is not None and state.exists():
        stream = Stream.load(state, judge)
    else:
        stream = Stream(judge, threshold=threshold, lateness=lateness, step=step, warmup=warmup, early=early)
    run = Run(stream, time, tuple(column or ()), everything=all_, decimal=decimal)
    try:
        with _opened(file) as lines, _terminable():
            run.through(lines)
            run.standing = stream.status()  # a flush ends the segment, and the next one starts from nothing
            if state is None:
                run.tell(stream.flush())
    finally:
        if state is not None:  # rows that wait for others go on waiting: a flush would judge them as the last ones
            stream.save(state)
    run.sum_up()
    if fail_on_anomaly and run.found:
        raise typer.Exit(3)


class Run:
    """Lines → rows → stream → JSON lines."""

    def __init__(self, stream: Stream, time: str | None, columns: tuple[str, ...], *, everything: bool, decimal: str = ".") -> None:
        from tocsin.pipeline.pipeline import Pipeline

        self.stream, self.columns, self.everything, self.comma = stream, columns, everything, decimal == ","
        schema = stream.model.schema_ if isinstance(stream.model, Pipeline) else None
        self.time = time or (schema.time if schema is not None else None)
        self.numbers = None if schema is None else {one.name for one in schema.columns if one.kind in ("number", "constant")}
        self.bad = self.rows = self.found = 0
        self.standing: dict[str, Any] | None = None  # of the stream, before its end
        self.judging = False  # whether the last final word was a judgement

    def through(self, lines: Iterable[str]) -> None:
        """Push every row; a bad line is told with its number, and the next one is taken."""
        from tocsin.core.errors import DataError

        for number, row in _rows(lines, self.comma):
            try:
                if isinstance(row, str):
                    raise DataError("TOC-125", row)
                stamp = self._stamp(row)
                self.tell(self.stream.push(self._values(row), stamp))
                self.rows += 1
            except DataError as error:
                self.bad += 1
                print(f"line {number}: {error}", file=sys.stderr)

    def tell(self, judgements: list[Judgement]) -> None:
        """Print what is to be told of these."""
        for one in judgements:
            self.found += one.is_anomaly and one.final
            if one.final and one.state != "late":
                self.judging = one.state == "live"
            if one.is_anomaly or one.note or self.everything:
                time = None if one.time is None else one.time if isinstance(one.time, (int, float)) else str(one.time)
                print(json.dumps({**one._asdict(), "time": time, "is_anomaly": bool(one.is_anomaly)}), flush=True)

    def sum_up(self) -> None:
        """One line on stderr. Raises DataError TOC-122 when not a single row could be used."""
        from tocsin.core.errors import DataError

        if not self.rows and self.bad:
            raise DataError("TOC-122", "not a single line could be used", came=f"{self.bad} bad lines",
                            todo="mend what the lines above say")
        where = self.stream.status()
        late, words = where["late"], [f"{self.rows} rows", f"{self.found} anomalies"]
        words += [f"{late} late"] * (late > 0) + [f"{self.bad} bad lines"] * (self.bad > 0)
        before = self.standing or where
        warming = "" if self.judging or before["state"] == "live" else "; still warming up"
        warming += f": {before['needed']} rows to go" if warming and before["needed"] else ""
        print(", ".join(words) + warming, file=sys.stderr)

    def _stamp(self, row: dict[str, Any]) -> Any:
        if self.time is None and not self.rows:
            self.time = next((name for name, cell in row.items() if _is_date(cell)), None)
        if self.time is None:
            return None
        cell = row.get(self.time)
        if cell is None or cell == "":
            from tocsin.core.errors import DataError

            raise DataError("TOC-197", "the row has no time", came=f"{self.time!r}: {cell!r}", todo="give every row a time")
        return _number(cell)

    def _values(self, row: dict[str, Any]) -> dict[str, Any]:
        if self.numbers is None:
            names = self.columns or [name for name in row if name != self.time]
            return {name: self._cell(row.get(name)) for name in names}
        return {name: self._cell(cell) if name in self.numbers else cell for name, cell in row.items() if name != self.time}

    def _cell(self, cell: Any) -> Any:
        """A cell of a column of numbers."""
        return None if cell == "" else _number(_point(cell, self.comma))


def _rows(lines: Iterable[str], comma: bool = False) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """(line number, cells by name, or what is wrong with the line)."""
    names: list[str] | None = None
    as_json, delimiter = False, ","
    for number, line in enumerate(lines, 1):
        line = line.strip("\r\n\ufeff")
        if not line.strip():
            continue
        if names is None and not as_json:
            as_json = line.lstrip().startswith("{")
            if not as_json:
                delimiter = max(_DELIMITERS[comma:], key=line.count)
                try:
                    cells = _cells(line, delimiter)
                except csv.Error as error:
                    yield number, f"no csv: {error}"
                    continue
                headed = not any(isinstance(_number(_point(cell, comma)), float) or _is_date(cell) for cell in cells)
                names = [cell.strip() for cell in cells] if headed else [f"x{j}" for j in range(len(cells))]
                if headed:
                    continue
        if as_json:
            yield number, _document(line)
            continue
        assert names is not None
        try:
            cells = _cells(line, delimiter)
        except csv.Error as error:
            yield number, f"no csv: {error}"
            continue
        yield number, dict(zip(names, cells)) if len(cells) == len(names) else f"{len(cells)} cells, the first line has {len(names)}"


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _document(line: str) -> dict[str, Any] | str:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError: a numeral of thousands of digits, too
        return f"no JSON: {error}"
    return found if isinstance(found, dict) else "a JSON line that is no object"


def _point(cell: Any, comma: bool) -> Any:
    """1.234,5 as 1234.5, where the comma is the decimal mark."""
    return cell.replace(".", "").replace(",", ".") if comma and isinstance(cell, str) else cell


def _number(cell: Any) -> Any:
    """A cell as a float where it is one."""
    if isinstance(cell, bool) or not isinstance(cell, (str, int, float)):
        return cell
    with contextlib.suppress(ValueError, OverflowError):
        return float(cell)
    return cell


def _is_date(cell: Any) -> bool:
    from tocsin.core.errors import DataError
    from tocsin.streaming.moment import moment

    if not isinstance(cell, str) or isinstance(_number(cell), float):
        return False
    with contextlib.suppress(DataError):
        moment(cell)
        return True
    return False


def _model(model: Path | None, detector: str | None, param: list[str]) -> Any:
    from tocsin.core import catalog
    from tocsin.core.errors import ConfigError

    if (model is None) == (detector is None):
        raise ConfigError("TOC-279", "watch needs a saved model or an online detector, one of them",
                          came="both" if model else "neither", todo="give --model pump.tocsin or --detector half_space_trees")
    if model is not None:
        from tocsin.delivery import artifact

        return artifact.load(model)
    return catalog.make(str(detector), **parameters(param))


@contextlib.contextmanager
def _opened(file: str) -> Iterator[IO[str]]:
    if file == "-":
        yield sys.stdin
        return
    from tocsin.core.errors import DataError

    path = Path(file)
    if not path.is_file():
        raise DataError("TOC-120", "there is no such file", came=file, todo="check the path; - is standard input")
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        yield lines


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """A stop from outside (SIGTERM) ends the run as Ctrl-C does, so that the state is saved."""
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread, where signals cannot be caught
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
