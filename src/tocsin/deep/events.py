"""A network that foretells the next event of a session from those before it.

A session is start, events, end. It is cut into rows of at most ``REACH`` places (of a log without sessions, a quarter of that: more rows
to learn from); a row after the first begins a quarter of a row early, and what these places foretell is not counted.
Codes: 0 start, 1 end, 2 an unknown event, then the events in the order of their ids; -1 is no target.

Letters: b rows in a batch, l places, v codes, e width, f rows of all sessions, r places in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tocsin.core.config import Training
from tocsin.core.errors import ConfigError
from tocsin.core.seed import generator
from tocsin.deep.blocks import Dropout, EncoderBlock, Position
from tocsin.deep.device import device, scoring_device
from tocsin.deep.initialise import empty, first_weights
from tocsin.deep.processes import local
from tocsin.deep.trainer import Examples, train

CELLS = ("gru", "lstm", "transformer")
START, END, FIRST = 0, 1, 3
REACH = 128
_TOGETHER = 32  # rows judged at once, always as many
_HEADS = 4


@dataclass(frozen=True)
class Rows:
    """inputs, targets (f, r) codes; session (f,) and place (f,) say what the first target of a row is: which event of which session."""

    inputs: np.ndarray
    targets: np.ndarray
    session: np.ndarray
    place: np.ndarray


def rows(events: np.ndarray, edges: np.ndarray, closed: bool) -> Rows:
    """Events (t,) of sessions from edges[k] to edges[k + 1] as rows. ``closed``: the end is a target, too.

    >>> made = rows(np.array([0, 1]), np.array([0, 2]), closed=True)
    >>> made.inputs[0, :4].tolist(), made.targets[0, :4].tolist()
    ([0, 3, 4, 0], [3, 4, 1, -1])
    """
    inputs, targets, session, place = [], [], [], []
    reach = REACH if closed else REACH // 4
    for k, (low, high) in enumerate(pairwise(edges.tolist())):
        codes = np.concatenate([[START], events[low:high] + FIRST, [END] * closed]).astype(np.int64)
        first = 0
        while first < len(codes) - 1:
            lead = min(first, reach // 4)
            last = min(first - lead + reach, len(codes) - 1)
            row, goal = np.zeros(reach, np.int64), np.full(reach, -1, dtype=np.int64)
            row[:last - first + lead] = codes[first - lead:last]
            goal[lead:last - first + lead] = codes[first + 1:last + 1]
            inputs.append(row)
            targets.append(goal)
            session.append(k)
            place.append(first - lead)
            first = last
    shape = (len(inputs), reach)
    return Rows(np.array(inputs, np.int64).reshape(shape), np.array(targets, np.int64).reshape(shape), np.array(session, np.int64),
                np.array(place, np.int64))


class NextEvent(nn.Module):
    """Codes (b, l) → (b, l, v) what comes next, as logits; a place sees itself and earlier ones only."""

    def __init__(self, codes: int, width: int, cell: str, dropout: float) -> None:
        super().__init__()
        self.codes, self.cell = codes, cell
        self.table = Table(codes, width)
        self.body = _body(cell, width, dropout)
        self.dropout = Dropout(dropout)
        self.out = nn.Linear(width, codes)

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.table(inputs)
        if self.cell == "transformer":
            x = self.body(x)
        else:
            x, _ = self.body(x)
        made: Tensor = self.out(self.dropout(x))
        return made


class Table(nn.Module):
    """A learned vector for each code (v, e)."""

    def __init__(self, codes: int, width: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(codes, width))

    def forward(self, codes: Tensor) -> Tensor:
        return F.embedding(codes, self.rows)

    def initialise(self, drawn: torch.Generator) -> None:
        """Normal numbers."""
        self.rows.normal_(0, 1, generator=drawn)


class _Stack(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.position = Position(REACH, width)
        self.blocks = nn.ModuleList(EncoderBlock(width, _HEADS, dropout, causal=True) for _ in range(2))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.position.table[:x.shape[1]]
        for block in self.blocks:
            x = block(x)
        made: Tensor = self.norm(x)
        return made


def _body(cell: str, width: int, dropout: float) -> nn.Module:
    if cell == "transformer":
        return _Stack(width, dropout)
    return (nn.LSTM if cell == "lstm" else nn.GRU)(width, width, batch_first=True)


def build(codes: int, width: int, cell: str, dropout: float) -> NextEvent:
    """The network with unfilled memory. Raises ConfigError TOC-239 for an unknown cell or a width that is no multiple of four."""
    if cell not in CELLS or width < _HEADS or width % _HEADS:
        raise ConfigError("TOC-239", "the network of the next event cannot be built so", came=f"cell={cell!r}, width={width!r}",
                          todo=f"use one of {', '.join(CELLS)} and a width that is a multiple of {_HEADS}")
    made = empty(lambda: NextEvent(codes, width, cell, dropout))
    assert isinstance(made, NextEvent)
    return made


def learn(found: Rows, used: np.ndarray, codes: int, width: int, cell: str, dropout: float, training: Training,
          name: str) -> tuple[NextEvent, list[dict[str, Any]]]:
    """A network trained on the rows ``used`` (m,), a share of them held out for early stopping; and its history."""
    build(codes, width, cell, dropout)
    net = first_weights(lambda: NextEvent(codes, width, cell, dropout), training.seed)
    assert isinstance(net, NextEvent)
    place = local(device(training.device))
    inputs, targets = (torch.from_numpy(each).to(place) for each in (found.inputs, found.targets))
    lengths = (targets >= 0).flip(1).int().argmax(1).neg() + targets.shape[1]  # places up to the last target

    def gather(which: Tensor) -> Tensor:
        longest = int(lengths[which].max())
        return torch.stack([inputs[which, :longest], targets[which, :longest]], dim=1)  # (b, 2, l)

    order = generator(training.seed, "held out").permutation(len(used))
    cut = round(training.validation * len(used)) if len(used) > 1 else 0
    held, kept = (torch.from_numpy(np.sort(used[part])).to(place) for part in (order[:cut], order[cut:]))
    net.to(place)
    history = train(net, losses, Examples(gather, kept, held), training, name=name)
    return net.requires_grad_(False).eval(), history


def losses(net: nn.Module, batch: Tensor) -> Tensor:
    """(b,) mean surprise of each row's targets; ``batch`` (b, 2, l) holds inputs and targets."""
    inputs, targets = batch[:, 0], batch[:, 1]
    real = targets >= 0
    surprise = F.cross_entropy(net(inputs).transpose(1, 2), targets.clamp(min=0), reduction="none")
    return (surprise * real).sum(1) / real.sum(1).clamp(min=1)


@torch.inference_mode()
def surprises(net: NextEvent, found: Rows, sizes: np.ndarray) -> list[np.ndarray]:
    """For each session, minus the logarithm of the chance of each of its ``sizes`` (s,) targets."""
    flat = np.zeros(int(sizes.sum()))
    starts = np.cumsum(sizes) - sizes
    short = (found.targets >= 0).nonzero()
    last = np.zeros(len(found.targets), np.int64)
    np.maximum.at(last, short[0], short[1])
    for length in (16, 32, 64, REACH):  # rows of like length together, in blocks of one form: their company changes nothing
        which = np.flatnonzero((last < length) & (last >= (length // 2 if length > 16 else 0)))
        for low in range(0, len(which), _TOGETHER):
            _fill(flat, net, found, which[low:low + _TOGETHER], length, starts)
    return np.split(flat, starts[1:])


def _fill(flat: np.ndarray, net: NextEvent, found: Rows, part: np.ndarray, length: int, starts: np.ndarray) -> None:
    """Put the surprises of the rows ``part`` in their places in ``flat``."""
    inputs = np.zeros((_TOGETHER, length), np.int64)
    inputs[:len(part)] = found.inputs[part, :length]
    targets = found.targets[part, :length]
    chances = chances_of(net, inputs)[:len(part)]
    row, at = np.nonzero(targets >= 0)
    flat[starts[found.session[part[row]]] + found.place[part[row]] + at] = -chances[row, at, targets[row, at]]


@torch.inference_mode()
def chances_of(net: NextEvent, inputs: np.ndarray) -> np.ndarray:
    """(b, l, v) logarithms of the chances of what comes next; only events that can come have one."""
    place = net.table.rows.device
    made: np.ndarray = F.log_softmax(net(torch.from_numpy(inputs).to(place)).double(), dim=-1).cpu().numpy()
    return made


def loaded(arrays: Any, codes: int, width: int, cell: str, dropout: float, where: str) -> NextEvent:
    """A network from its stored weights. Raises ConfigError TOC-239, ValueError where they are not those of this one."""
    net = build(codes, width, cell, dropout)
    given = {name: np.asarray(array) for name, array in dict(arrays).items()}
    if any(array.dtype != np.float32 for array in given.values()):
        raise ValueError("weights are not in single precision")
    if {name: tuple(array.shape) for name, array in given.items()} != {name: tuple(t.shape) for name, t in net.state_dict().items()}:
        raise ValueError("weights are not those of this network")
    net.load_state_dict({name: torch.tensor(array) for name, array in given.items()})
    return net.to(scoring_device(where)).requires_grad_(False).eval()


def arrays(net: NextEvent) -> dict[str, np.ndarray]:
    """All weights by name."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in net.state_dict().items()}
