"""The one training loop."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.errors import ConfigError, StateError
from tocsin.deep.blocks import mlp
from tocsin.deep.callbacks import Callback, Plan, listening
from tocsin.deep.initialise import first_weights
from tocsin.deep.trainer import Examples, train


def _net(dropout: float = 0.2) -> nn.Module:
    return first_weights(lambda: mlp(3, 8, 1, dropout=dropout), 0)


def _loss(net: nn.Module, x: Tensor) -> Tensor:
    return (net(x)[:, 0] - x.prod(1)).square()


def _examples(n: int = 100, held_out: int = 20) -> Examples:
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(1))
    return Examples(x.__getitem__, torch.arange(n - held_out), torch.arange(n - held_out, n), digest="d")


def _weights(net: nn.Module) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in net.parameters()]).numpy()


def _run(training: Training, examples: Examples | None = None, net: nn.Module | None = None) -> tuple[nn.Module, list[dict[str, Any]]]:
    net = net or _net()
    return net, train(net, _loss, examples or _examples(), training, name="test")


def _without_time(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key != "seconds"} for record in history]


def test_the_loss_falls_and_the_history_is_plain() -> None:
    _, history = _run(Training(epochs=40, lr=0.02, patience=40), net=_net(dropout=0.0))
    assert history[-1]["loss"] < 0.75 * history[0]["loss"]
    assert [record["epoch"] for record in history] == list(range(1, len(history) + 1))
    assert set(history[0]) == {"epoch", "loss", "validation", "lr", "seconds"}
    assert all(type(value) in (int, float) for value in history[0].values())


def test_same_seed_same_weights() -> None:
    (a, _), (b, _), (other, _) = (_run(Training(epochs=4, seed=seed)) for seed in (0, 0, 1))
    assert np.array_equal(_weights(a), _weights(b))
    assert not np.array_equal(_weights(a), _weights(other))


def test_the_global_random_state_is_neither_read_nor_written() -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - it is looked at, not drawn from
    a, _ = _run(Training(epochs=3))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    with torch.random.fork_rng():
        torch.manual_seed(77)
        b, _ = _run(Training(epochs=3))
    assert np.array_equal(_weights(a), _weights(b))


def test_early_stopping_gives_back_the_best_weights() -> None:
    net, history = _run(Training(epochs=200, lr=0.05, patience=3, schedule="constant"))
    losses = [record["validation"] for record in history]
    assert len(history) < 200 and min(losses) < losses[-1]
    assert len(history) == int(np.argmin(losses)) + 1 + 3
    with torch.no_grad():
        examples = _examples()
        assert float(_loss(net, examples.gather(examples.held_out)).mean()) == pytest.approx(min(losses), rel=1e-5)


def test_without_held_out_rows_all_epochs_run() -> None:
    _, history = _run(Training(epochs=5, patience=1), _examples(30, 0))
    assert len(history) == 5 and history[0]["validation"] is None


@pytest.mark.parametrize("n", [1, 2, 5])
def test_fewer_rows_than_a_batch(n: int) -> None:
    net, _ = _run(Training(epochs=2), _examples(n, 0))
    assert np.isfinite(_weights(net)).all()


def test_schedules() -> None:
    def rates(**settings: Any) -> list[float]:
        return [record["lr"] for record in _run(Training(epochs=12, patience=12, **settings))[1]]

    assert len(set(rates(schedule="constant", lr=0.01))) == 1
    cosine = rates(schedule="cosine", lr=0.01)
    assert cosine[0] == 0.01 and (np.diff(cosine) < 0).all()
    plateau = [r["lr"] for r in _run(Training(epochs=60, patience=8, lr=0.05, schedule="plateau"))[1]]
    assert min(plateau) < 0.05 and {round(np.log2(0.05 / r), 9) % 1 for r in plateau} == {0}


def test_per_epoch_limits_an_epoch_and_draws_anew() -> None:
    seen: list[list[int]] = []
    x = torch.zeros(100, 3)

    def gather(at: Tensor) -> Tensor:
        seen.append(at.tolist())
        return x[at]

    _run(Training(epochs=2, batch_size=64), Examples(gather, torch.arange(100), torch.arange(0), per_epoch=16))
    assert [len(batch) for batch in seen] == [16, 16]
    assert set(seen[0]) != set(seen[1])


class _Stop(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch(self, record: dict[str, Any]) -> None:
        if record["epoch"] == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, schedule: str) -> None:
    settings = Training(epochs=12, lr=0.03, patience=4, schedule=schedule)
    whole, history = _run(settings)
    interrupted = settings.with_(checkpoint=str(tmp_path))
    for epoch in (2, 5):
        with contextlib.suppress(KeyboardInterrupt), listening(_Stop(epoch)):
            _run(interrupted)
    resumed, continued = _run(interrupted)
    assert np.array_equal(_weights(whole), _weights(resumed))
    assert _without_time(history) == _without_time(continued)


def test_a_finished_checkpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    settings = Training(epochs=3, checkpoint=str(tmp_path))
    first, history = _run(settings)
    again, same = _run(settings)
    assert np.array_equal(_weights(first), _weights(again)) and history == same


def test_other_data_or_settings_do_not_resume(tmp_path: Path) -> None:
    settings = Training(epochs=2, checkpoint=str(tmp_path))
    _run(settings)
    _run(settings.with_(lr=0.5))
    x = _examples()
    _run(settings, Examples(x.gather, x.train, x.held_out, digest="other"))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_checkpoint_is_a_stated_error(tmp_path: Path, damage: bytes | None) -> None:
    settings = Training(epochs=2, checkpoint=str(tmp_path))
    _run(settings)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-40] if damage is None else damage)
    with pytest.raises(StateError, match="TOC-321"):
        _run(settings)


def test_a_checkpoint_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="TOC-225"):
        _run(Training(epochs=1, checkpoint=str(tmp_path / "file" / "inside")))


def test_callbacks_hear_three_moments() -> None:
    told: list[Any] = []

    class Ear(Callback):
        def on_start(self, plan: Plan) -> None:
            told.append(plan)

        def on_epoch(self, record: dict[str, Any]) -> None:
            told.append(record["epoch"])

        def on_end(self, history: list[dict[str, Any]]) -> None:
            told.append(len(history))

    with listening(Ear()):
        _run(Training(epochs=2))
    _run(Training(epochs=2))  # nobody listens any more
    assert told == [Plan("test", 2, 80, 20, 41, "cpu"), 1, 2, 2]


def test_a_loss_that_is_not_finite_says_what_to_do() -> None:
    with pytest.raises(StateError, match=r"TOC-320.*lower Training\.lr"):
        train(_net(), lambda net, x: net(x)[:, 0] * float("inf"), _examples(), Training(epochs=2))


def test_a_loss_of_the_wrong_form() -> None:
    with pytest.raises(StateError, match="TOC-322"):
        train(_net(), lambda net, x: net(x), _examples(), Training(epochs=2))


def test_bfloat16_trains() -> None:
    _, history = _run(Training(epochs=20, lr=0.01, precision="bfloat16"))
    assert history[-1]["loss"] < history[0]["loss"]


_WORKER = """
import sys, torch
sys.path.insert(0, {folder!r})
from test_trainer import _net, _run, _weights, Training
import numpy as np
net, history = _run(Training(epochs=3, lr=0.01, batch_size=32), net=_net(dropout=0.0))
import torch.distributed as dist
assert dist.get_world_size() == 2
if dist.get_rank() == 0:
    np.save(sys.argv[1], _weights(net))
"""


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out = tmp_path / "weights.npy"
    environment = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
                   "GLOO_SOCKET_IFNAME": "lo"}
    workers = [subprocess.Popen([sys.executable, "-c", _WORKER.format(folder=str(Path(__file__).parent)), str(out)],
                                env={**environment, "RANK": str(rank)}, stderr=subprocess.PIPE) for rank in range(2)]
    errors = [worker.communicate(timeout=120)[1].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    alone, _ = _run(Training(epochs=3, lr=0.01, batch_size=32), net=_net(dropout=0.0))
    assert np.allclose(np.load(out), _weights(alone), atol=1e-5)
