"""The checks, each on a tiny instance of a class and toy data, and :func:`check_detector`, which runs those that its tags call for."""

from __future__ import annotations

import contextlib
import copy
import importlib.metadata
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tocsin.core import catalog
from tocsin.core.detector import Detector
from tocsin.core.errors import DataError, TocsinError
from tocsin.core.state import build
from tocsin.testing.probe import (
    auroc,
    equal,
    fitted,
    global_seeds,
    learned,
    put_arrays,
    random_states,
    refuses,
    same_state,
    short,
    size,
    take_arrays,
    toy_of,
    verbs,
    with_cell,
)
from tocsin.testing.register import cells, checks_for, holds


def check_detector(detector: str | type[Detector]) -> None:
    """Every check that the detector's tags call for. Raises AssertionError with the sentence that does not hold."""
    cls = catalog.load(detector) if isinstance(detector, str) else detector
    for check in checks_for(cls.tags):
        try:
            check(cls)
        except Exception as error:
            raise AssertionError(f"{cls.__name__}: does not hold: {inspect.getdoc(check)} ({type(error).__name__}: {error})") from error


# The class
@holds()
def constructor_only_stores(cls: type[Detector]) -> None:
    """The constructor stores what it is given, unchanged, learns nothing, and every parameter has a default."""
    given = cls.small().params()
    made = cls(**given)
    assert all(made.params()[name] is value for name, value in given.items()), "a stored parameter is not the given object"
    assert not made.is_fitted(), "a new object is fitted"
    cls()


@holds()
def few_parameters(cls: type[Detector]) -> None:
    """The constructor has at most eight parameters."""
    assert len(cls.parameters()) <= 8, cls.parameters()


@holds()
def class_is_final(cls: type[Detector]) -> None:
    """A detector class is concrete, inherits from abstract classes only, and nobody subclasses it."""
    assert not inspect.isabstract(cls), f"abstract: {set(cls.__abstractmethods__)}"
    concrete = [base for base in cls.__mro__[1:] if issubclass(base, Detector) and not inspect.isabstract(base)]
    assert not concrete and not cls.__subclasses__(), (concrete, cls.__subclasses__())


@holds()
def catalog_reads_the_card(cls: type[Detector]) -> None:
    """The catalog reads a summary and the tags from the source, as literals, and they are those of the class."""
    card = catalog.card(catalog.name_of(cls))
    assert card.tags == cls.tags, (card.tags, cls.tags)
    assert card.summary.strip() and card.summary == (inspect.getdoc(cls) or "").partition("\n")[0], "the docstring needs a first line"


@holds(lambda tags: bool(tags.extra))
def missing_extra_says_install_line(cls: type[Detector]) -> None:
    """Without its optional packages, asking for the detector says which install line helps."""
    if not cls.__module__.startswith("tocsin."):
        return  # the extra is one of its own package, which names it
    lines = importlib.metadata.requires("tocsin") or []
    asked = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in lines if re.search(f"extra == .{cls.tags.extra}\\b", line)}
    modules = [module for module, homes in importlib.metadata.packages_distributions().items() if asked & {home.lower() for home in homes}]
    assert modules, f"the installed metadata of tocsin knows no installed package of the extra {cls.tags.extra!r}: install it anew"
    code = (f"import sys\nfrom tocsin.core import catalog, errors\nsys.modules.update(dict.fromkeys({modules!r}))\n"
            f"try: catalog.load({catalog.name_of(cls)!r})\n"
            f"except errors.MissingExtra as error: sys.exit(0 if 'tocsin[{cls.tags.extra}]' in error.todo else str(error))\n"
            "sys.exit('it loads without them')")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]


# Scores
@holds()
def scores_are_finite(cls: type[Detector]) -> None:
    """Scores are float64, one per row, finite and not all the same."""
    data = toy_of(cls)
    scores = fitted(cls).anomaly_score(data.test)
    assert scores.dtype == np.float64 and scores.shape == (len(data.test),) and np.isfinite(scores).all()
    assert np.ptp(scores) > 0, "all rows score alike"


@holds()
def planted_anomaly_stands_out(cls: type[Detector]) -> None:
    """A planted anomaly scores above all normal rows (in a series: above all steps that are out of its reach)."""
    data = toy_of(cls)
    scores = fitted(cls).anomaly_score(data.planted)
    assert scores[data.where].max() > scores[data.clear].max(), (scores[data.where].max(), scores[data.clear].max())


@holds(cells)
def beats_the_null_model(cls: type[Detector]) -> None:
    """Where anomalies break a relation and every single value is ordinary, the detector ranks far better than the null model."""
    null = catalog.load("baseline")
    if cls is null:
        return
    data = toy_of(cls)
    own, nulls = (auroc(model.anomaly_score(data.test), data.truth) for model in (fitted(cls), null().fit(data.train)))
    assert own >= max(0.8, nulls + 0.15), f"AUROC {own:.3f}, null model {nulls:.3f}"


@holds(lambda tags: tags.modality == "vector")
def rows_are_judged_alone(cls: type[Detector]) -> None:
    """Row order and batch size change no score."""
    model, X = fitted(cls), toy_of(cls).test
    whole, order = model.anomaly_score(X), np.random.default_rng(5).permutation(len(X))
    equal(model.anomaly_score(X[order]), whole[order])
    equal(np.concatenate([model.anomaly_score(X[i:i + 1]) for i in range(12)]), whole[:12])
    equal(np.concatenate([model.anomaly_score(part) for part in np.array_split(X, 7)]), whole)
    equal(model.anomaly_score(X, groups=np.arange(len(X)) // 3), whole)


@holds(lambda tags: tags.modality == "series")
def far_changes_stay_far(cls: type[Detector]) -> None:
    """In a series, a change far away changes no score."""
    model, X = fitted(cls), toy_of(cls).test
    changed = X.copy()
    changed[-20:] += 50.0
    equal(model.anomaly_score(changed)[:-170], model.anomaly_score(X)[:-170])


@holds(lambda tags: tags.modality == "series")
def segments_are_apart(cls: type[Detector]) -> None:
    """In a series, the scores of one segment do not depend on another, and a segment scores as it would alone."""
    model, X = fitted(cls), toy_of(cls).test
    groups = np.repeat([4, 9, 2], [150, 7, len(X) - 157])  # one segment is shorter than most windows
    scores, other = model.anomaly_score(X, groups=groups), X.copy()
    other[150:157] += 50.0
    equal(model.anomaly_score(other, groups=groups)[groups != 9], scores[groups != 9])
    for group in (4, 9, 2):
        equal(model.anomaly_score(X[groups == group]), scores[groups == group])


@holds(cells)
def huge_values_are_contained(cls: type[Detector]) -> None:
    """Values of 1e300 and 1e-300 get finite scores or the error TOC-303, and never NaN."""
    model, X = fitted(cls), toy_of(cls).train
    for value in (1e300, -1e300, 1e-300):
        rows = X[:40].copy()
        rows[20] = value
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # an overflow may be noticed twice
            try:
                assert np.isfinite(model.anomaly_score(rows)).all()
            except TocsinError as error:
                assert error.code == "TOC-303", error


@holds()
def one_row_is_scored(cls: type[Detector]) -> None:
    """A single row gets a finite score."""
    assert np.isfinite(fitted(cls).anomaly_score(toy_of(cls).test[:1])).all()


@holds(lambda tags: tags.gives_map and cells(tags))
def map_points_to_the_cell(cls: type[Detector]) -> None:
    """The map has the shape of the data, and the cell that was changed stands out in it."""
    data = toy_of(cls)
    X = data.test.copy()
    at = len(X) // 2
    X[at, 1] += 8 * data.train[:, 1].std()
    made = fitted(cls).anomaly_map(X)
    assert made.shape == X.shape and np.isfinite(made).all()
    near = made[max(0, at - 40):at + 41] if cls.tags.modality == "series" else made[at:at + 1]
    assert near.max(axis=0).argmax() == 1, near.max(axis=0)


@holds(lambda tags: tags.gives_expected)
def expected_is_near_on_normals(cls: type[Detector]) -> None:
    """What is expected has the shape of the data and, on normal rows, is no further from it than the column means are."""
    data = toy_of(cls)
    X = data.test[data.truth == 0] if cls.tags.modality == "vector" else data.train
    made = fitted(cls).expected(X)
    assert made.shape == X.shape and np.isfinite(made).all()
    own, means = (float(np.sqrt(np.square(X - guess).mean())) for guess in (made, data.train.mean(axis=0)))
    assert own <= 1.1 * means, f"root mean square {own:.3f}, column means {means:.3f}"


# Learning
@holds()
def same_seed_same_scores(cls: type[Detector]) -> None:
    """The same parameters and data give the same scores, whatever the global random states are; these are not touched."""
    with global_seeds(1):
        before = random_states()
        again = learned(cls.small(), toy_of(cls).train).anomaly_score(toy_of(cls).test)
        assert random_states() == before, "a global random state was read or written"
    if cls.tags.deterministic:
        equal(again, fitted(cls).anomaly_score(toy_of(cls).test))


@holds()
def input_is_not_changed(cls: type[Detector]) -> None:
    """Neither fitting nor any other verb changes the data it is given."""
    X = short(cls).copy()
    kept, model = X.copy(), learned(cls.small(), X)
    for verb in verbs(cls):
        getattr(model, verb)(X)
    assert np.array_equal(X, kept)


@holds(cells)
def form_of_input_does_not_matter(cls: type[Detector]) -> None:
    """float32, integers, lists, read-only and non-contiguous arrays of the same numbers give the same scores."""
    model, X = fitted(cls), np.round(toy_of(cls).test.astype(np.float32).astype(np.float64))
    scores = model.anomaly_score(X)
    frozen = X.copy()
    frozen.setflags(write=False)
    for form in (X.astype(np.float32), X.astype(np.int64), X.tolist(), frozen, np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2]):
        equal(model.anomaly_score(form), scores)
    frozen = np.asfortranarray(short(cls))
    frozen.setflags(write=False)
    equal(learned(cls.small(), frozen).anomaly_score(X), learned(cls.small(), short(cls).tolist()).anomaly_score(X))


@holds(cells)
def refit_forgets(cls: type[Detector]) -> None:
    """A refit equals a fresh fit, also with another number of columns before."""
    data = toy_of(cls)
    model = learned(learned(cls.small(), 3.0 - 2.0 * short(cls)[:, :1]), data.train)
    if cls.tags.deterministic:
        equal(model.anomaly_score(data.test), fitted(cls).anomaly_score(data.test))


@holds()
def failed_fit_leaves_unfitted(cls: type[Detector]) -> None:
    """A fit that fails leaves an unfitted detector, not a half-fitted one."""
    model = copy.deepcopy(fitted(cls))
    learns = model._fit

    def fails(X: np.ndarray, y: Any, groups: np.ndarray) -> None:
        learns(X, y, groups)
        raise RuntimeError("on purpose")

    model._fit = fails  # type: ignore[method-assign]
    with contextlib.suppress(RuntimeError):
        learned(model, short(cls))
    assert not model.is_fitted()
    refuses("TOC-301", model.anomaly_score, short(cls))


@holds()
def state_builds_the_same(cls: type[Detector]) -> None:
    """The state goes through JSON and arrays, and what is built from it gives equal scores."""
    arrays: list[np.ndarray] = []
    text = json.dumps(take_arrays(fitted(cls).state(), arrays), allow_nan=False)
    model = build(cls, put_arrays(json.loads(text), [array.copy() for array in arrays]))
    data = toy_of(cls)
    assert np.array_equal(model.anomaly_score(data.test), fitted(cls).anomaly_score(data.test))
    assert same_state(model, fitted(cls)), "the state of the built object differs"
    assert build(cls, cls.small().state()).params() == build(cls, cls.small().state()).params()
    refuses("TOC-301", build(cls, cls.small().state()).anomaly_score, data.test)


@holds(lambda tags: tags.online and cells(tags))
def update_learns_in_bounded_memory(cls: type[Detector]) -> None:
    """An update makes what it shows less anomalous, and the state does not grow with the number of updates."""
    model, data = copy.deepcopy(fitted(cls)), toy_of(cls)
    shifted, sizes = data.train + 4 * data.train.std(axis=0), []
    before = model.anomaly_score(shifted).mean()
    for _ in range(6):
        model.update(shifted)
        sizes.append(size(model.state()))
    assert model.anomaly_score(shifted).mean() < before, "the shown rows are as anomalous as before"
    assert sizes[2] == sizes[-1], f"the state grows: {sizes}"


@holds(cells)
def constant_columns_are_taken(cls: type[Detector]) -> None:
    """Constant columns, even nothing but constant columns, are learned from and give finite scores."""
    X = short(cls).copy()
    X[:, 0] = 7.3
    for rows in (X, np.full_like(X, 0.1)):
        assert np.isfinite(learned(cls.small(), rows).anomaly_score(short(cls))).all()


@holds(lambda tags: tags.supervised)
def labels_count(cls: type[Detector]) -> None:
    """Other labels give other scores; without a labelled anomaly a fit is refused with a stated error or gives finite scores."""
    data = toy_of(cls)
    other = cls.small().fit(data.train, np.roll(data.y, 1))
    assert not np.allclose(other.anomaly_score(data.test), fitted(cls).anomaly_score(data.test)), "the labels change nothing"
    for y in (None, np.zeros_like(data.y)):
        with contextlib.suppress(DataError):
            assert np.isfinite(cls.small().fit(data.train, y).anomaly_score(data.test)).all()


# Refusals
@holds()
def unfitted_is_refused(cls: type[Detector]) -> None:
    """Every verb of an unfitted detector is refused with TOC-301, and every verb not offered with TOC-302."""
    for verb in ("anomaly_score", "anomaly_map", "expected", "update"):
        refuses("TOC-301" if verb in verbs(cls) else "TOC-302", getattr(cls.small(), verb), toy_of(cls).test)


@holds(cells)
def unusable_data_is_refused(cls: type[Detector]) -> None:
    """NaN, infinity, text, ragged or empty data, wrong width, labels and groups are refused with their codes, by every verb."""
    X = short(cls)
    for code, rows in (("TOC-110", with_cell(X, np.nan)), ("TOC-110", with_cell(X, -np.inf)), ("TOC-112", X[:0]), ("TOC-112", X[:, :0]),
                       ("TOC-115", X.astype(str)), ("TOC-115", [[1.0, 2.0], [3.0]]), ("TOC-115", X[None])):
        fresh, model = cls.small(), copy.deepcopy(fitted(cls))
        refuses(code, fresh.fit, rows)
        assert not fresh.is_fitted()
        for verb in verbs(cls):
            refuses(code, getattr(model, verb), rows)
    refuses("TOC-111", fitted(cls).anomaly_score, X[:, :-1])
    refuses("TOC-116", fitted(cls).anomaly_score, X, groups=[0, 1])
    refuses("TOC-117", cls.small().fit, X, y=np.full(len(X), 2))


@holds()
def fewest_rows_are_kept(cls: type[Detector]) -> None:
    """Fewer rows than the tags say are refused with TOC-113; exactly as many are enough."""
    fewest, X = cls.tags.min_rows, toy_of(cls).train
    assert np.isfinite(learned(cls.small(), X[:fewest]).anomaly_score(X)).all()
    if fewest > 1:
        refuses("TOC-113", cls.small().fit, X[:fewest - 1])


# Manners
@holds()
def scoring_is_thread_safe(cls: type[Detector]) -> None:
    """Scoring writes nothing to the detector: eight threads may share it."""
    model, X = copy.deepcopy(fitted(cls)), toy_of(cls).test
    names, alone = set(vars(model)), [model.anomaly_score(X[i:]) for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for made, single in zip(pool.map(lambda i: model.anomaly_score(X[i:]), range(16)), alone):
            equal(made, single)
    assert set(vars(model)) == names and same_state(model, fitted(cls)), "scoring changed the detector"


@holds()
def nothing_is_printed(cls: type[Detector]) -> None:
    """No verb prints."""
    with tempfile.TemporaryFile() as sink, contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        kept = [os.dup(1), os.dup(2)]
        try:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
            model = learned(cls.small(), short(cls))
            for verb in verbs(cls):
                getattr(model, verb)(short(cls))
        finally:
            for number, copied in zip((1, 2), kept):
                os.dup2(copied, number)
                os.close(copied)
        sink.seek(0)
        assert not out.getvalue() and not sink.read(), out.getvalue()[:200]
