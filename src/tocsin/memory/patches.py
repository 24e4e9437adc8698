"""A bounded memory of normal patches: which of them is nearest, from which picture it came, and how the memory grows.

Letters: n patches looked at, e numbers of a patch, m remembered patches, q patches asked about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tocsin.core.errors import ArtifactError
from tocsin.memory.coreset import furthest, squared_reach

_BLOCK = 4096  # remembered patches in one product: what it makes stays in the processor's cache
_META = 8  # bytes that a patch's picture and product take
_KINDS = {"rows": (2, "float16"), "picture": (1, "int32"), "product": (1, "int32")}


@dataclass(frozen=True)
class PatchBank:
    """Remembered patches. Rows are kept in half precision and compared in single.

    rows     (m, e) float16
    picture  (m,) int32: position of the training picture a patch came from, -1 for one that came later
    product  (m,) int32: which product it shows, 0 when nobody said
    reach    largest distance of a patch that was looked at to its nearest remembered one

    >>> rows = np.array([[0.0], [1.0], [5.0]], np.float16)
    >>> bank = PatchBank(rows, np.array([0, 0, 1], np.int32), np.zeros(3, np.int32), 0.0)
    >>> bank.nearest(np.array([[4.0]], np.float32))
    (array([1.], dtype=float32), array([2]))
    >>> bank.nearest(np.array([[4.0]], np.float32), without=1)[1].tolist()
    [1]
    """

    rows: np.ndarray
    picture: np.ndarray
    product: np.ndarray
    reach: float

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(self, Q: np.ndarray, product: int = 0, without: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(q,) distance of ``Q`` (q, e) float32 to the nearest remembered patch, and its number (q,).

        ``product``: only patches of that product count, all of them for 0 and where the bank has none of it. ``without``: patches of that
        training picture do not count; where no other is left, all do. Products of matrices depend on their shape in the last digit, so ask
        with the same q always where a result must not depend on its company.
        """
        part = self._parts.get(product, self._parts[0])
        left = np.concatenate([Q, np.ones((len(Q), 1), np.float32)], axis=1)
        own = part.picture == without if without is not None else np.zeros(0, bool)
        least, best = np.full(len(Q), np.inf, np.float32), np.zeros(len(Q), np.int64)
        for low in range(0, len(part.at), _BLOCK):
            gaps = left @ part.turned[:, low:low + _BLOCK]  # (q, b): |r|² - 2 q·r
            if own.any() and not own.all():
                gaps[:, own[low:low + _BLOCK]] = np.inf
            first = gaps.argmin(axis=1)
            lowest = np.take_along_axis(gaps, first[:, None], 1)[:, 0]
            nearer = lowest < least
            least[nearer], best[nearer] = lowest[nearer], low + first[nearer]
        away = np.sqrt(np.square(Q - part.rows[best]).sum(axis=1))
        return away, part.at[best]

    @cached_property
    def _parts(self) -> dict[int, _Part]:
        whole = np.arange(len(self))
        made = {0: _part(self, whole)}
        kinds = np.unique(self.product)
        for kind in kinds[kinds > 0]:
            made[int(kind)] = _part(self, whole[self.product == kind])
        return made

    def state(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"rows": self.rows, "picture": self.picture, "product": self.product, "reach": float(self.reach)}

    @classmethod
    def from_state(cls, state: Any) -> PatchBank:
        """The inverse of :meth:`state`. Raises ArtifactError TOC-410 for anything else."""
        given = state if isinstance(state, dict) else {}
        arrays = {name: np.asarray(given.get(name)) for name in _KINDS}
        fit = all((array.ndim, str(array.dtype)) == _KINDS[name] for name, array in arrays.items())
        sizes = {len(array) for array in arrays.values()} if fit else set()
        reach = given.get("reach")
        if len(sizes) != 1 or 0 in sizes or not isinstance(reach, (int, float)) or not np.isfinite(arrays["rows"]).all():
            raise ArtifactError("TOC-410", "the stored memory of patches is not of the expected form", came=str(sorted(given))[:200],
                                todo="load a file that this version of tocsin wrote")
        return cls(arrays["rows"], arrays["picture"], arrays["product"], float(reach))


@dataclass(frozen=True)
class _Part:
    """A bank's patches of one product, made ready: ``at`` (m,) their numbers, ``turned`` (e + 1, m) -2 rows.T and the squared lengths."""

    at: np.ndarray
    rows: np.ndarray
    picture: np.ndarray
    turned: np.ndarray


def _part(bank: PatchBank, at: np.ndarray) -> _Part:
    rows = bank.rows[at].astype(np.float32)
    turned = np.empty((rows.shape[1] + 1, len(rows)), np.float32)
    turned[:-1], turned[-1] = -2.0 * rows.T, np.einsum("ij,ij->i", rows, rows)
    return _Part(at, rows, bank.picture[at], turned)


def capacity(megabytes: float, columns: int) -> int:
    """How many patches of so many columns fit into a budget, at least one.

    >>> capacity(5, 64)
    36764
    """
    return max(1, int(megabytes * 1_000_000 // (2 * columns + _META)))


def remember(rows: np.ndarray, picture: np.ndarray, product: np.ndarray, most: int) -> PatchBank:
    """A bank of at most ``most`` of the patches ``rows`` (n, e), spread over all that each product (n,) shows.

    Greedy k-centre in all columns, see :mod:`tocsin.memory.coreset`. Products share the budget evenly; what one does not need, others get.
    """
    rows = rows.astype(np.float16)
    kinds, left, kept, reach = np.unique(product), most, [], 0.0
    counts = {int(kind): int((product == kind).sum()) for kind in kinds}
    for turn, kind in enumerate(sorted(counts, key=lambda kind: (counts[kind], kind))):
        at = np.flatnonzero(product == kind)
        size = max(1, left // (len(counts) - turn))
        chosen, far = _spread(rows[at], size)
        kept.append(at[chosen])
        reach, left = max(reach, far), left - len(chosen)
    chosen = np.sort(np.concatenate(kept))
    return PatchBank(rows[chosen], picture[chosen].astype(np.int32), product[chosen].astype(np.int32), reach)


def extended(bank: PatchBank, rows: np.ndarray, product: np.ndarray, most: int) -> PatchBank:
    """``bank`` with what is new in ``rows`` (n, e): patches further than its reach from all it holds of their product (n,).

    When that is more than ``most``, the patches that lie closest together make room; old and new count alike.
    """
    rows = rows.astype(np.float16)
    added = [at[_unlike(bank, rows[at], int(kind))] for kind in np.unique(product) for at in [np.flatnonzero(product == kind)]]
    new = np.sort(np.concatenate(added))
    grown = PatchBank(np.concatenate([bank.rows, rows[new]]), np.concatenate([bank.picture, np.full(len(new), -1, np.int32)]),
                      np.concatenate([bank.product, product[new].astype(np.int32)]), bank.reach)
    if len(grown) <= most:
        return grown
    kept = remember(grown.rows, grown.picture, grown.product, most)
    return replace(kept, reach=max(kept.reach, bank.reach))


def _unlike(bank: PatchBank, rows: np.ndarray, kind: int) -> np.ndarray:
    """Numbers of those ``rows`` that are further than its reach from the bank's patches of that product and from each other."""
    own = bank.rows[bank.product == kind]
    if not len(own):
        return np.arange(len(rows))
    centre = own.mean(axis=0, dtype=np.float32)
    near_rows, near_own = rows.astype(np.float32) - centre, own.astype(np.float32) - centre
    near = squared_reach(near_rows, near_own)
    return np.sort(furthest(near_rows, len(rows), near, least=bank.reach**2))


def _spread(rows: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """Numbers of at most ``size`` of ``rows`` (n, e), ascending, and how far the furthest of the others is from them."""
    if len(rows) <= size:
        return np.arange(len(rows)), 0.0
    wide = rows.astype(np.float32)
    wide -= wide.mean(axis=0)
    near = np.full(len(wide), np.inf, dtype=np.float32)
    first = int(np.einsum("ij,ij->i", wide, wide).argmin())
    chosen = furthest(wide, size, near, first=first)
    return np.sort(chosen), float(np.sqrt(near.max()))
