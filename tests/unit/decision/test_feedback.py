"""Answers change scores near them, weigh columns once both words were said, and keep the promise of the calibration."""

from __future__ import annotations

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError, ConfigError, DataError, StateError
from tocsin.core.state import build
from tocsin.decision.calibrate import Conformal
from tocsin.decision.feedback import MOST, Feedback

CUT = 0.01


class World:
    """Normal rows in five columns, scored by their length; what an unchanged model would say."""

    def __init__(self, seed: int = 0, n: int = 600) -> None:
        rng = np.random.default_rng(seed)
        self.rows = rng.normal(size=(n, 5))
        self.calibrator = Conformal().fit(self.score(self.rows))
        self.fresh = rng.normal(size=(4_000, 5))

    @staticmethod
    def score(rows: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(rows, axis=1))

    def told(self, rows: np.ndarray, answers: list[int], reach: str = "all", **more: object) -> Feedback:
        rows = np.asarray(rows, dtype=float)
        p = self.calibrator.transform(self.score(self.rows))
        return Feedback(reach).fit(rows, answers, scores=self.score(rows), calibrator=self.calibrator, cut=CUT, reference=self.rows,
                                   reference_p=p, **more)  # type: ignore[arg-type]

    def p(self, told: Feedback, rows: np.ndarray) -> np.ndarray:
        return self.calibrator.transform(told.scores(rows, self.score(rows)))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def at(*cells: float) -> np.ndarray:
    return np.array([[*cells, *[0.0] * (5 - len(cells))]])


@pytest.mark.parametrize("reach", ["near", "all"])
def test_a_row_judged_wrong_and_its_copies_are_no_longer_flagged(world: World, reach: str) -> None:
    odd = at(9.0)
    assert world.calibrator.transform(world.score(odd))[0] < CUT
    told = world.told(odd, [0], reach)
    copies = odd + np.random.default_rng(1).normal(size=(20, 5)) * 0.05
    assert (world.p(told, np.vstack([odd, copies])) > 0.1).all()


@pytest.mark.parametrize("reach", ["near", "all"])
def test_a_confirmed_row_and_its_copies_are_flagged(world: World, reach: str) -> None:
    hidden = at(1.5, 1.5)
    assert world.calibrator.transform(world.score(hidden))[0] > CUT
    told = world.told(hidden, [1], reach)
    copies = hidden + np.random.default_rng(1).normal(size=(20, 5)) * 0.05
    assert (world.p(told, np.vstack([hidden, copies])) < CUT).all()


def test_a_confirmed_row_never_loses(world: World) -> None:
    odd = at(40.0)
    assert world.told(odd, [1]).scores(odd, world.score(odd))[0] >= world.score(odd)[0]


def test_answers_of_one_kind_leave_far_rows_exactly_alone(world: World) -> None:
    far = at(0.0, -9.0)
    for said in ([0], [1]):
        told = world.told(at(9.0), said)
        assert told.weights_ is None
        assert told.scores(far, world.score(far))[0] == world.score(far)[0]


def test_near_leaves_far_rows_exactly_alone_whatever_was_said(world: World) -> None:
    told = world.told(np.vstack([at(9.0), at(0.0, 9.0)]), [0, 1], "near")
    far = world.fresh[world.score(world.fresh) < 3]
    told_scores, old = told.scores(far, world.score(far)), world.score(far)
    strength = told._near(far)[0]
    assert (told_scores[strength == 0] == old[strength == 0]).all() and (strength == 0).mean() > 0.9


def test_columns_that_set_right_and_wrong_apart_count_everywhere(world: World) -> None:
    answers = np.vstack([at(5.0), at(-5.5), at(0.0, 5.0), at(0.0, -5.5)])
    told = world.told(answers, [0, 0, 1, 1])
    new = np.vstack([at(5.0, 0.0, 1.5, 1.5), at(0.0, 5.0, 1.5, 1.5)])  # equally odd before, near no answer
    old, now = world.score(new), told.scores(new, world.score(new))
    assert old[0] == old[1] and now[1] > now[0]


def test_the_promised_false_alarm_rate_holds(world: World) -> None:
    answers = np.vstack([at(5.0), at(-5.5), at(0.0, 5.0), at(0.0, -5.5), at(0.0, 0.0, 3.5)])
    rates = []
    for seed in range(8):
        one = World(seed, 1_000)
        told = one.told(answers, [0, 0, 1, 1, 0])
        rates.append((one.p(told, one.fresh) <= 0.05).mean())
    assert 0.03 < np.mean(rates) < 0.07


def test_p_values_stay_in_range_and_are_finite(world: World) -> None:
    told = world.told(np.vstack([at(5.0), at(0.0, 1e6)]), [0, 1])
    rows = np.vstack([world.fresh, at(1e9), at(-1e300), at(0.0)])
    p = world.calibrator.transform(told.scores(rows, np.minimum(world.score(np.clip(rows, -1e150, 1e150)), 1e300)))
    assert ((p > 0) & (p <= 1)).all()


def test_contradicting_words_in_one_call_change_nothing_there(world: World) -> None:
    odd = at(9.0)
    told = world.told(np.vstack([odd, odd]), [0, 1])
    assert told.counts() == {"normal": 0, "anomaly": 0, "undecided": 1}
    assert told.scores(odd, world.score(odd))[0] == world.score(odd)[0]


def test_a_later_word_about_an_equal_row_holds_and_others_stay(world: World) -> None:
    first = world.told(np.vstack([at(9.0), at(0.0, 0.0, 9.0)]), [0, 0])
    later = world.told(at(9.0), [1], earlier=first)
    p = world.p(later, np.vstack([at(9.0), at(0.0, 0.0, 9.0)]))
    assert p[0] < CUT < p[1]
    assert later.counts() == {"normal": 1, "anomaly": 1, "undecided": 0}


def test_repeating_an_answer_adds_nothing_and_near_copies_little(world: World) -> None:
    answers = np.vstack([at(5.0), at(0.0, 5.0)])
    once, often = world.told(answers, [0, 1]), world.told(np.repeat(answers, 50, axis=0), [0] * 50 + [1] * 50)
    assert np.array_equal(once.scores(world.fresh, world.score(world.fresh)), often.scores(world.fresh, world.score(world.fresh)))
    jitter = np.random.default_rng(2).normal(size=(50, 5)) * 0.01
    many = world.told(np.vstack([answers, at(5.0) + jitter]), [0, 1] + [0] * 50)
    assert np.abs(many.weights_).max() < 3 * np.abs(once.weights_).max()


def test_order_of_answers_and_company_of_rows_change_no_bit(world: World) -> None:
    answers, said = np.vstack([at(5.0), at(0.0, 5.0), at(-4.0, 1.0)]), np.array([0, 1, 1])
    one, other = world.told(answers, said.tolist()), world.told(answers[::-1], said[::-1].tolist())
    rows = world.fresh[:200]
    whole = one.scores(rows, world.score(rows))
    assert np.array_equal(whole, other.scores(rows, world.score(rows)))
    assert np.array_equal(whole, np.concatenate([one.scores(rows[i:i + 1], world.score(rows)[i:i + 1]) for i in range(200)]))


def test_without_rows_known_unseen_the_reach_is_near(world: World) -> None:
    answers = np.vstack([at(5.0), at(0.0, 5.0)])
    told = Feedback().fit(answers, [0, 1], scores=world.score(answers), calibrator=world.calibrator, cut=CUT, reference=world.rows)
    assert told.weights_ is None


def test_where_anomalies_hide_among_the_reference_answers_bring_them_out() -> None:
    rng = np.random.default_rng(0)
    normal, odd = rng.normal(size=(900, 5)), rng.normal(size=(100, 5)) * 0.7 + [0, 0, 0, 2.2, 2.2]
    rows = np.vstack([normal, odd])
    calibrator = Conformal(trim=True).fit(World.score(rows))
    asked = np.vstack([odd[:8], normal[np.argsort(-World.score(normal))[:8]]])
    told = Feedback().fit(asked, [1] * 8 + [0] * 8, scores=World.score(asked), calibrator=calibrator, cut=CUT, reference=rows,
                          reference_p=calibrator.transform(World.score(rows)))

    def flagged(new: np.ndarray) -> float:
        return float((calibrator.transform(told.scores(new, World.score(new))) <= CUT).mean())

    assert (calibrator.transform(World.score(odd[8:])) <= CUT).mean() < 0.1
    assert flagged(rng.normal(size=(400, 5)) * 0.7 + [0, 0, 0, 2.2, 2.2]) > 0.3
    assert flagged(rng.normal(size=(4_000, 5))) < 0.03


def test_another_cut_moves_what_was_confirmed(world: World) -> None:
    hidden = at(1.5, 1.5)
    told = world.told(hidden, [1]).with_cut(1e-5)
    assert world.p(told, hidden)[0] < 1e-5


def test_columns_without_spread_and_equal_reference_rows(world: World) -> None:
    rows = np.zeros((50, 3))
    rows[:, 0] = np.repeat([0.0, 1.0], 25)
    calibrator = Conformal().fit(np.r_[np.zeros(25), np.ones(25)])
    told = Feedback().fit([[5.0, 1.0, 0.0], [0.0, 4.0, 0.0]], [0, 1], scores=[3.0, 3.0], calibrator=calibrator, cut=CUT, reference=rows,
                          reference_p=calibrator.transform(np.r_[np.zeros(25), np.ones(25)]))
    assert np.isfinite(told.scores(np.vstack([rows, [[5.0, 1.0, 0.0]]]), np.r_[np.zeros(25), np.ones(25), 3.0])).all()


def test_nearest_tells_who_speaks(world: World) -> None:
    told = world.told(np.vstack([at(9.0), at(0.0, 9.0)]), [0, 1])
    side, heard = told.nearest(np.vstack([at(9.0), at(0.0, 9.0), at(0.0, -9.0)]))
    assert side[:2].tolist() == [0, 1] and heard.round(3).tolist() == [1.0, 1.0, 0.0]
    assert told.answered(np.vstack([at(9.0), at(9.1)])).tolist() == [True, False]


def test_state_comes_back_and_damage_is_refused(world: World) -> None:
    told = world.told(np.vstack([at(5.0), at(0.0, 5.0)]), [0, 1])
    state = told.state()
    again = build(Feedback, state)
    assert np.array_equal(again.scores(world.fresh, world.score(world.fresh)), told.scores(world.fresh, world.score(world.fresh)))
    for name, wrong in (("rows_", np.zeros(3)), ("said_", np.array([0.0, 7.0])), ("weights_", np.zeros(3)), ("radius_", np.zeros(2)),
                        ("z_", np.array([2.0, 1.0])), ("again_", {"name": "os", "state": {}}), ("again_", None), ("high_", "x")):
        with pytest.raises(ArtifactError) as caught:
            build(Feedback, {**state, "learned": {**state["learned"], name: wrong}})
        assert caught.value.code == "TOC-435", name


def test_stated_errors(world: World) -> None:
    with pytest.raises(ConfigError, match="TOC-215"):
        Feedback("far")  # type: ignore[arg-type]
    with pytest.raises(StateError, match="TOC-346"):
        Feedback().scores(world.rows, world.score(world.rows))
    for answers in ([2], [0, 1], [], [np.nan]):
        with pytest.raises(DataError, match="TOC-143"):
            world.told(at(5.0), answers)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="TOC-144"):
        world.told(np.random.default_rng(0).normal(size=(MOST + 1, 5)), [0] * (MOST + 1))
