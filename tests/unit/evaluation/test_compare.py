import numpy as np
import pytest
from scipy.stats import wilcoxon

from tocsin.core.errors import ConfigError
from tocsin.evaluation.compare import mean_interval, paired, ranks, wins


def test_a_steady_lead_is_significant_and_noise_is_not():
    rng = np.random.default_rng(0)
    base = rng.random(30)
    better, same = base + 0.02 + rng.normal(0, 0.01, 30), base + rng.normal(0, 0.01, 30)
    lead = paired(better, base)
    assert lead["p_value"] < 1e-4 and lead["interval"][0] > 0 and lead["p_value"] == pytest.approx(wilcoxon(better, base).pvalue)
    assert paired(same, base)["p_value"] > 0.05 and paired(base, better)["mean_difference"] == -lead["mean_difference"]


def test_sets_that_one_has_not_finished_are_left_out():
    made = paired(np.array([0.9, np.nan, 0.5, 0.7]), np.array([0.8, 0.1, 0.5, np.nan]))
    assert (made["sets"], made["wins"], made["losses"], made["ties"]) == (2, 1, 0, 1)


def test_what_cannot_be_told_is_none():
    assert paired(np.ones(4), np.ones(4))["p_value"] is None
    nothing = paired(np.array([np.nan]), np.array([1.0]))
    assert nothing["sets"] == 0 and nothing["mean_difference"] is None and nothing["interval"] is None
    assert mean_interval(np.array([1.0])) is None


def test_unequal_lengths_are_refused():
    with pytest.raises(ConfigError, match="TOC-262"):
        paired(np.ones(3), np.ones(4))


def test_ranks_and_wins_share_ties_and_skip_unfinished_sets():
    table = np.array([[0.9, 0.8, 0.7], [0.5, 0.5, 0.4], [np.nan, 1.0, 1.0]])
    assert ranks(table).tolist() == [1.25, 1.75, 3.0] and wins(table).tolist() == [1.5, 0.5, 0.0]
    assert np.isnan(ranks(np.full((2, 2), np.nan))).all() and wins(np.full((2, 2), np.nan)).tolist() == [0, 0]
