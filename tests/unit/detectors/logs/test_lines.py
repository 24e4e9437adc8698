from itertools import product

import numpy as np

from tocsin.core import catalog

LOG = [f"10:00:{i % 60:02d} INFO node {i} memory error corrected" for i in range(60)] + \
      [f"10:01:{i % 60:02d} INFO core {i} written to disk" for i in range(40)]


def test_a_new_template_of_known_words_is_less_odd_than_one_of_new_words() -> None:
    model = catalog.make("logs.lines").fit(LOG)
    new = ["10:02:00 INFO node 3 memory error corrected", "10:02:00 INFO node 3 two memory error corrected", "10:02:00 INFO mount failed"]
    known, near, far = model.anomaly_score(new)
    assert far > near + 1 > known + 1


def test_a_line_repeated_ten_thousand_times_leaves_the_others_in_order() -> None:
    model = catalog.make("logs.lines")
    held = model.fit_held_out(["10:00:00 INFO heartbeat"] * 10_000 + LOG)
    usual, never = model.anomaly_score([LOG[0], "10:02:00 INFO mount failed on bglio"])
    assert never > usual > held[0] and np.unique(held[:10_000]).size == 1


def test_held_out_scores_match_those_of_fresh_lines() -> None:
    rng = np.random.default_rng(0)
    words = ("open", "read", "close"), ("file", "socket", "pipe"), ("ok", "slowly", "again", "twice")
    kinds = [" ".join(each) for each in product(*words)]
    weights = rng.dirichlet(np.full(len(kinds), 0.5))
    draw = [f"10:00:{i % 60:02d} INFO {kinds[k]} {i}" for i, k in enumerate(rng.choice(len(kinds), 1500, p=weights))]
    model = catalog.make("logs.lines")
    held, new = model.fit_held_out(draw[:750]), model.anomaly_score(draw[750:])
    assert (new > np.quantile(held, 0.95)).mean() < 0.08
