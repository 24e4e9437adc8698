"""``tocsin fit``: learn what is normal and keep it in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.interfaces.cli.help import Command
from tocsin.interfaces.cli.options import File, Json, dataset, learning, reading, takes

_EPILOG = """
**Examples**

`tocsin fit normal.csv --out pump.tocsin`

`tocsin fit normal.csv --out pump.tocsin --detector knn --param k=3 --label broken`

`tocsin fit sensors.parquet --out net.tocsin --detector recurrent --time stamp --epochs 20`
"""


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(cls=Command, epilog=_EPILOG)(fit)


@takes(reading, learning)
def fit(
    file: File,
    out: Annotated[Path, typer.Option(help="The model file to write, for example pump.tocsin.", show_default=False)],
    answers: Annotated[
        Path | None, typer.Option(help="File of judged rows with a column is_anomaly; they are learned from, too.", show_default=False)
    ] = None,
    json_: Json = False,
    *,
    reading: dict[str, Any],
    learning: dict[str, Any],
) -> None:
    """Learn what is normal from a file and save the model.

    With --label, rows labelled as anomalies are left out of what is learned.
    """
    from tocsin.delivery import artifact
    from tocsin.flows.train import compose
    from tocsin.interfaces.cli.output import print_json, training, working

    with working(f"reading {file}", quiet=json_):
        data = dataset(file, reading, learn=True)
    with training(quiet=json_):
        if answers is None:
            model = compose(data, **learning).fit(data)
        else:
            model = _with_answers(data, answers, learning)
    artifact.save(model, out)
    if json_:
        print_json({"out": str(out), **model.facts_})
    else:
        _tell(model.facts_, out)


def _with_answers(data: Any, answers: Path, learning: dict[str, Any]) -> Any:
    from tocsin.flows.answers import read_answers, retrain_with
    from tocsin.flows.train import compose

    rows, said = read_answers(answers, data.schema, data)
    model, learned = retrain_with(data, rows, said, lambda part: compose(part, **learning))
    model.facts_ = {**model.facts_, "learned": learned}
    return model


def _tell(facts: dict[str, Any], out: Path) -> None:
    from tocsin.interfaces.cli.output import console
    from tocsin.interfaces.report.trained import detector_words, members_words, promise, rule_words
    from tocsin.interfaces.report.words import count, percent, rows_word, seconds

    screen = console()
    learned = facts["n_train"] - facts["labelled_anomalies_left_out"]
    word = rows_word(facts["kind"])
    screen.print(f"{detector_words(facts)} learned from {count(learned, word)} in {seconds(facts['seconds'])}.", style="bold")
    how = "each judged without itself" if facts["calibration"]["plan"] == "own" else f"of {word}s not learned from"
    screen.print(f"Calibrated on {count(facts['calibration']['n'], 'score')} {how}; threshold: {rule_words(facts['threshold'])}.")
    asked = promise(facts["threshold"])
    if asked["rule"] == "false_alarm_rate" and asked["value"] and asked["value"] * facts["calibration"]["effective"] < 1:
        screen.print(f"So few scores hardly carry a rate of {percent(asked['value'])}: learn from more, or ask for a higher rate.")
    for note in facts["origin"]["notes"]:
        if "left out" in note:
            screen.print(f"note: {note}", soft_wrap=True, markup=False)
    for line in members_words(facts.get("members") or []):
        screen.print(line)
    screen.print(f"\nwrote {out}\nnext:  tocsin detect FILE --model {out} --out DIR", soft_wrap=True)
