"""The abstract deep detector of series: windows in, one score per time step out.

Two ways to judge, told by ``_forecasts()``; l is the window length:

- forecast: the network sees 2l rows and foretells the last l of them, each from the rows before it alone (l to 2l − 1 of them). Such
  blocks are laid end to end, so every row is judged once; what comes after a row never changes its score.
- reconstruct: the network sees l rows and gives them all back; windows overlap by three quarters and each time step takes the mean over
  those that cover it. A row's score depends on rows up to l − 1 before and after it.

The score of a step is then the mean over the last ``smooth`` steps (to reconstruct: over as many around it), for anomalies last and noise
does not.

No window crosses a segment (a run of equal ``groups``). A forecaster judging the start of a segment borrows the history it lacks from the
training stretch that goes on most like the segment's first l rows: a start that is like any other is then no surprise. In training, and
to reconstruct, the first row is repeated.
Windows are gathered when they are needed, never all at once. Letters: t time steps, c channels, l window, b windows in a batch.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.errors import ArtifactError
from tocsin.data.period import window_length
from tocsin.data.window import spread_cells, window_ends
from tocsin.deep.detector import DeepDetector
from tocsin.deep.network import Network
from tocsin.deep.segment import Segments, segments
from tocsin.deep.smoothing import smoothed
from tocsin.deep.trainer import Examples

_BANK = 64  # training stretches that histories are borrowed from
_EPOCH, _HELD_OUT = 1024, 1024  # most windows in an epoch, and held out


class DeepSeriesDetector(DeepDetector):
    """Abstract, for series (t, c). Its subclass's constructor stores ``window`` (None: one period of the training series), ``training``
    and, where a user may choose it, ``smooth`` (None: half a window; 0 or 1: none).

    Authors write, on standardised windows z (b, s, c), with s = 2l to forecast and l to reconstruct:

        _forecasts() → bool
        _build((l, c)) → Module
        _expect(net, z) → (b, l, c)      what is normal in the last l rows of z
        _loss(net, z) → (b,)             the mean squared residual of those rows unless written otherwise
        _span(l) → int                   the window length that the network can take: l or a little more
    """

    FEWEST: ClassVar[int] = 64  # windows in an epoch of a short series
    window: int | None
    smooth: int | None = None
    smooth_: int

    @abstractmethod
    def _forecasts(self) -> bool:
        """Whether rows are foretold from those before them (else windows are given back whole)."""

    def _span(self, length: int) -> int:
        return length

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        expected = self._expect(net, z)
        return (z[:, -expected.shape[1]:] - expected).square().mean((1, 2))

    def _fit(self, X: np.ndarray, y: np.ndarray | None, groups: np.ndarray) -> None:
        super()._fit(X, y, groups)
        self.smooth_ = self.shape_[0] // 2 if self.smooth is None else self.smooth

    def reach(self) -> tuple[int, int]:
        """How many earlier and how many later steps a fitted detector's score is smoothed over."""
        others = max(self.smooth_ - 1, 0)
        after = 0 if self._forecasts() else others // 2
        return others - after, after

    def _shape(self, X: np.ndarray) -> tuple[int, ...]:
        return self._span(self.window or window_length(X)), X.shape[1]

    def _examples(self, z: Tensor, groups: np.ndarray, shape: tuple[int, ...], training: Training) -> Examples:
        """Windows; the last share of each segment is held out as one block (or whole segments, where they are short)."""
        length, lead = shape[0], shape[0] * self._forecasts()
        if self._forecasts():
            self.bank_ = _stretches(z, groups, 2 * length)
        learned, watched = segments(groups).divided(training.validation, length)
        starts, rows = _starts(learned, lead, length, len(z))
        held_starts, held_rows = _starts(watched, lead, length, len(z))
        few = slice(None, None, max(1, -(-len(held_starts) // _HELD_OUT)))
        # Held-out windows may look back into rows that were learned from, never the other way round.
        first = torch.from_numpy(np.concatenate([starts, held_starts[few]])).to(z.device)
        bounds = torch.from_numpy(np.concatenate([rows, held_rows[few]])).to(z.device)
        steps = torch.arange(lead + length, device=z.device)

        def gather(at: Tensor) -> Tensor:
            return z[(first[at, None] + steps).clamp(bounds[at, :1], bounds[at, 1:])]

        positions = torch.arange(len(first), device=z.device)
        per_epoch = min(_EPOCH, max(self.FEWEST, 8 * len(z) // length))  # each row is judged about eight times
        return Examples(gather, positions[: len(starts)], positions[len(starts):], per_epoch, self._digest(z, groups))

    def _score(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return self._map(X, groups).mean(1)

    def _map(self, X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        return smoothed(self._through(self._cells, X, groups), groups, *self.reach())

    def _load_learned(self, learned: dict[str, Any]) -> None:
        # Files from before there was smoothing hold no smooth_; they go on scoring as they did.
        learned = {"smooth_": 0, **learned} if "net" in learned else learned
        steps = learned.get("smooth_", 0)
        if type(steps) is not int or not 0 <= steps < 2**31:
            raise ArtifactError("TOC-410", "the stored smoothing of a series is not of the expected form", came=repr(steps)[:80],
                                todo="load a file that this version of tocsin wrote")
        super()._load_learned(learned)

    @torch.inference_mode()
    def _through(self, judge: Callable[[Network, Tensor], Tensor], X: np.ndarray, groups: np.ndarray) -> np.ndarray:
        """(t, c): ``judge``'s values (b, l, c) of windows, put back on time steps."""
        z = torch.cat([self._standardised(torch.tensor(X[at:at + 4096])) for at in range(0, len(X), 4096)])
        length = self.shape_[0]
        if self._forecasts():
            return self._laid_out(judge, z, groups, length)
        return self._overlapped(judge, z, groups, length)

    def _laid_out(self, judge: Callable[[Network, Tensor], Tensor], z: Tensor, groups: np.ndarray, length: int) -> np.ndarray:
        """Blocks of ``length`` rows, from each segment's first row on; in front of each segment, ``length`` borrowed rows."""
        z, groups, own = self._with_history(z, groups, length)
        starts, bounds = segments(groups).blocks(length)
        made = np.empty(tuple(z.shape))
        for part, cells in self._windows(judge, z, starts - length, bounds, 2 * length):
            rows = starts[part, None] + np.arange(length)
            inside = rows <= bounds[part, 1:]
            made[rows[inside]] = cells[inside]
        return made[own]

    def _with_history(self, z: Tensor, groups: np.ndarray, length: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """(z, groups) with borrowed rows before each segment, and the positions of the rows that came; as they are without a bank."""
        parts = segments(groups)
        if not len(self.bank_):
            return z, groups, np.arange(len(z))
        bank = torch.tensor(self.bank_, dtype=z.dtype, device=z.device)  # (k, 2l, c)
        made, own, start = [], [], 0
        for first, last in zip(parts.first, parts.last):
            segment = z[first:last + 1]
            known = segment[:length]  # (m, c)
            # In double: near ties of far-off starts would else be settled by the order in which a runtime adds.
            gap = (bank[:, length:length + len(known)] - known).double().square().mean((1, 2))
            made += [bank[int(gap.argmin()), :length], segment]
            own.append(start + length + np.arange(len(segment)))
            start += length + len(segment)
        return torch.cat(made), np.repeat(np.arange(len(own)), [length + len(rows) for rows in own]), np.concatenate(own)

    def _overlapped(self, judge: Callable[[Network, Tensor], Tensor], z: Tensor, groups: np.ndarray, length: int) -> np.ndarray:
        """The mean over windows that cover a time step."""
        ends = window_ends(groups, length, max(1, length // 4))
        made = np.empty((len(ends), length, z.shape[1]))
        for part, cells in self._windows(judge, z, ends - length + 1, segments(groups).bounds_of(ends), length):
            made[part] = cells
        return spread_cells(made, ends, groups, length)

    def _windows(self, judge: Callable[[Network, Tensor], Tensor], z: Tensor, starts: np.ndarray, bounds: np.ndarray, span: int) -> Any:
        """Pairs (which windows, their values); the number in a batch is fixed by their size, and the last batch is filled up."""
        size = max(4, min(128, 2**18 // (span * z.shape[1])))
        steps = torch.arange(span, device=z.device)
        for at in range(0, len(starts), size):
            part = np.minimum(np.arange(at, at + size), len(starts) - 1)  # filled up with the last window: see detector._filled
            first, edge = torch.from_numpy(starts[part]).to(z.device), torch.from_numpy(bounds[part]).to(z.device)
            windows = z[(first[:, None] + steps).clamp(edge[:, :1], edge[:, 1:])]
            count = min(size, len(starts) - at)
            yield np.arange(at, at + count), judge(self.net_, windows)[:count].double().cpu().numpy()


def _stretches(z: Tensor, groups: np.ndarray, span: int) -> np.ndarray:
    """(k, span, c) evenly spaced stretches of the training series, at most 64 and 2 MB; none where no segment is that long."""
    parts = segments(groups)
    starts = np.concatenate([np.arange(first, max(first, last - span + 2)) for first, last in zip(parts.first, parts.last)])
    most = max(1, min(_BANK, 2**18 // (span * z.shape[1])))
    starts = starts[np.linspace(0, len(starts) - 1, min(most, len(starts))).astype(int)] if len(starts) else starts
    found = [z[start:start + span].double().cpu().numpy() for start in starts]
    return np.stack(found) if found else np.zeros((0, span, z.shape[1]))


def _starts(parts: Segments, lead: int, length: int, t: int) -> tuple[np.ndarray, np.ndarray]:
    """Every place (w,) where a window may start, and the bounds (w, 2) that it keeps to: judged rows lie within ``parts``."""
    starts, bounds = [], []
    for first, last, low in zip(parts.first, parts.last, parts.low):
        at = np.arange(first - lead, max(first, last - length + 1) - lead + 1)
        starts.append(at)
        bounds.append(np.broadcast_to([low, last], (len(at), 2)))
    if not starts:
        return np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    return np.concatenate(starts), np.concatenate(bounds)
