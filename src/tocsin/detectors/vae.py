"""See :class:`VAE`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from tocsin.core.config import Training
from tocsin.core.tags import Tags
from tocsin.deep import settings
from tocsin.deep.blocks import Drawing, mlp
from tocsin.deep.detector import DeepDetector
from tocsin.deep.network import Network


class VAE(DeepDetector):
    """Variational autoencoder: rows become a few hidden causes and back; misfit and unlikely causes are odd.

    After Kingma & Welling (2014), for anomalies An & Cho (2015, "Variational autoencoder based anomaly detection using reconstruction
    probability"). The score is deterministic: the squared residual of the mean code's reconstruction, in units of each column's usual
    residual on held-out rows and averaged over columns, plus ``beta`` times the code's divergence from the prior per column. So a row
    that is given back well from a code that no normal row has still stands out.

    Works when a few causes move many columns together. Not for many columns without common causes, where the code holds nothing.

    Parameters
        latent    number of hidden causes
        hidden    width of the layers
        beta      weight of the divergence: twice the noise variance that standardised cells are taken to have. Large values empty the code
        dropout   share of hidden values dropped while training
        training  a Training, a mapping of changes to the default, or None

    Raises ConfigError TOC-220 to TOC-225 for settings out of range, StateError TOC-320 when training diverges.

    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> rows = np.hstack([x, 2 * x, -x])                    # one cause behind three columns
    >>> detector = VAE(latent=1, hidden=16, training={"lr": 0.01}).fit(rows)
    >>> usual, odd = detector.anomaly_score([[1.0, 2.0, -1.0], [1.0, -2.0, -1.0]])
    >>> bool(odd > 10 * usual)
    True
    """

    tags = Tags(modality="vector", min_rows=2, gives_map=True, gives_expected=True, slow_fit=True, exportable=True, extra="deep")
    DEFAULT: ClassVar[Training] = Training()

    def __init__(self, latent: int = 8, hidden: int = 128, beta: float = 0.02, dropout: float = 0.0,
                 training: Training | Mapping[str, Any] | None = None) -> None:
        self.latent, self.hidden, self.beta, self.dropout, self.training = latent, hidden, beta, dropout, training

    @classmethod
    def small(cls) -> VAE:
        return cls(latent=4, hidden=32, training={"epochs": 30})

    def _check(self) -> None:
        settings.at_least(1, latent=self.latent, hidden=self.hidden)
        settings.at_least(0.0, beta=self.beta)
        settings.share(dropout=self.dropout)

    def _build(self, shape: tuple[int, ...]) -> nn.Module:
        return _Causes(shape[0], self.hidden, self.latent, self.dropout)

    def _loss(self, net: nn.Module, z: Tensor) -> Tensor:
        assert isinstance(net, _Causes)
        mean, log_variance = net.code(z)
        drawn = mean + (log_variance / 2).exp() * net.noise.normal(mean)
        return (net.decoder(drawn) - z).square().mean(1) + self.beta * divergence(mean, log_variance) / z.shape[1]

    def _expect(self, net: nn.Module, z: Tensor) -> Tensor:
        made: Tensor = net(z)
        return made

    def _judge(self, net: Network, z: Tensor) -> Tensor:
        assert isinstance(net.body, _Causes)
        return self._cells(net, z).mean(1) + self.beta * divergence(*net.body.code(z)) / z.shape[1]


class _Causes(nn.Module):
    """d → h → (mean, log variance) of e causes → h → d."""

    def __init__(self, d: int, h: int, e: int, dropout: float) -> None:
        super().__init__()
        self.noise = Drawing()
        self.encoder, self.decoder = mlp(d, h, 2 * e, dropout=dropout), mlp(e, h, d, dropout=dropout)

    def code(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (b, e); the latter bounded, so that a row from far away stays finite."""
        mean, log_variance = self.encoder(z).chunk(2, dim=-1)
        return mean, log_variance.clamp(-10, 10)

    def forward(self, z: Tensor) -> Tensor:
        made: Tensor = self.decoder(self.code(z)[0])
        return made


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(b,) Kullback-Leibler divergence of the code (b, e) from the standard normal prior."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1) / 2
