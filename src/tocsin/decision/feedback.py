"""What a person said of rows, right or wrong, as a change of scores that holds at once: near each answer, and along columns."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import expit

from tocsin.core.errors import ArtifactError, ConfigError, DataError, StateError
from tocsin.core.state import Stateful, build
from tocsin.decision.calibrate import CALIBRATORS, SMALLEST_P, Calibrator

MOST = 2_000
"""Different rows that can be answered before it is time to train again: the work grows with their square."""

Reach = Literal["all", "near"]

_NEIGHBOUR = 5  # whose distance tells how far apart rows usually lie
_EVEN = -np.log(0.01)  # −log p at which a row is as likely right as wrong before anything was said
_BEND = 6.0  # −log p from which evidence counts as its logarithm: a row at 1e-200 must not outvote every answer
_PULL = 3.0  # variance of the columns' weights before any answer
_EDGE = 3.0  # spreads from the middle at which a cell counts no further
_SURE = 1.0  # log odds from which a reference row counts as an anomaly: at 0 false alarms doubled, at 2 a third fewer were found
_LOW = float(np.log(2.0))  # −log p of a row that was judged normal
_FINE = np.r_[np.linspace(0, 10, 201), np.geomspace(10.1, -np.log(SMALLEST_P), 100)]  # −log p, from scores nobody wonders at to the end
_CELLS = 1 << 21  # distances held at once
_FEWEST = 20  # rows known to be unseen that a new calibration needs


class Feedback(Stateful):
    """Answers to "is this row an anomaly?" and how they change scores. Without an answer nothing changes.

    Near. Around each answered row lies a ball whose radius is the usual distance between neighbours, or half the way to the next known
    rows where that is more. At its centre a row judged normal gets the standing of the middle normal row, a confirmed one a standing well
    beyond the cut; towards the edge the change fades to exactly nothing. Where answers overlap the nearest speak, weighed by nearness;
    when they contradict each other the change is what is left of their difference. Equal rows are one answer, so repeating adds nothing.

    Everywhere (``reach="all"``), once both words were said: log p is the first guess of a logistic regression on the cells and on their
    distances from the middle, its weights held near zero. Columns in which right and wrong rows differ then count for every row. Since
    this reorders normal rows, too, they are calibrated anew on reference rows of which is known how they score unseen, so that the
    promised false-alarm rate still holds. Where no such rows are known, the reach is "near".

    When it works: false alarms of a kind, anomalies of a kind; on halves of 18 labelled tables, 20 answers added 17 points of
    average precision on the rows that were never asked about (benchmarks/feedback.py). When not: answers by coin toss, and rows that
    differ in nothing which the columns show. Made for up to some hundred answers; after that train again with them.

    Shapes: matrix (m, d), the detector's own coordinates; answers (m,) of 0 and 1; scores (n,).
    Learned: ``rows_`` (a, d), ``said_`` (a,) in [0, 1], ``radius_`` (a,), ``weights_`` (2 d,) or None, ``again_`` (a calibrator) or None.
    Raises ConfigError TOC-215, DataError TOC-143, TOC-144, StateError TOC-346, ArtifactError TOC-435.
    Sources: active anomaly discovery, Das et al. (2016), for ranking by a prior that answers correct; logistic regression with a
    Gaussian prior, Bishop, "Pattern recognition and machine learning" (2006), chapter 4; Shepard (1968) for the nearest speaking most.

    >>> from tocsin.decision.calibrate import Conformal
    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> length = np.linalg.norm(rows, axis=1)
    >>> known = Conformal().fit(length)
    >>> told = Feedback().fit(np.array([[6.0, 0.0]]), [0], scores=[6.0], calibrator=known, cut=0.01, reference=rows)
    >>> told.scores(np.array([[6.0, 0.0], [-6.0, 0.0]]), np.array([6.0, 6.0])).round(1).tolist()
    [1.1, 6.0]
    """

    def __init__(self, reach: Reach = "all") -> None:
        if reach not in ("all", "near"):
            raise ConfigError("TOC-215", "answers reach all rows, or those near them", came=repr(reach)[:80], todo="use 'all' or 'near'")
        self.reach = reach

    def fit(self, rows: Any, answers: Any, *, scores: Any, calibrator: Calibrator, cut: float, reference: np.ndarray,
            reference_p: np.ndarray | None = None, earlier: Feedback | None = None) -> Self:
        """Take ``answers`` (m,) about ``rows`` (m, d) whose unchanged ``scores`` are (m,); those of ``earlier`` hold on, but for
        equal rows.

        calibrator   the model's own; ``cut``: its threshold on p
        reference    (r, d) usual rows, ``reference_p`` (r,) their p when they were not learned from
        """
        rows, answers = _checked(rows, answers)
        z = -np.log(calibrator.transform(np.asarray(scores, dtype=float)))
        if earlier is not None:
            old = ~_among(earlier.rows_, rows)
            rows, answers = np.concatenate([earlier.rows_[old], rows]), np.r_[earlier.said_[old], answers]
            z = np.r_[earlier.first_[old], z]
        self._forget()
        self._gather(rows, answers, z)
        self._span(reference, cut, calibrator)
        self.weights_: np.ndarray | None = None
        self.again_: Calibrator | None = None
        if self.reach == "all" and reference_p is not None and len(reference_p) >= _FEWEST and (self.said_ > 0.5).any() \
                and (self.said_ < 0.5).any():
            self._weigh(reference, np.asarray(reference_p, dtype=float), calibrator)
        return self

    def with_cut(self, cut: float) -> Feedback:
        """The same answers for another threshold on p: what was confirmed lies well beyond this one."""
        made = self.fresh()
        vars(made).update({name: value for name, value in vars(self).items() if name.endswith("_")})
        made.high_ = _high(cut)
        return made

    def scores(self, matrix: np.ndarray, scores: np.ndarray, p: np.ndarray | None = None) -> np.ndarray:
        """(n,) changed scores in the detector's own unit; those of rows that no answer reaches are the very same numbers.

        ``p`` (n,): what the model's calibrator makes of ``scores``; read off the learned table when it is not at hand.
        """
        self._fitted()
        z = np.interp(scores, self.score_, self.z_) if p is None else -np.log(p)
        usual = z if self.weights_ is None else self._standing(matrix, z)
        strength, side = self._near(matrix)
        lifted = np.maximum(self.high_ - usual, 0.0) * np.maximum(side, 0.0)
        dropped = np.minimum(_LOW - usual, 0.0) * np.maximum(-side, 0.0)
        made = usual + strength * (lifted + dropped)
        return np.asarray(np.where(made == z, scores, np.interp(made, self.z_, self.score_)))

    def nearest(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) the answer that speaks loudest for each row: 1 anomaly, 0 normal, and how strongly, 0 to 1."""
        self._fitted()
        strength, side = self._near(matrix)
        return (side > 0).astype(np.int64), strength * np.abs(side)

    def answered(self, matrix: np.ndarray) -> np.ndarray:
        """(n,) whether a row equal to this one was answered."""
        self._fitted()
        return _among(matrix, self.rows_)

    def counts(self) -> dict[str, int]:
        """How many different rows were judged normal, anomalous, and both."""
        self._fitted()
        normal, odd = int((self.said_ < 0.5).sum()), int((self.said_ > 0.5).sum())
        return {"normal": normal, "anomaly": odd, "undecided": len(self.said_) - normal - odd}

    # ---- learning -------------------------------------------------------------------------------------------------

    def _gather(self, rows: np.ndarray, answers: np.ndarray, z: np.ndarray) -> None:
        """Equal rows become one answer, the mean of what was said."""
        self.rows_, at, group, times = np.unique(rows, axis=0, return_index=True, return_inverse=True, return_counts=True)
        if len(self.rows_) > MOST:
            raise DataError("TOC-144", "there are too many answers to be kept beside a model", came=f"{len(self.rows_)} different rows",
                            todo=f"keep at most {MOST}; train again with the answers, they count fully then")
        self.said_ = np.bincount(group.ravel(), weights=answers, minlength=len(times)) / times
        self.first_ = z[at]

    def _span(self, reference: np.ndarray, cut: float, calibrator: Calibrator) -> None:
        """Radius of each ball; the standing of confirmed rows; the table from −log p to scores."""
        k = min(_NEIGHBOUR, len(reference) - 1)
        own = np.partition(cdist(reference, reference), k, axis=1)[:, k]  # one of them is the row itself
        there = np.partition(cdist(self.rows_, reference), k, axis=1)[:, k]
        self.radius_ = np.maximum(np.maximum(float(np.median(own)), there / 2), 1e-9)
        self.high_ = _high(cut)
        reached = np.asarray(calibrator.inverse(np.minimum(np.exp(-_FINE), 1 - 1e-12)))
        known = np.isfinite(reached)
        self.z_, self.score_ = _FINE[known], np.maximum.accumulate(reached[known])

    def _weigh(self, reference: np.ndarray, p: np.ndarray, calibrator: Calibrator) -> None:
        """Weights of cells and of their distances, and how normal rows stand after that."""
        self.middle_ = np.median(reference, axis=0)
        spread = reference.std(axis=0)
        self.scale_ = np.where(spread > 1e-12, spread, 1.0)
        cells = self._features(self.rows_)  # (a, 2 d)
        kernel = _PULL / reference.shape[1] * cells @ cells.T
        dual = _logistic(kernel, _bent(self.first_) - _EVEN, self.said_)
        self.weights_ = _PULL / reference.shape[1] * dual @ cells  # (2 d,)
        moved = self._moved(reference, -np.log(np.clip(p, SMALLEST_P, 1.0)))
        strength, side = self._near(reference)
        odd = (strength > 0.5) & (side > 0)  # what was confirmed is no normal row
        if calibrator.params().get("trim"):  # nor, where anomalies are expected among these rows, what is now likely to be one
            likely = odd | (moved > _EVEN + _SURE)
            odd = likely if likely.mean() < 0.5 else odd
        self.again_ = calibrator.fresh().fit(moved[~odd]) if (~odd).sum() >= _FEWEST else calibrator.fresh().fit(moved)

    # ---- judging --------------------------------------------------------------------------------------------------

    def _features(self, matrix: np.ndarray) -> np.ndarray:
        cells = np.clip((matrix - self.middle_) / self.scale_, -_EDGE, _EDGE)
        return np.concatenate([cells, np.abs(cells)], axis=1)

    def _moved(self, matrix: np.ndarray, z: np.ndarray) -> np.ndarray:
        assert self.weights_ is not None
        return np.asarray(_bent(z) + (self._features(matrix) * self.weights_).sum(axis=1))  # not a product: see Detector on batch mates

    def _standing(self, matrix: np.ndarray, z: np.ndarray) -> np.ndarray:
        assert self.again_ is not None
        return np.asarray(-np.log(self.again_.transform(self._moved(matrix, z))))

    def _near(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) how near answers are, 1 on one, 0 outside all balls; (n,) what they say there, −1 normal to 1 anomaly."""
        strength, side = np.zeros(len(matrix)), np.zeros(len(matrix))
        word = 2.0 * self.said_ - 1.0
        size = max(1, _CELLS // len(self.rows_))
        for start in range(0, len(matrix), size):
            part = slice(start, start + size)
            share = cdist(matrix[part], self.rows_) / self.radius_  # (b, a)
            near = np.square(np.maximum(1.0 - np.square(share), 0.0))
            loud = near / (1.0 - near + 1e-9)  # the row itself outvotes its neighbours
            total = loud.sum(axis=1)
            strength[part] = near.max(axis=1)
            side[part] = np.divide((loud * word).sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
        return strength, side

    def _fitted(self) -> None:
        if "rows_" not in vars(self):
            raise StateError("TOC-346", "no answers were given yet", todo="call fit with rows and answers first")

    # ---- state ----------------------------------------------------------------------------------------------------

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        again = vars(self).get("again_")
        if again is not None:
            made["again_"] = {"name": next(name for name, cls in CALIBRATORS.items() if type(again) is cls), "state": again.state()}
        return made

    def _load_learned(self, learned: dict[str, Any]) -> None:
        again = learned.get("again_")
        if again is not None:
            if not isinstance(again, dict) or again.get("name") not in CALIBRATORS:
                raise _tampered("again_")
            again = build(CALIBRATORS[again["name"]], again["state"])
        super()._load_learned({**learned, "again_": again})
        wrong = _misshapen(vars(self))
        if wrong:
            self._forget()
            raise _tampered(wrong)


def _checked(rows: Any, answers: Any) -> tuple[np.ndarray, np.ndarray]:
    rows, said = np.asarray(rows, dtype=float), np.asarray(answers)
    if rows.ndim != 2 or said.shape != (len(rows),) or not len(rows) or not np.isin(said, (0, 1)).all():
        raise DataError("TOC-143", "an answer is 0 (normal) or 1 (anomaly), one for each row", came=f"{said.shape} for {len(rows)} rows",
                        todo="pass as many answers as rows, at least one")
    return rows, said.astype(float)


def _among(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n,) whether a row of ``rows`` (n, d) equals one of ``known`` (m, d)."""
    seen = {row.tobytes() for row in np.ascontiguousarray(known) + 0.0}  # −0 becomes 0
    return np.array([row.tobytes() in seen for row in np.ascontiguousarray(rows) + 0.0], dtype=bool)


def _high(cut: float) -> float:
    """−log p of confirmed rows: a tenth of the cut, or of one in a thousand where the cut is wider."""
    return float(-np.log(min(max(cut, 1e-6), 1e-3) / 10))


def _bent(z: np.ndarray) -> np.ndarray:
    return np.where(z <= _BEND, z, _BEND + np.log1p(np.maximum(z - _BEND, 0.0)))


def _logistic(kernel: np.ndarray, offset: np.ndarray, said: np.ndarray) -> np.ndarray:
    """(a,) dual weights of the logistic regression with a Gaussian prior: Newton's steps, halved until they lead downhill."""

    def cost(dual: np.ndarray) -> float:
        f = kernel @ dual
        return float(np.logaddexp(0.0, offset + f).sum() - (said * (offset + f)).sum() + 0.5 * dual @ f)

    dual, best = np.zeros(len(said)), cost(np.zeros(len(said)))
    for _ in range(50):
        f = kernel @ dual
        chance = expit(offset + f)
        bend = np.maximum(chance * (1.0 - chance), 1e-9)
        step = np.linalg.solve(np.eye(len(said)) + bend[:, None] * kernel, bend * f - (chance - said)) - dual
        length = 1.0
        while length > 1e-6 and cost(dual + length * step) > best:
            length /= 2
        dual = dual + length * step
        now = cost(dual)
        if best - now < 1e-10 * (1.0 + abs(now)):
            break
        best = now
    return dual


def _misshapen(learned: dict[str, Any]) -> str:
    """The name of a learned value that is not of its form, "" when all are."""
    rows = np.asarray(learned.get("rows_", ()), dtype=float)
    if rows.ndim != 2 or not len(rows) or not np.isfinite(rows).all():
        return "rows_"
    a, d = rows.shape
    shapes = {"said_": (a,), "radius_": (a,), "first_": (a,)}
    if learned.get("weights_") is not None:
        shapes |= {"weights_": (2 * d,), "middle_": (d,), "scale_": (d,)}
    for name, shape in shapes.items():
        value = np.asarray(learned.get(name, ()), dtype=float)
        if value.shape != shape or not np.isfinite(value).all():
            return name
    z, score = (np.asarray(learned.get(name, ()), dtype=float) for name in ("z_", "score_"))
    if z.ndim != 1 or len(z) < 2 or z.shape != score.shape or not (np.diff(z) > 0).all() or not (np.diff(score) >= 0).all():
        return "z_"
    if (learned.get("weights_") is None) != (learned.get("again_") is None):
        return "again_"
    sound = (learned["said_"] >= 0).all() and (learned["said_"] <= 1).all() and (learned["radius_"] > 0).all()
    return "" if sound and isinstance(learned.get("high_"), float) else "high_"


def _tampered(name: str) -> ArtifactError:
    return ArtifactError("TOC-435", "the answers kept with this model are not of the expected form", came=name,
                         todo="load a file that this version of tocsin wrote")
