import numpy as np

from tocsin.core import catalog


def test_odd_values_are_found_and_told() -> None:
    rng = np.random.default_rng(0)
    log = [f"10:00:{i % 60:02d} INFO sent {rng.integers(800, 1200)} bytes, state {'ok' if i % 4 else 'idle'}" for i in range(200)]
    model = catalog.make("logs.parameters").fit(log)
    new = [f"10:09:00 INFO sent {value}" for value in ("1000 bytes, state ok", "9000000 bytes, state ok", "1000 bytes, state dead")]
    usual, large, dead = model.anomaly_score(new)
    assert large > usual + 5 and dead > usual + 3
    told = [reason.sentence for reason in model.reasons(new)]
    assert told[1].startswith("`9000000` stands where 80") and told[1].endswith("is usual, in `sent <*> bytes, state <*>`")
    assert told[2] == "`dead` stands where `ok`, `idle` is usual, in `sent <*> bytes, state <*>`"


def test_a_line_of_no_known_kind_counts_as_never_seen() -> None:
    log = [f"10:00:{i % 60:02d} INFO job {i} done" for i in range(99)]
    known, never = catalog.make("logs.parameters").fit(log).anomaly_score(["10:09:00 INFO job 5 done", "10:09:00 INFO fan broke"])
    assert never == np.log1p(99) and known == 0
