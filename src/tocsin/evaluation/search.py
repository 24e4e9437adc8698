"""The search for better settings: a sampler proposes, an objective judges, a file remembers.

Proposals come from Optuna's tree-structured Parzen estimator (Bergstra et al., "Algorithms for hyper-parameter optimization", 2011). What
is kept of a study is one file of JSON lines, one for each step; nothing in it is run when it is read.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from tocsin.core.errors import ConfigError, MissingExtra, StateError, TocsinError
from tocsin.core.seed import derive
from tocsin.deep.callbacks import Callback, listening
from tocsin.evaluation.objective import Judged, Objective
from tocsin.evaluation.spaces import Choice, Space, defaults, nested
from tocsin.pipeline.pipeline import Pipeline

try:
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage
except ImportError as error:
    raise MissingExtra("TOC-501", f"the search for settings needs the package {error.name!r}", came=str(error),
                       todo="pip install 'tocsin[tune]'") from error

_STUDY = "tocsin"
_DETECTOR = "detector"
_REPEATS = 30  # proposals in a row that were judged before: nothing new is left
_UNFINISHED = ("interrupted", "the time was up")  # judged again when proposed again
_LEVEL = 0.95  # of the one-sided test that a gain is more than noise


@dataclass(frozen=True)
class Trial:
    """One attempt. ``settings``: what differs from the detector's defaults, {} for the defaults themselves; ``value`` None: it failed, and
    ``error`` says why; ``seconds`` it took."""

    number: int
    detector: str
    settings: dict[str, Any]
    value: float | None
    folds: tuple[float, ...] = ()
    parts: dict[str, float] = field(default_factory=dict)
    anomalies: tuple[float, ...] = ()
    seconds: float = 0.0
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items() if name != "anomalies"}


@dataclass(frozen=True)
class Outcome:
    """What a search found.

    trials      all attempts, those of earlier calls on the same file too
    default     the first detector with nothing set, always trial 0
    best        the attempt with the highest value; never below the default's
    gain        best minus default, mean over the folds of the figure (without the weight of stability)
    noise       what a gain must exceed to be told from chance, see :func:`noise_of`; None where that cannot be said. It does not know that
                the best of many was picked: a gain just above it may still be luck
    preferred   gain > noise
    chosen      best when preferred, otherwise default
    seconds     of this call
    """

    trials: tuple[Trial, ...]
    default: Trial
    best: Trial
    gain: float
    noise: float | None
    preferred: bool
    seconds: float

    @property
    def chosen(self) -> Trial:
        return self.best if self.preferred else self.default


class _OutOfTime(Exception):
    """The budget ended while a candidate was being judged. Never seen outside."""


def search(make: Callable[[str, dict[str, Any]], Pipeline], objective: Objective, spaces: Mapping[str, Space], *,
           budget: float | None = 60.0, trials: int | None = None, study: str | Path | None = None, about: Mapping[str, Any] | None = None,
           seed: int = 0, progress: Callable[[Trial, float], None] | None = None) -> Outcome:
    """Judge settings of the detectors in ``spaces`` (name → what is searched, see ``tocsin.evaluation.spaces``) until time or trials end.

    ``make(detector, params)`` gives the unfitted pipeline of a candidate. The defaults of every detector come first, in their order; the
    first one's are what the best is compared with and are judged whatever the budget. ``budget`` in seconds and ``trials`` are of this
    call; None means no bound, of one of them at most. A candidate that is still being judged when time is up is given up (a network at its
    next epoch, anything else between folds). One that raises is kept with its error, and the search goes on; KeyboardInterrupt ends it,
    and what was finished stays in ``study``.

    ``study``: a file to keep every trial in, and to go on from when it exists; one process at a time. It must be of the same
    search: same objective, same spaces, same ``about`` (plain values that name the data). ``progress(trial, seconds)`` after each trial.
    With ``trials`` and no ``budget`` the same seed gives the same trials.

    Raises ConfigError TOC-232 (the file belongs to another search), TOC-233 (neither bound, or one out of range, or no detector), TOC-269
    (the file cannot be used); what the objective raises where it cannot judge the defaults; MissingExtra TOC-501 when the module is loaded.
    """
    started = time.perf_counter()
    _check_bounds(budget, trials, spaces)
    identity = json.dumps({"objective": objective.facts(), "spaces": _plain_spaces(spaces), "about": dict(about or {})}, sort_keys=True)
    with _quiet(), _opened(study, seed, identity) as kept:
        _Search(make, objective, spaces, kept, budget, trials, started, progress).run()
        found = tuple(_as_trial(one, number) for number, one in enumerate(_tried(kept)))
    return _outcome(found, next(iter(spaces)), objective.ratio(), time.perf_counter() - started)


class _Search:
    """One call: what it was given, and how much of its bounds is used."""

    def __init__(self, make: Callable[[str, dict[str, Any]], Pipeline], objective: Objective, spaces: Mapping[str, Space],
                 kept: optuna.Study, budget: float | None, trials: int | None, started: float,
                 progress: Callable[[Trial, float], None] | None) -> None:
        self.make, self.objective, self.spaces, self.kept = make, objective, spaces, kept
        self.end = None if budget is None else started + budget
        self.trials, self.started, self.progress, self.count = trials, started, progress, 0
        self.seen: dict[str, float | None] = {}  # what was judged before, and its value

    def run(self) -> None:
        earlier = _tried(self.kept)
        self.count = len(earlier)
        tried = {asked[_DETECTOR] for asked, value in ((one.user_attrs["asked"], one.value) for one in earlier)
                 if value is not None and not asked["settings"]}
        self.seen = {one.user_attrs["asked"]["key"]: one.value for one in earlier if _error_of(one) not in _UNFINISHED}
        done, repeats = 0, 0
        for i, detector in enumerate(self.spaces):
            if detector not in tried and (i == 0 or not self._over(done)):
                self._default(detector, first=i == 0)
                done += 1
        while not self._over(done) and repeats < _REPEATS:
            fresh = self._proposed()
            done, repeats = (done + 1, 0) if fresh else (done, repeats + 1)

    def _over(self, done: int) -> bool:
        late = self.end is not None and time.perf_counter() >= self.end
        return late or (self.trials is not None and done >= self.trials)

    def _default(self, detector: str, *, first: bool) -> None:
        """Judge a detector with nothing set. Known to the sampler, too, where all its values lie in the space."""
        usual, space = defaults(detector), self.spaces[detector]
        inside = all(name in usual and usual[name] in axis for name, axis in space.items())
        if inside:
            fixed = {f"{detector}.{name}": _coded(usual[name], axis) for name, axis in space.items()}
            self.kept.enqueue_trial({_DETECTOR: detector, **fixed} if len(self.spaces) > 1 else fixed)
        trial = self.kept.ask()
        if inside:
            self._suggested(trial)
        self._judged(trial, detector, {}, _key(detector, {name: usual.get(name) for name in space}), must=first)

    def _proposed(self) -> bool:
        """Judge what the sampler proposes; False when that was judged before."""
        trial = self.kept.ask()
        detector, settings = self._suggested(trial)
        key = _key(detector, settings)
        if key in self.seen:
            trial.set_user_attr("repeated", True)
            value = self.seen[key]
            self.kept.tell(trial, value, optuna.trial.TrialState.FAIL if value is None else None)
            return False
        self._judged(trial, detector, settings, key, must=False)
        return True

    def _suggested(self, trial: optuna.Trial) -> tuple[str, dict[str, Any]]:
        detector = next(iter(self.spaces))
        if len(self.spaces) > 1:
            detector = trial.suggest_categorical(_DETECTOR, list(self.spaces))
        settings: dict[str, Any] = {}
        for name, axis in self.spaces[detector].items():
            title = f"{detector}.{name}"
            if isinstance(axis, Choice):
                settings[name] = json.loads(str(trial.suggest_categorical(title, [json.dumps(value) for value in axis.values])))
            elif axis.whole:
                settings[name] = trial.suggest_int(title, int(axis.low), int(axis.high), log=axis.log)
            else:
                settings[name] = trial.suggest_float(title, axis.low, axis.high, log=axis.log)
        return detector, settings

    def _judged(self, trial: optuna.Trial, detector: str, settings: dict[str, Any], key: str, *, must: bool) -> None:
        begun = time.perf_counter()
        trial.set_user_attr("asked", {"key": key, _DETECTOR: detector, "settings": settings})
        judged, error = None, _UNFINISHED[0]
        try:
            judged = self._value(detector, settings, must=must)
            error = ""
        except _OutOfTime:
            error = _UNFINISHED[1]
        except Exception as raised:  # any detector may be searched, with any settings: what it raises is the trial's result
            if must:
                raise
            error = str(raised) if isinstance(raised, TocsinError) else f"{type(raised).__name__}: {raised}"
        finally:
            self._keep(trial, key, judged, error[:500], time.perf_counter() - begun)
        if self.progress is not None:
            self.progress(_as_trial(self.kept.get_trials(deepcopy=False)[trial.number], self.count - 1), time.perf_counter() - self.started)

    def _value(self, detector: str, settings: dict[str, Any], *, must: bool) -> Judged:
        pipeline = self.make(detector, nested(settings))
        if must or self.end is None:
            return _finite(self.objective(pipeline))
        bell = _Bell(self.end)
        with listening(bell):
            return _finite(self.objective(pipeline, bell.check))

    def _keep(self, trial: optuna.Trial, key: str, judged: Judged | None, error: str, seconds: float) -> None:
        self.count += 1
        if error not in _UNFINISHED:
            self.seen[key] = None if judged is None else judged.value
        if judged is None:
            trial.set_user_attr("told", {"error": error, "seconds": seconds})
            self.kept.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            trial.set_user_attr("told", {"seconds": seconds, "folds": list(judged.folds), "parts": judged.parts,
                                         "anomalies": [round(value, 6) for value in judged.anomalies]})
            self.kept.tell(trial, judged.value)


class _Bell(Callback):
    """Ends a judgement when its time is up: between fits, and between the epochs of a network."""

    def __init__(self, end: float) -> None:
        self.end = end

    def check(self) -> None:
        if time.perf_counter() >= self.end:
            raise _OutOfTime

    def on_epoch(self, record: dict[str, Any]) -> None:
        self.check()


def _finite(judged: Judged) -> Judged:
    if not np.isfinite(judged.value):
        raise StateError("TOC-303", "the objective is no number", came=repr(judged.value), todo="report a bug")
    return judged


def noise_of(folds: np.ndarray, ratio: float, anomalies: np.ndarray | None = None) -> float | None:
    """What the mean of paired gains must exceed to be told from chance: a one-sided 95 % t bound; None for one fold or one anomaly.

    ``folds`` (f,) are the gains on the folds of a cross-validation. Their training rows overlap, so that they vary less than gains on
    independent samples: the variance of their mean is taken as (1/f + ``ratio``) s², ``ratio`` judged rows per training row (Nadeau and
    Bengio, "Inference for the generalization error", 2003). ``anomalies`` (a,): the gain of each labelled anomaly; others might have been
    labelled, which adds s²/a of these.

    >>> round(noise_of(np.array([0.01, 0.02, 0.03]), 0.5), 4)
    0.0267
    """
    fewest = min(len(folds), len(folds) if anomalies is None else len(anomalies))
    if fewest < 2:
        return None
    variance = (1 / len(folds) + ratio) * folds.var(ddof=1)
    variance += 0.0 if anomalies is None else anomalies.var(ddof=1) / len(anomalies)
    return float(stats.t.ppf(_LEVEL, fewest - 1) * np.sqrt(variance))


def _outcome(found: tuple[Trial, ...], first: str, ratio: float, seconds: float) -> Outcome:
    judged = [trial for trial in found if trial.value is not None]
    default = next(trial for trial in judged if trial.detector == first and not trial.settings)
    best = max(judged, key=lambda trial: (trial.value, -trial.number))
    gains = np.subtract(best.folds, default.folds)
    of_odd = np.subtract(best.anomalies, default.anomalies) if default.anomalies else None
    gain, noise = float(gains.mean()), noise_of(gains, ratio, of_odd)
    preferred = best.number != default.number and noise is not None and gain > noise
    return Outcome(found, default, best, gain, noise, preferred, seconds)


def _tried(kept: optuna.Study) -> list[Any]:
    """Finished attempts, without proposals that had been judged before and what was cut off before it began."""
    return [one for one in kept.get_trials(deepcopy=False)
            if one.state.is_finished() and "asked" in one.user_attrs and "repeated" not in one.user_attrs]


def _as_trial(one: Any, number: int) -> Trial:
    asked, told = one.user_attrs["asked"], one.user_attrs.get("told", {})
    return Trial(number, asked[_DETECTOR], dict(asked["settings"]), one.value, tuple(told.get("folds", ())), dict(told.get("parts", {})),
                 tuple(told.get("anomalies", ())), float(told.get("seconds", 0.0)), _error_of(one))


def _error_of(one: Any) -> str:
    """Why an attempt has no value; "" when it has. One that was cut off with its process could not say."""
    return str(one.user_attrs.get("told", {"error": _UNFINISHED[0]}).get("error", ""))


def _coded(value: Any, axis: Any) -> Any:
    return json.dumps(value) if isinstance(axis, Choice) else value


def _key(detector: str, settings: Mapping[str, Any]) -> str:
    return json.dumps([detector, settings], sort_keys=True)


def _plain_spaces(spaces: Mapping[str, Space]) -> dict[str, Any]:
    return {detector: {name: {type(axis).__name__: vars(axis)} for name, axis in space.items()} for detector, space in spaces.items()}


def _check_bounds(budget: float | None, trials: int | None, spaces: Mapping[str, Space]) -> None:
    fine = (budget is None or 0 < budget < float("inf")) and (trials is None or (trials >= 1 and trials == int(trials)))
    if not fine or (budget is None and trials is None) or not spaces:
        raise ConfigError("TOC-233", "a search needs detectors and a bound: seconds above 0, or trials from 1",
                          came=f"budget={budget!r}, trials={trials!r}, {len(spaces)} detectors", todo="use budget=60")


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna writes lines of its own to stderr; ours are the caller's to write."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)


@contextmanager
def _opened(path: str | Path | None, seed: int, identity: str) -> Iterator[optuna.Study]:
    """The study in the file at ``path`` (made when there is none), or one in memory."""
    if path is not None:
        _check_file(Path(path))
        _drop_torn_line(Path(path))
    try:
        storage = None if path is None else JournalStorage(JournalFileBackend(str(path)))
        kept = optuna.create_study(storage=storage, study_name=_STUDY, direction="maximize", load_if_exists=True)
        known = kept.user_attrs.get("identity")
        trials = kept.get_trials(deepcopy=False)
        differ = "" if known in (None, identity) else _difference(known, identity)
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError, IndexError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    if known is None and trials:
        raise _damaged(path, "trials of a search that is not named")
    if known is None:
        kept.set_user_attr("identity", identity)
    elif known != identity:
        raise ConfigError("TOC-232", "the file holds another search", came=f"{path}: {differ} differ",
                          todo="go on with the same data, detectors, spaces and objective, or name a new file")
    for one in kept.get_trials(deepcopy=False):
        if one.state == optuna.trial.TrialState.RUNNING:  # cut off with its process
            kept.tell(one.number, state=optuna.trial.TrialState.FAIL)
    kept.sampler = optuna.samplers.TPESampler(seed=derive(seed, "search", len(kept.get_trials(deepcopy=False))), constant_liar=False)
    yield kept


def _drop_torn_line(path: Path) -> None:
    """A last line that was cut off with its process was never told: without it the next one would be written onto its end."""
    if path.exists() and (held := path.read_bytes()) and not held.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(held.rfind(b"\n") + 1)


def _damaged(path: str | Path | None, fault: str) -> ConfigError:
    return ConfigError("TOC-269", "the file that a search was kept in is damaged", came=f"{path}: {fault}"[:200],
                       todo="name a new file, or remove the damaged lines by hand")


def _check_file(path: Path) -> None:
    """Raises ConfigError TOC-269 unless ``path`` is a search's own file, or nothing yet in a folder that can be written."""
    fault = ""
    if not path.exists():
        fault = "" if path.parent.is_dir() and os.access(path.parent, os.W_OK) else "there is no such folder, or it cannot be written"
    elif not path.is_file() or not os.access(path, os.R_OK | os.W_OK):
        fault = "not a file that can be read and written"
    elif path.stat().st_size and not _is_study(path):
        fault = "it holds something else"
    if fault:
        raise ConfigError("TOC-269", "the file cannot be used to keep a search in", came=f"{path}: {fault}"[:200],
                          todo="name a new file in a folder that can be written, or one that an earlier search made")


def _is_study(path: Path) -> bool:
    """Whether the file begins as a study does."""
    with path.open("rb") as held:
        first = held.readline(4096)
    try:
        step = json.loads(first)
    except ValueError:
        return False
    return isinstance(step, dict) and "op_code" in step and step.get("study_name") == _STUDY


def _difference(known: str, identity: str) -> str:
    old, new = json.loads(known), json.loads(identity)
    return ", ".join(name for name in new if old.get(name) != new[name])
