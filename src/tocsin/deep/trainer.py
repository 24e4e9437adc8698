"""The one training loop.

It indexes tensors directly (no loader process), holds out examples for early stopping and gives back the weights that did best there,
clips gradients, decays weights, follows a schedule, writes a checkpoint after each epoch and resumes from it, tells callbacks its moments,
and shares batches between processes under ``torchrun``.

What is drawn in an epoch depends on (seed, epoch, process) alone. So an interrupted and resumed training takes the very same steps as an
uninterrupted one, and the global random state is never touched.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.errors import StateError
from tocsin.core.seed import derive
from tocsin.deep.blocks import lend
from tocsin.deep.callbacks import Plan, listeners
from tocsin.deep.checkpoint import Checkpoint
from tocsin.deep.device import autocast
from tocsin.deep.optimiser import AdamW
from tocsin.deep.processes import Processes, processes

Loss = Callable[[nn.Module, Tensor], Tensor]
_SMALL = 1_000_000  # weights up to which one thread trains as fast as two
_JUDGED = 256  # held-out examples in memory at once


@dataclass(frozen=True)
class Examples:
    """What is learned from: ``gather`` turns positions (b,) into a batch; positions in ``train`` are learned, ``held_out`` ones watched.

    ``per_epoch`` limits how many of ``train``, drawn anew each epoch, make an epoch: a long series need not be seen whole each time.
    ``digest`` names the data in a checkpoint.
    """

    gather: Callable[[Tensor], Tensor]
    train: Tensor
    held_out: Tensor
    per_epoch: int | None = None
    digest: str = ""


@dataclass
class _Progress:
    """Everything that a checkpoint must hold beside the optimiser."""

    best: list[Tensor] = field(default_factory=list)
    lowest: float = math.inf
    stale: int = 0
    factor: float = 1.0
    done: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)


def train(net: nn.Module, loss: Loss, examples: Examples, training: Training, *, name: str = "") -> list[dict[str, Any]]:
    """Train ``net`` in place, on the device that it is on, so that ``loss(net, batch)`` (b,) becomes small; its mean is what counts.

    Returns the history: one dict an epoch with ``epoch`` (from 1), ``loss``, ``validation`` (None without held-out examples), ``lr`` and
    ``seconds``. At least eight steps make an epoch where there are 128 examples or more: with fewer rows than eight batches the batches
    become smaller (not below 16). Without held-out examples all epochs are run and the last weights stay.

    Raises StateError TOC-320 when the loss stops being a finite number, TOC-321 when a checkpoint is damaged, TOC-322 when the loss is
    not one number per example; ConfigError TOC-225 when a checkpoint cannot be written.
    """
    return _Run(net, loss, examples, training, name).to_the_end()


@contextmanager
def _threads(net: nn.Module) -> Iterator[None]:
    """One CPU thread while a small network trains: its products last microseconds, and a second thread's waiting costs more than it
    gives (on a busy machine 10 to 100 times more). The number is the process's, so it is put back."""
    before = torch.get_num_threads()
    if before == 1 or sum(weight.numel() for weight in net.parameters()) > _SMALL:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Run:
    def __init__(self, net: nn.Module, loss: Loss, examples: Examples, training: Training, name: str) -> None:
        self.net, self.loss, self.examples, self.training, self.name = net, loss, examples, training, name
        self.place = next(net.parameters()).device
        self.group: Processes = processes(self.place)
        self.generator = torch.Generator(device=self.place)
        self.optimiser = AdamW(net, training.weight_decay)
        self.progress = _Progress()
        self.checkpoint = Checkpoint(training.checkpoint, self._identity()) if training.checkpoint else None

    def to_the_end(self) -> list[dict[str, Any]]:
        self._resume()
        told = listeners() if self.group.rank == 0 else ()
        for listener in told:
            listener.on_start(self._plan())
        lend(self.net, self.generator)
        try:
            with _threads(self.net):
                while not self.progress.done:
                    record = self._epoch(len(self.progress.history))
                    self._judge(record)
                    self._save()
                    for listener in told:
                        listener.on_epoch(dict(record))
        finally:
            lend(self.net, None)
            self.optimiser.release()
        if self.progress.best:
            _copy(self.progress.best, self.optimiser.parameters)
        self.net.eval()
        for listener in told:
            listener.on_end([dict(record) for record in self.progress.history])
        return self.progress.history

    def _epoch(self, epoch: int) -> dict[str, Any]:
        """One pass over the training examples and a look at the held-out ones."""
        start, lr = time.perf_counter(), self._lr(epoch)
        positions = self._order(epoch)
        self._reseed("draws", epoch)
        self.net.train()
        total = torch.zeros((), dtype=torch.float64, device=self.place)
        for batch in positions.split(self._batch_size(len(positions))):
            total += self._step(batch, lr)
        loss, validation = float(self.group.sum_(total)) / len(positions), self._validation()
        record = {"epoch": epoch + 1, "loss": loss, "validation": validation, "lr": lr, "seconds": round(time.perf_counter() - start, 4)}
        if not math.isfinite(loss + (validation or 0.0)):
            raise StateError("TOC-320", "the training loss is not a finite number any more", came=f"{self.name}: {record}",
                             todo="lower Training.lr, set Training.clip to 1 or less, or rescale the data")
        return record

    def _step(self, batch: Tensor, lr: float) -> Tensor:
        """One step along the gradient of the batch's mean loss; the sum of this process's losses."""
        mine, total = self.group.share(batch), torch.zeros((), device=self.place)
        if len(mine):
            total = self._losses(mine).sum()
            (total / len(batch)).backward()
        self.group.sum_(self.optimiser.gradient)
        self.optimiser.clip(self.training.clip)
        self.optimiser.step(lr)
        return total.detach()

    def _losses(self, positions: Tensor) -> Tensor:
        with autocast(self.place, self.training.precision):
            losses = self.loss(self.net, self.examples.gather(positions))
        if losses.shape != positions.shape:
            raise StateError("TOC-322", f"{self.name}: _loss does not give one number per example",
                             came=f"shape {tuple(losses.shape)} for {len(positions)}", todo="take the mean over all axes but the first")
        return losses.float()

    @torch.no_grad()
    def _validation(self) -> float | None:
        """Mean loss of the held-out examples, with the same draws in every epoch, so that epochs can be compared."""
        held_out = self.examples.held_out
        if not len(held_out):
            return None
        self.net.eval()
        self._reseed("validation", 0)
        total = torch.zeros((), dtype=torch.float64, device=self.place)
        for part in self.group.share(held_out).split(_JUDGED):
            if len(part):
                total += self._losses(part).sum()
        return float(self.group.sum_(total)) / len(held_out)

    def _judge(self, record: dict[str, Any]) -> None:
        """Keep the best weights; decide on the learning rate and whether to stop."""
        progress, training = self.progress, self.training
        progress.history.append(record)
        if record["validation"] is not None and record["validation"] < progress.lowest:
            progress.lowest, progress.stale = record["validation"], 0
            progress.best = [p.detach().clone() for p in self.optimiser.parameters]
        elif record["validation"] is not None:
            progress.stale += 1
            if training.schedule == "plateau" and progress.stale % max(1, training.patience // 2) == 0:
                progress.factor /= 2
        progress.done = record["epoch"] >= training.epochs or progress.stale >= training.patience

    def _lr(self, epoch: int) -> float:
        share = epoch / self.training.epochs
        bend = (1 + math.cos(math.pi * share)) / 2 if self.training.schedule == "cosine" else self.progress.factor
        return self.training.lr * bend

    def _batch_size(self, count: int) -> int:
        return max(1, min(self.training.batch_size, max(16, count // 8)))

    def _order(self, epoch: int) -> Tensor:
        train, generator = self.examples.train, torch.Generator().manual_seed(derive(self.training.seed, "order", epoch))
        order = torch.randperm(len(train), generator=generator)[: self.examples.per_epoch]
        return train[order.to(train.device)]

    def _reseed(self, purpose: str, epoch: int) -> None:
        self.generator.manual_seed(derive(self.training.seed, purpose, epoch, self.group.rank))

    def _plan(self) -> Plan:
        return Plan(self.name, self.training.epochs, len(self.examples.train), len(self.examples.held_out),
                    len(self.optimiser.gradient), str(self.place), len(self.progress.history))

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued."""
        return {"name": self.name, "settings": self.training.model_dump(exclude={"checkpoint", "device"}), "data": self.examples.digest,
                "weights": [list(p.shape) for p in self.optimiser.parameters], "processes": self.group.size,
                "examples": [len(self.examples.train), len(self.examples.held_out), self.examples.per_epoch]}

    def _save(self) -> None:
        if self.checkpoint is None or self.group.rank:
            return
        progress, optimiser = self.progress, self.optimiser
        tensors = {"first": optimiser.first, "second": optimiser.second}
        tensors |= {f"weights.{i}": p for i, p in enumerate(optimiser.parameters)} | {f"best.{i}": p for i, p in enumerate(progress.best)}
        self.checkpoint.write({"steps": optimiser.steps, "lowest": progress.lowest, "stale": progress.stale, "factor": progress.factor,
                               "done": progress.done, "history": progress.history}, tensors)

    def _resume(self) -> None:
        found = self.checkpoint.read() if self.checkpoint else None
        if found is None:
            return
        plain, tensors = found
        optimiser, names = self.optimiser, range(len(self.optimiser.parameters))
        try:
            _copy([tensors["first"], tensors["second"]], [optimiser.first, optimiser.second])
            _copy([tensors[f"weights.{i}"] for i in names], optimiser.parameters)
            best = [tensors[f"best.{i}"].to(self.place) for i in names if "best.0" in tensors]
            optimiser.steps = int(plain["steps"])
            self.progress = _Progress(best, plain["lowest"], plain["stale"], plain["factor"], plain["done"], plain["history"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            assert self.checkpoint is not None
            raise StateError("TOC-321", "the checkpoint is not of the expected form", came=f"{self.checkpoint.path}: {error}"[:300],
                             todo="delete this file to train from the start") from error


@torch.no_grad()
def _copy(sources: list[Tensor], targets: list[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)
