from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.detectors.hbos import Hbos


def test_one_column_is_minus_the_log_of_its_histogram() -> None:
    X = generator(0, "hbos").uniform(size=(4000, 1))
    scores = Hbos(bins=4).fit(X).anomaly_score([[0.1], [0.6], [0.9]])
    np.testing.assert_allclose(scores, -np.log(X.std()), atol=0.1)  # a uniform density, in standardised units


def test_gaps_are_odd_and_far_values_ordered() -> None:
    X = np.concatenate([np.linspace(0, 1, 300), np.linspace(4, 5, 300)])[:, None]
    inside, gap, far, farther = Hbos().fit(X).anomaly_score([[0.5], [2.5], [9.0], [90.0]])
    assert inside < gap and inside < far < farther


def test_axes_see_broken_relations_that_columns_do_not() -> None:
    x = generator(0, "relation").normal(size=(500, 1))
    X = np.hstack([x, x + 0.1 * generator(1, "relation").normal(size=(500, 1))])
    for axes, seen in ((True, True), (False, False)):
        model = Hbos(axes=axes).fit(X)
        kept, broken = model.anomaly_score([[1.0, 1.0], [1.0, -1.0]])
        assert bool(broken > kept + 1) == seen


def test_wide_tables_do_without_axes_and_the_map_is_of_columns() -> None:
    X = generator(0, "wide").normal(size=(50, 210))
    model = Hbos().fit(X)
    assert len(model.axes_) == 0
    np.testing.assert_allclose(model.anomaly_map(X).mean(axis=1), model.anomaly_score(X))


def test_wrong_settings() -> None:
    with pytest.raises(ConfigError, match="TOC-202"):
        Hbos(bins=1).fit(np.ones((9, 2)))
