"""What the checks share: one fitted instance a class, comparisons, and the random states of the process."""

from __future__ import annotations

import contextlib
import functools
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tocsin.core.detector import Detector
from tocsin.core.errors import TocsinError
from tocsin.testing.toy import Toy, toy

_RTOL = 1e-6


def toy_of(cls: type[Detector]) -> Toy:
    """The toy data of the detector's modality, with labels for a detector that uses them."""
    return toy(cls.tags.modality, cls.tags.supervised)


@functools.lru_cache(maxsize=4)
def fitted(cls: type[Detector]) -> Detector:
    """``cls.small()`` fitted on its toy data, shared by the checks; who changes it takes a deep copy."""
    return learned(cls.small(), toy_of(cls).train)


def learned(model: Detector, X: Any) -> Detector:
    """``model`` fitted on the first rows of its toy training data in whatever form, with their labels when it uses labels."""
    return model.fit(X, toy_of(type(model)).y[:len(X)]) if model.tags.supervised else model.fit(X)


def short(cls: type[Detector]) -> np.ndarray:
    """A few training rows, for checks that need a fit and not a good one."""
    return toy_of(cls).train[:max(100, cls.tags.min_rows)]


def verbs(cls: type[Detector]) -> list[str]:
    """The verbs beside ``fit`` that the detector offers."""
    offered = {"anomaly_score": True, "anomaly_map": cls.tags.gives_map, "expected": cls.tags.gives_expected, "update": cls.tags.online}
    return [verb for verb, given in offered.items() if given]


def equal(made: np.ndarray, wanted: np.ndarray) -> None:
    """Raises AssertionError unless the scores agree to 1e-6, relative to the score or to the middle score."""
    np.testing.assert_allclose(made, wanted, rtol=_RTOL, atol=_RTOL * float(np.median(np.abs(wanted))))


def refuses(code: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Raises AssertionError unless the call raises the stated error with this code."""
    try:
        call(*args, **kwargs)
    except TocsinError as error:
        assert error.code == code, f"{code} expected, came {error}"
        assert error.todo, f"{error.code} does not say what to do"
    else:
        raise AssertionError(f"{code} expected, nothing was raised")


def auroc(scores: np.ndarray, truth: np.ndarray) -> float:
    """How often an anomaly scores above a normal row, ties counting half."""
    high, low = scores[truth == 1][:, None], scores[truth == 0]
    return float((high > low).mean() + (high == low).mean() / 2)


def with_cell(X: np.ndarray, value: float) -> np.ndarray:
    """A copy with one cell set."""
    X = X.copy()
    X[len(X) // 2, 0] = value
    return X


def take_arrays(tree: Any, arrays: list[np.ndarray]) -> Any:
    """The tree with each array replaced by its position in ``arrays``, ready for JSON."""
    if isinstance(tree, np.ndarray):
        arrays.append(tree)
        return {"array": len(arrays) - 1}
    if isinstance(tree, dict):
        return {key: take_arrays(value, arrays) for key, value in tree.items()}
    return [take_arrays(value, arrays) for value in tree] if isinstance(tree, list) else tree


def put_arrays(tree: Any, arrays: list[np.ndarray]) -> Any:
    """The inverse of :func:`take_arrays`."""
    if isinstance(tree, dict):
        return arrays[tree["array"]] if list(tree) == ["array"] else {key: put_arrays(value, arrays) for key, value in tree.items()}
    return [put_arrays(value, arrays) for value in tree] if isinstance(tree, list) else tree


def same_state(a: Detector, b: Detector) -> bool:
    """Whether the states of two detectors are equal to the last bit."""
    a_arrays: list[np.ndarray] = []
    b_arrays: list[np.ndarray] = []
    return bool(take_arrays(a.state(), a_arrays) == take_arrays(b.state(), b_arrays) and len(a_arrays) == len(b_arrays)
                and all(np.array_equal(x, y, equal_nan=x.dtype.kind == "f") for x, y in zip(a_arrays, b_arrays)))


def size(tree: Any) -> int:
    """How many numbers and words a state holds."""
    if isinstance(tree, np.ndarray):
        return tree.size
    if isinstance(tree, (dict, list)):
        return sum(map(size, tree.values() if isinstance(tree, dict) else tree))
    return 1


def random_states() -> str:
    """The global random states of Python, NumPy and, where it is loaded, PyTorch."""
    torch = sys.modules.get("torch")
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002
    return repr((random.getstate(), name, np.asarray(keys).tolist(), rest, torch.get_rng_state().tolist() if torch else None))


@contextlib.contextmanager
def global_seeds(seed: int) -> Iterator[None]:
    """Other global random states for a while; the old ones come back."""
    torch = sys.modules.get("torch")
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    if torch:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        if torch:
            torch.set_rng_state(kept[2])
