"""Several kinds of detectors on a series, each weighed by how well it finds made anomalies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import ArtifactError, ConfigError
from tocsin.core.least import at_least
from tocsin.core.state import build
from tocsin.core.tags import Tags
from tocsin.data.inject import has_room, inject
from tocsin.data.period import window_length
from tocsin.decision.blend import average_precision, standing, usual, weights

# name → (catalog name, parameters, window in periods, window in steps). Shapes, statistics with and without the level, linear structure,
# single points: what one overlooks another sees.
MEMBERS: dict[str, tuple[str, dict[str, Any], float | None, int | None]] = {
    "shape": ("profile", {}, 1.0, None),
    "long shape": ("profile", {}, 2.0, None),
    "bank of shapes": ("shapes", {"method": "kshape"}, 1.0, None),
    "kinds of windows": ("shapes", {"method": "kmeans"}, 1.0, None),
    "behaviour": ("window_statistics", {"level": False}, 1.0, None),
    "long behaviour": ("window_statistics", {"level": False}, 2.0, None),
    "longer behaviour": ("window_statistics", {"level": False}, 4.0, None),
    "behaviour in 64 steps": ("window_statistics", {"level": False}, None, 64),
    "level and behaviour": ("window_statistics", {}, 2.0, None),
    "level and behaviour in 128 steps": ("window_statistics", {}, None, 128),
    "values in 128 steps": ("profile", {"normalise": False, "k": 3}, None, 128),
    "linear structure": ("subsequence_pca", {}, 2.0, None),
    "next step": ("autoregression", {}, None, None),
    "single points": ("points", {}, None, None),
}
# In their place when there are many channels: short windows, since what many sensors have in common shows at once, and little work.
LEAN: dict[str, tuple[str, dict[str, Any], float | None, int | None]] = {
    "behaviour in 24 steps": ("window_statistics", {"level": False}, None, 24),
    "behaviour in 64 steps": ("window_statistics", {"level": False}, None, 64),
    "values in 24 steps": ("profile", {"normalise": False, "k": 3}, None, 24),
    "next step": ("autoregression", {}, None, None),
}
# Beside either, on all channels at once: what only shows in how channels go together.
JOINT: dict[str, tuple[str, dict[str, Any], float | None, int | None]] = {
    "joint behaviour": ("window_statistics", {}, None, 24),
    "joint structure": ("subsequence_pca", {}, None, 24),
    "joint values": ("profile", {"normalise": False, "k": 3}, None, 24),
}
_KNOWN = {**MEMBERS, **LEAN, **JOINT}
_ALL = -1  # in place of a channel: a part that sees them all
_CELLS = 4_096  # steps times channels of a window at most
_MANY = 8  # channels up to which the full set is used: the work grows with channels times members
_LEAST, _MOST = 4, 512  # steps in a window
_PLENTY = 40  # windows in a series that is long enough to trust a member's own word on it
_PARTS = 4  # that are left out in turn
_TRIAL = 2_000  # rows that are learned from, and as many that are spoiled, when members are tried
_FEWEST = 64  # rows from which there is room for a trial


class Fusion(Detector):
    """Complementary detectors on each channel of a series, fused: the default for series.

    Each member scores each channel by itself; scores are brought to usual spreads above the member's usual score and added, with weights
    from how well the member finds anomalies made by hand (points, shifts, trends, shapes, frequencies, flat and noisy stretches) in a
    later part of the training series when it has learned from the earlier part. No label is used. Channels are joined by the mean of
    their standing and their highest one, and with several channels half of the score comes from three members that see all of them at
    once. ``report_`` says which members were used, how well each did and what it weighs (channel -1: all together).

    Works on most series without tuning: periodic or not, smooth or noisy, shape or level anomalies. Costs some seconds per 10,000 steps
    and channel; from 9 channels on, four members with short windows, all alike in weight, cost about one. Weak where what is usual drifts
    for long. Scores are final when a step's last window has passed (four periods or 128 steps); for answers at once use an online detector.

    ``fit_score`` judges the training series by itself: each window is compared with all others of the series; ``clean`` rows at its start
    that are known to be normal are then a second reference, and the made anomalies are put into them.

    ``window``: steps of one usual shape, None for one period of the series. ``members``: names of :data:`MEMBERS`, None for all.
    ``temperature``: of the weights; large values trust all members alike. ``most``: training windows that a member remembers at most.
    ``switches``: positions of channels of 0 and 1, which are not judged unless there are no others. Shapes: X (t, c); the map holds each
    channel's standing, ``expected`` the mean of the windows in training that are most alike.
    Raises ConfigError TOC-202 (a number below its least), TOC-209 (no such member).
    Source: fusion of standardised scores, Aggarwal and Sathe (2017, "Outlier ensembles"); weights by made anomalies after Goswami et al.
    (2023, "Unsupervised model selection for time-series anomaly detection").

    >>> wave = np.sin(np.arange(600) * 2 * np.pi / 20)
    >>> bent = np.where(np.arange(600) // 10 == 25, 0.0, wave)  # steps 250 to 259 are flat
    >>> int(Fusion(members=["shape", "behaviour"]).fit(wave).anomaly_score(bent).argmax()) in range(240, 270)
    True
    """

    tags = Tags(modality="series", min_rows=32, gives_map=True, gives_expected=True, judges_own=True, own_held_out=True)

    def __init__(self, window: int | None = None, members: Sequence[str] | None = None, clean: int | None = None,
                 temperature: float = 0.4, most: int = 2000, switches: Sequence[int] = (), seed: int = 0) -> None:
        self.window, self.members, self.clean, self.temperature = window, members, clean, temperature
        self.most, self.switches, self.seed = most, switches, seed

    @classmethod
    def small(cls) -> Self:
        return cls(members=("shape", "behaviour", "single points"), most=200)

    @property
    def detectors(self) -> list[Detector]:
        """The fitted members, of all channels."""
        return [part["detector"] for part in self._parts_]

    @property
    def longest(self) -> int:
        """Steps in the longest window of a fitted member: how far around a step its score looks."""
        return max(_window(part["detector"]) for part in self._parts_)

    @property
    def span(self) -> int:
        """Steps over which a score runs on: half of the members' windows on average, by weight; scores further apart share under a half."""
        total = sum(part["weight"] for part in self._parts_)
        return max(1, round(sum(part["weight"] * _window(part["detector"]) for part in self._parts_) / total / 2))

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        self._check(X)
        self.window_ = self.window or window_length(X)
        self.channels_ = _judged(X.shape[1], self.switches)
        self._parts_ = []
        # Standing of the training rows by each part, as if unseen and among themselves; dropped when asked for, or by the next fit.
        self._unseen: list[np.ndarray] = []
        self._among: list[np.ndarray] = []
        sound = slice(0, self.clean) if self.clean is not None and self.clean < len(X) else slice(0, len(X))
        for j in self.channels_:
            self._parts_ += self._fitted(X[:, [j]], groups, j, sound)
        if len(self.channels_) > 1:
            self._parts_ += self._fitted(X[:, self.channels_], groups, _ALL, sound)
        self.usual_ = self._expecting(X, groups).state()
        self.report_ = [{"channel": part["channel"], "member": part["member"], "window": _window(part["detector"]),
                         "quality": part["quality"], "weight": part["weight"]} for part in self._parts_]

    def _fitted(self, x: np.ndarray, groups: np.ndarray, j: int, sound: slice) -> list[dict[str, Any]]:
        """The members of one channel (or of all), fitted on all rows, with what is usual for them, how well they did, and their weight."""
        made = []
        for name in self._names(j):
            detector = self._member(name, groups, x.shape[1])
            own = detector.fit_score(x, groups=groups)
            centre, spread = usual(own)
            made.append({"channel": j, "member": name, "detector": detector, "centre": centre, "spread": spread})
            self._among.append(standing(own, centre, spread))
            self._unseen.append(standing(self._fitted_anew(detector, name, x, groups, own), centre, spread))
        rows = _calm(np.mean(self._among[-len(made):], axis=0), groups) if sound.stop == len(x) else sound
        quality = self._tried(x[rows], groups[rows], j)
        for part, good, weight in zip(made, quality, weights(quality, self.temperature)):
            part["quality"], part["weight"] = float(good), float(weight)
        return made

    def _fitted_anew(self, detector: Detector, name: str, x: np.ndarray, groups: np.ndarray, own: np.ndarray) -> np.ndarray:
        """(t,) scores of the rows that ``detector`` was fitted on, as of rows that it has not seen.

        A member's ``own`` word is too kind where it fits few shapes or directions to overlapping windows, and where the series holds few
        windows at all, so that what is usual is itself uncertain: there it is fitted anew without each part.
        """
        if detector.tags.own_held_out and len(x) >= _PLENTY * _window(detector):
            return own
        held = own.copy()
        for rows, near, rest, pieces in _parts(groups, _window(detector)):
            if len(rest) >= 2 * detector.tags.min_rows:
                other = self._member(name, pieces, x.shape[1]).fit(x[rest], groups=pieces)
                held[rows] = other.anomaly_score(x[near], groups=groups[near])[rows - near[0]]
        return held

    def _tried(self, x: np.ndarray, groups: np.ndarray, j: int) -> np.ndarray:
        """(m,) how well each member, fitted on the first part of normal rows ``x`` (t, c), finds anomalies made in the part after it.

        Average precision, averaged over the kinds of made anomalies; all alike where there is no room to try.
        """
        names = self._names(j)
        if j != _ALL and len(self.channels_) > _MANY:  # many channels settle it together
            return np.zeros(len(names))
        x, groups = x[-2 * _TRIAL:], groups[-2 * _TRIAL:]
        half = len(x) // 2
        if len(x) < _FEWEST or not has_room(x, half):
            return np.zeros(len(names))
        spoiled = inject(x, seed=self.seed + j + 1, period=self.window_, start=half)
        quality = np.zeros(len(names))
        for i, name in enumerate(names):
            detector = self._member(name, groups[:half], x.shape[1]).fit(x[:half], groups=groups[:half])
            quality[i] = np.mean([average_precision(one.y[half:], detector.anomaly_score(one.X, groups=groups)[half:]) for one in spoiled])
        return quality

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made = self._stood(self._parts_, X, groups)
        return self._joined(made[:, :-1], made[:, -1])

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._stood([part for part in self._parts_ if part["channel"] != _ALL], X, groups)[:, :-1]

    def _stood(self, parts: list[dict[str, Any]], X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """(t, c + 1) standing of each channel, and in the last column that of all together."""
        made = np.zeros((len(X), X.shape[1] + 1))
        for part in parts:
            scores = part["detector"].anomaly_score(self._seen(part, X), groups=groups)
            made[:, part["channel"]] += part["weight"] * standing(scores, part["centre"], part["spread"])
        return made

    def _seen(self, part: dict[str, Any], X: np.ndarray) -> np.ndarray:
        return X[:, self.channels_ if part["channel"] == _ALL else [part["channel"]]]

    def _own(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Each part's scores of the rows it learned from; with ``clean`` rows, beside those of the same members that know these alone."""
        made = self._gathered(self._among, X.shape)
        if self.clean is not None and self.clean < len(X):
            some = groups[:self.clean]
            for part in self._parts_:
                x = self._seen(part, X)
                known = self._member(part["member"], some, x.shape[1]).fit(x[:self.clean], groups=some)
                scores = known.anomaly_score(x, groups=groups)
                made[:, part["channel"]] += part["weight"] * standing(scores, *usual(scores))
        return self._joined(made[:, :-1], made[:, -1])

    def _held_out(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        made = self._gathered(self._unseen, X.shape)
        return self._joined(made[:, :-1], made[:, -1])

    def _gathered(self, held: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
        """(t, c + 1) as :meth:`_stood`, from what was found of the training rows while fitting."""
        made = np.zeros((shape[0], shape[1] + 1))
        for part, own in zip(self._parts_, held, strict=True):
            made[:, part["channel"]] += part["weight"] * own
        self._unseen, self._among = [], []
        return made

    def _joined(self, made: np.ndarray, together: np.ndarray) -> np.ndarray:
        """(t,) from the channels' standings (t, c) and that of all together (t,): one odd channel among many is seen, and so is a
        pattern that no channel shows."""
        made = made[:, self.channels_]
        if made.shape[1] == 1:
            return made[:, 0]
        return np.asarray(0.25 * made.mean(axis=1) + 0.25 * made.max(axis=1) + 0.5 * together)

    def _expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        expecting = catalog.make("profile", **self._usual_params()).load_state(self.usual_)
        return expecting.expected(X, groups=groups)

    def _own_expected(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """Part by part, by a memory of the other parts; a window around the part is left out."""
        made = np.broadcast_to(X.mean(axis=0), X.shape).copy()
        for rows, near, rest, pieces in _parts(groups, self.window_):
            if len(rest) >= 4 * _LEAST:
                made[rows] = self._expecting(X[rest], pieces).expected(X[near], groups=groups[near])[rows - near[0]]
        return made

    def _expecting(self, X: np.ndarray, groups: np.ndarray) -> Detector:
        return catalog.make("profile", **self._usual_params()).fit(X, groups=groups)

    def _usual_params(self) -> dict[str, Any]:
        return {"window": self.window_, "normalise": False, "k": 3, "most": max(64, self.most // 2)}

    def _names(self, j: int) -> tuple[str, ...]:
        if j == _ALL:
            return tuple(JOINT)
        if self.members is not None:
            return tuple(self.members)
        return tuple(MEMBERS) if len(self.channels_) <= _MANY else tuple(LEAN)

    def _member(self, name: str, groups: np.ndarray, channels: int) -> Detector:
        """An unfitted member for training rows in these segments: its window fits into a sixth of the longest one."""
        kind, params, periods, steps = _KNOWN[name]
        given = dict(params)
        known = catalog.load(kind).parameters()
        if periods is not None or steps is not None:
            longest = int(np.bincount(groups - groups.min()).max())
            length = steps if steps is not None else round((periods or 1.0) * self.window_)
            given["window"] = int(max(_LEAST, min(length, _MOST, longest // 6, _CELLS // channels)))
        if "most" in known:
            given["most"] = self.most
        if "seed" in known:
            given["seed"] = self.seed
        return catalog.make(kind, **given)

    def _check(self, X: np.ndarray) -> None:
        at_least(self, window=2, most=2, clean=32)
        if not self.temperature > 0:
            raise ConfigError("TOC-202", "Fusion: temperature must be above 0", came=repr(self.temperature), todo="use about 0.1 to 1")
        unknown = [name for name in self.members or () if name not in MEMBERS and name not in LEAN]
        if unknown or (self.members is not None and not len(self.members)):
            raise ConfigError("TOC-209", "the fusion has no such member", came=", ".join(map(repr, unknown)) or "no names",
                              todo=f"use some of: {', '.join({**MEMBERS, **LEAN})}")

    # ---- state: the members are detectors of the catalog --------------------------------------------------------------

    def _learned(self) -> dict[str, Any]:
        made = super()._learned()
        made["parts_"] = [{**{key: value for key, value in part.items() if key != "detector"}, "state": part["detector"].state()}
                          for part in getattr(self, "_parts_", [])]
        return made

    def _load_learned(self, learned: dict[str, Any]) -> None:
        if not learned.get("parts_"):
            return  # the state of an unfitted detector
        super()._load_learned({name: value for name, value in learned.items() if name != "parts_"})
        self._parts_ = [self._rebuilt(part) for part in learned["parts_"]]

    def _rebuilt(self, part: Any) -> dict[str, Any]:
        if not isinstance(part, dict) or part.get("member") not in _KNOWN or not isinstance(part.get("state"), dict):
            raise ArtifactError("TOC-410", "the state of Fusion names a member that does not exist", came=repr(part)[:80],
                                todo="load a file that this version of tocsin wrote")
        detector = build(catalog.load(_KNOWN[part["member"]][0]), part["state"])
        return {**{key: value for key, value in part.items() if key != "state"}, "detector": detector}

    def _forget(self) -> None:
        super()._forget()
        self.__dict__.pop("_parts_", None)
        for name in ("_unseen", "_among"):
            self.__dict__.pop(name, None)


def _judged(channels: int, switches: Sequence[int]) -> list[int]:
    sensors = [j for j in range(channels) if j not in set(switches)]
    return sensors or list(range(channels))


def _parts(groups: np.ndarray, margin: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """For each of a few parts: its rows, these with a margin on both sides, the rows beyond the margin, and their segments."""
    t = len(groups)
    for rows in np.array_split(np.arange(t), _PARTS):
        if len(rows):
            low, high = max(0, rows[0] - margin), min(t, rows[-1] + 1 + margin)
            yield rows, np.arange(low, high), np.r_[np.arange(low), np.arange(high, t)], np.r_[2 * groups[:low], 2 * groups[high:] + 1]


def _calm(level: np.ndarray, groups: np.ndarray) -> slice:
    """The stretch of one segment, a third of the rows long if there is room, in which the members see least."""
    edges = np.flatnonzero(np.diff(groups)) + 1
    parts = np.split(np.arange(len(level)), edges)
    best, found = np.inf, slice(0, len(level))
    for part in parts:
        length = min(len(part), max(_FEWEST, min(len(level) // 3, 2 * _TRIAL)))
        sums = np.convolve(level[part], np.ones(length), "valid") / length
        at = int(sums.argmin())
        if length >= min(_FEWEST, len(level)) and sums[at] < best:
            best, found = float(sums[at]), slice(int(part[0]) + at, int(part[0]) + at + length)
    return found


def _window(detector: Detector) -> int:
    """Steps around a step that a member looks at."""
    return int(detector.params().get("window") or getattr(detector, "window_", None) or 1)
