"""See :class:`MaskedCells`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.detector import DeepDetector
from tocsin.deep.masking import CellMLP, CellTransformer, Masked
from tocsin.deep.network import Network
from tocsin.deep.table import bent, bounded, unbent
from tocsin.deep.trainer import Examples

_HEADS = 4
_MOST_TOKENS = 256  # columns: attention costs their square
_LEAST, _MOST = 0.1, 0.6  # share of a row hidden while training
_ROWS, _CELLS = 4096, 16_384  # of an epoch at most; cells count for the transformer only, where each is a token


class MaskedCells(DeepDetector):
    """Hides cells of a row and foretells them from the others: what the rest of the row does not lead one to expect is odd.

    After Yin et al. (2024, "MCM: masked cell modeling for anomaly detection in tabular data"), with random masks and, for every cell, a
    mean and a variance foretold. The score is the negative log likelihood of the cells, each hidden in turn, averaged over columns; so a
    residual counts by how sure the network could be, which matters where columns differ in how well they can be foretold. Values beyond
    4 standard deviations are bent to their logarithm before.

    Works when columns depend on each other: relations that hold within some rows only, columns of very different noise. The one network
    here that says which cell is odd without being led astray by that cell, for it was never shown. Not when columns are independent (it
    then sees no more than ``baseline``), nor where anomalies are far off in many columns together: those foretell each other well
    (``knn`` and ``gaussian`` see them). The fewer rows, the less it learns: from about a hundred.

    Parameters
        network   "mlp": any number of columns; "transformer": attention among up to 256 columns, about three times slower and no better
                  on four tables measured
        width     width of the layers, or of a column's token (a multiple of 4); None: 128 for the mlp, 32 for the transformer
        layers    residual layers, or encoder blocks
        turns     passes in which all columns are hidden once: the more, the more a cell's expectation is built on
        rounds    how often that is done with other columns hidden together, and averaged; None: twice by the mlp, once by the transformer
        training  a Training, a mapping of changes to the default, or None

    An epoch sees at most 4,096 rows (transformer: 16,384 cells), so the time of training does not grow with the table.
    Shapes: X (n, d); the map and what is expected (n, d), the map in nats above the column's usual misfit.
    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> rows = np.hstack([x, 2 * x, -x])
    >>> detector = MaskedCells(width=32, training={"epochs": 20}).fit(rows)
    >>> usual, odd = detector.anomaly_score([[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]])
    >>> bool(odd > usual + 2)
    True
    """

    tags = Tags(modality="vector", min_rows=2, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training(epochs=40, patience=8, lr=2e-3)

    def __init__(self, network: str = "mlp", width: int | None = None, layers: int = 2, turns: int = 4, rounds: int | None = None,
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.network, self.width, self.layers, self.turns, self.rounds, self.training = network, width, layers, turns, rounds, training

    @classmethod
    def small(cls) -> MaskedCells:
        return cls(width=32, layers=1, rounds=1, training={"epochs": 30})

    def _check(self) -> None:
        settings.one_of("mlp", "transformer", network=self.network)
        settings.at_least(1, width=self.width, layers=self.layers, turns=self.turns, rounds=self.rounds)
        if self.network == "transformer":
            settings.multiple(_HEADS, width=self.width or _HEADS)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        d = shape[0]
        if self.network == "mlp":
            return Masked(d, CellMLP(d, self.width or 128, self.layers), self.turns, self.rounds or 2)
        if d > _MOST_TOKENS:
            raise ConfigError("TOC-222", f"a transformer over columns takes at most {_MOST_TOKENS} of them", came=f"{d} columns",
                              todo="use network='mlp'")
        return Masked(d, CellTransformer(d, self.width or 32, _HEADS, self.layers), self.turns, self.rounds or 1)

    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        rows = _ROWS if self.network == "mlp" else min(_ROWS, max(512, _CELLS // shape[0]))
        return bounded(super()._examples(z, groups, shape, training), rows)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(net, Masked)
        return net.trained(bent(z), _LEAST, _MOST)

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        return unbent(net(bent(z)))

    def _cells(self, net: Network, z: Tensor) -> Tensor:
        assert isinstance(net.body, Masked)
        return net.body.misfits(bent(z)) - net.body.usual

    @torch.inference_mode()
    def _learn_spread(self, examples: Examples) -> None:
        """The usual misfit of each column, on held-out rows where there are any: columns that are hard to foretell are no evidence."""
        assert isinstance(self.net_.body, Masked)
        positions = examples.held_out if len(examples.held_out) else examples.train[:1024]
        misfits = [self._cells(self.net_, examples.gather(part)).double() for part in positions.split(256)]
        self.net_.body.usual.copy_(torch.cat(misfits).mean(0))
