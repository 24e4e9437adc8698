"""The checks for detectors of pictures, texts and logs; see :mod:`tocsin.testing.checks`."""

from __future__ import annotations

import copy

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.picture import Picture, Pixels
from tocsin.testing.probe import auroc, equal, fitted, learned, refuses, short, size, toy_of, verbs
from tocsin.testing.register import holds, items


@holds(items)
def anomalies_are_found(cls: type[Detector]) -> None:
    """On the toy data, anomalies rank far above normal items."""
    data = toy_of(cls)
    found = auroc(fitted(cls).anomaly_score(data.test), data.truth)
    assert found >= 0.8, f"AUROC {found:.3f}"


@holds(lambda tags: tags.modality in ("images", "texts"))
def items_are_judged_alone(cls: type[Detector]) -> None:
    """Order and batch size change no score."""
    model, X = fitted(cls), toy_of(cls).test
    whole, order = model.anomaly_score(X), np.random.default_rng(5).permutation(len(X))
    equal(model.anomaly_score(X[order]), whole[order])
    equal(np.concatenate([model.anomaly_score(part) for part in np.array_split(X, 5)]), whole)


@holds(lambda tags: tags.modality == "logs")
def later_lines_change_nothing(cls: type[Detector]) -> None:
    """What comes later in a log changes no score of what came before, unless a window reaches there."""
    model, X = fitted(cls), toy_of(cls).test
    equal(model.anomaly_score(X[: len(X) // 2])[:8], model.anomaly_score(X)[:8])


@holds(items)
def held_out_scores_are_those_of_new_items(cls: type[Detector]) -> None:
    """The training items, judged as unseen, score as new normal items do: what p-values are computed from is honest."""
    data = toy_of(cls)
    model = cls.small()
    held = model.fit_held_out(data.train, data.y if cls.tags.supervised else None)[data.y == 0]
    new = model.anomaly_score(data.test[data.truth == 0])
    beyond = float((new > np.quantile(held, 0.9)).mean())
    assert beyond <= 0.45, f"{beyond:.0%} of new normal items score above nine tenths of the held-out ones"
    own = cls.small().fit_score(data.train, data.y if cls.tags.supervised else None)
    assert own.shape == held.shape or cls.tags.supervised


@holds(items)
def odd_forms_are_scored(cls: type[Detector]) -> None:
    """An empty text, one very long one, a picture of one colour or of a few pixels: a finite score."""
    model, modality = fitted(cls), cls.tags.modality
    odd = [Pixels(np.zeros((3, 5))), Pixels(np.ones((64, 20, 3)))] if modality == "images" else ["", "x", "\n\n", "é€漢 " * 3000]
    given = np.empty(len(odd), dtype=object)
    given[:] = odd
    for verb in [verb for verb in verbs(cls) if verb == "anomaly_score"]:
        assert np.isfinite(getattr(model, verb)(given)).all()


@holds(items)
def copies_are_learned_from(cls: type[Detector]) -> None:
    """Training items that are all the same give finite scores."""
    X = short(cls)
    same = X.copy()
    same[:] = [X[0]] * len(X)
    if cls.tags.supervised:
        return
    assert np.isfinite(cls.small().fit(same).anomaly_score(X)).all()


@holds(items)
def refitting_forgets(cls: type[Detector]) -> None:
    """A refit equals a fresh fit."""
    data = toy_of(cls)
    model = learned(cls.small(), data.train[: max(cls.tags.min_rows, len(data.train) // 2)])
    model = learned(model, data.train)
    if cls.tags.deterministic:
        equal(model.anomaly_score(data.test), fitted(cls).anomaly_score(data.test))


@holds(lambda tags: items(tags) and tags.gives_map)
def maps_have_the_items_size(cls: type[Detector]) -> None:
    """A map has one number for each pixel, character or line; on a picture the planted fault stands out in it."""
    data, model = toy_of(cls), fitted(cls)
    maps = model.anomaly_map(data.planted)
    for item, made in zip(data.planted, maps):
        assert made.shape == _shape(item, cls.tags.modality), (made.shape, cls.tags.modality)
    if cls.tags.modality == "images":
        at = int(np.flatnonzero(data.where)[0])
        mask = data.planted[at].mask()
        assert maps[at][mask].mean() > maps[at][~mask].mean(), "the fault does not stand out in the map"


@holds(lambda tags: items(tags) and tags.gives_reasons)
def reasons_tell_the_place(cls: type[Detector]) -> None:
    """Every item gets a sentence; its places lie within it and its shares sum to 1."""
    data = toy_of(cls)
    told = fitted(cls).reasons(data.planted)
    for item, reason in zip(data.planted, told):
        assert reason.sentence and "\n" not in reason.sentence and not reason.sentence.endswith("."), reason
        assert not reason.shares or abs(sum(share for _, share in reason.shares) - 1) < 1e-6, reason
        for part in reason.parts:
            assert _within(part.where, item, cls.tags.modality), (part, _shape(item, cls.tags.modality))
        assert all(0 <= near < len(data.train) for near in reason.near), reason.near


@holds(lambda tags: items(tags) and tags.online)
def updates_are_learned_in_bounded_memory(cls: type[Detector]) -> None:
    """An update makes what it shows less anomalous, and the state does not grow with the number of updates."""
    model, data = copy.deepcopy(fitted(cls)), toy_of(cls)
    new = data.test[data.truth == 1]
    before, sizes = model.anomaly_score(new).mean(), []
    for _ in range(5):
        model.update(new)
        sizes.append(size(model.state()))
    assert model.anomaly_score(new).mean() < before, "the shown items are as anomalous as before"
    assert sizes[2] == sizes[-1], f"the state grows: {sizes}"


@holds(items)
def unusable_items_are_refused(cls: type[Detector]) -> None:
    """Nothing at all, numbers, a single text instead of a list, and wrong labels are refused with their codes."""
    X = short(cls)
    for code, given in (("TOC-112", X[:0]), ("TOC-112", []), ("TOC-115", [1.5, 2.5]), ("TOC-115", [None]), ("TOC-115", "one text"),
                        ("TOC-115", 7)):
        fresh, model = cls.small(), fitted(cls)
        refuses(code, fresh.fit, given)
        assert not fresh.is_fitted()
        refuses(code, model.anomaly_score, given)
    refuses("TOC-117", cls.small().fit, X, y=np.full(len(X), 2))


def _shape(item: object, modality: str) -> tuple[int, ...]:
    if isinstance(item, Picture):
        return tuple(item.pixels().shape[:2])
    return (len(str(item)),) if modality == "texts" else (len(str(item).split("\n")),)


def _within(where: tuple[int, ...], item: object, modality: str) -> bool:
    shape = _shape(item, modality)
    if modality == "images":
        left, top, right, bottom = where
        return 0 <= left < right <= shape[1] and 0 <= top < bottom <= shape[0]
    if modality == "texts":
        return 0 <= where[0] < where[1] <= shape[0]
    return 0 <= where[0] < shape[0]
