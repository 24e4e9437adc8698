from __future__ import annotations

import numpy as np
import pytest

from tocsin.core import catalog
from tocsin.core.errors import ArtifactError, ConfigError, DataError
from tocsin.core.state import build
from tocsin.detectors.guided_fusion import GuidedFusion, _nearest, _places, _soft


def _rows(n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Rows 0 to 9 are anomalies within the range of each column, of a kind that two labels tell; 10 to 14 lie far out and are not known."""
    X = np.random.default_rng(0).normal(size=(n, 4))
    X[:10] = [1.6, -1.6, 1.6, -1.6] + 0.1 * X[:10]
    X[10:15] *= 5
    return X, (np.arange(n) < 2).astype(int)


def _auroc(high: np.ndarray, low: np.ndarray) -> float:
    return float((high[:, None] > low).mean())


def test_it_finds_the_kin_of_the_known_and_what_is_odd_without_a_label() -> None:
    X, y = _rows()
    scores = GuidedFusion.small().fit(X, y).anomaly_score(X)
    assert _auroc(scores[2:10], scores[15:]) > 0.97
    assert _auroc(scores[10:15], scores[15:]) > 0.95
    alone = catalog.make("iforest").fit(X).anomaly_score(X)
    assert _auroc(alone[2:10], alone[15:]) < 0.93


def test_a_single_label_is_enough() -> None:
    X, _ = _rows()
    scores = GuidedFusion.small().fit(X, np.arange(len(X)) == 0).anomaly_score(X)
    assert _auroc(scores[1:10], scores[15:]) > 0.95


def test_trust_says_how_much_the_labels_weigh() -> None:
    X, y = _rows()
    y = np.roll(y, 100)  # labels on ordinary rows
    deaf, obedient = (GuidedFusion(trees=10, trust=trust).fit(X, y).anomaly_score(X) for trust in (1000.0, 0.0))
    assert _auroc(deaf[10:15], deaf[15:]) > _auroc(obedient[10:15], obedient[15:])
    assert _auroc(obedient[100:102], obedient[102:]) > _auroc(deaf[100:102], deaf[102:])


def test_training_rows_are_judged_as_unseen() -> None:
    X, _ = _rows()
    y = np.zeros(len(X), int)
    y[20:40] = 1  # labels that say nothing
    model = GuidedFusion(trees=10)
    unseen = model.fit_held_out(X, y)
    seen = model.anomaly_score(X)
    rest = y == 0
    assert _auroc(seen[~rest], seen[rest]) > 0.95 > 0.75 > _auroc(unseen[~rest], unseen[rest])


def test_held_out_scores_are_on_the_scale_of_new_rows() -> None:
    X, y = _rows()
    model = GuidedFusion(trees=20)
    unseen = model.fit_held_out(X, y)[15:]
    fresh = model.anomaly_score(np.random.default_rng(1).normal(size=(300, 4)))
    assert abs(np.median(unseen) - np.median(fresh)) < 0.3 * fresh.std()


def test_a_large_table_is_remembered_in_part() -> None:
    X, y = _rows(400)
    model = GuidedFusion(trees=10, rows=50).fit(X, y)
    assert len(model.usual_) == len(model.rest_) == 50 and len(model.odd_) == 2
    assert np.isfinite(model.anomaly_score(X)).all()


def test_nearest_leaves_a_row_out_of_its_own_neighbours() -> None:
    rows = np.array([[0.0], [1.0], [3.0]])
    own = _places(3, np.array([0, 1, 2]))
    assert _nearest(rows, rows, 5, own).tolist() == [[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]]
    assert _nearest(rows[:1], rows, 2, np.array([-1])).tolist() == [[0.0, 1.0]]
    assert _nearest(rows[:1], rows[:1], 2, np.array([0])).tolist() == [[0.0]]


def test_soft_scores_keep_their_order() -> None:
    made = _soft(np.array([-9.0, -3.0, 0.0, 6.0, 7.0, 1e9]))
    assert made[:4].tolist() == [-3.0, -3.0, 0.0, 6.0] and 6 < made[4] < made[5] < 30


@pytest.mark.parametrize("parts", [None, {}, {"forest": {}}])
def test_a_state_without_its_parts_is_refused(parts: object) -> None:
    state = GuidedFusion(trees=2).fit(*_rows(40)).state()
    state["learned"]["parts_"] = parts
    with pytest.raises(ArtifactError, match=r"TOC-410.*parts"):
        build(GuidedFusion, state)


@pytest.mark.parametrize(("wrong", "code"), [({"trees": 0}, "TOC-202"), ({"rows": 7}, "TOC-202"), ({"drop": 0.6}, "TOC-213"),
                                             ({"drop": -0.1}, "TOC-213"), ({"trust": -1.0}, "TOC-213")])
def test_wrong_settings(wrong: dict, code: str) -> None:
    with pytest.raises(ConfigError, match=code):
        GuidedFusion(**wrong).fit(*_rows(40))


def test_labels_are_needed() -> None:
    X, y = _rows(40)
    for labels, code in ((None, "TOC-185"), (y * 0, "TOC-185"), (y * 0 + 1, "TOC-186")):
        with pytest.raises(DataError, match=code):
            GuidedFusion().fit(X, labels)
