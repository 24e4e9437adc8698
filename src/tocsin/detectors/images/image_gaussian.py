"""See :class:`ImageGaussian`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from tocsin.core.tags import Tags
from tocsin.deep.vision.viewed import ViewedPictures
from tocsin.deep.vision.views import Seen


class ImageGaussian(ViewedPictures):
    """Image Gaussian: the whole picture, as means and deviations of what a backbone sees, against those of normal pictures.

    For each of two deep taps of a frozen backbone, the mean and the deviation of each channel over the picture make a vector. Its squared
    Mahalanobis distance is taken under the training pictures' covariance, shrunk after Ledoit and Wolf (2004); the taps' distances are
    brought to one scale and joined. The score is minus the logarithm of the chance that a normal picture has a distance so high. After
    Rippel et al. (2021, "Modeling the distribution of normal data in pre-trained deep features").

    Works for faults that change a good part of the picture, for surfaces and objects wherever they lie, and costs next to nothing beside
    the network. Does not see small faults, and shows no place. ``images.fusion`` puts it beside ``images.patch_gaussian``.

    Parameters
        backbone  "mobilenet_v2", "efficientnet_lite0", "resnet50" or "random": see ``Features``
        taps      its blocks, of which the last two count; None for the usual ones
        size      both sides of the square that a picture is brought to
        weights   path of the backbone's weights, or None for an installed package
        resize    "squash" or "aspect"
        seed      of samples, where there are more than 3,000 pictures or 160 channels in a tap

    A picture with a ``product`` is judged by its pictures alone, one of an unknown product by the most similar one. X (n,) pictures,
    at least 10 of each product. Raises ConfigError TOC-272 to TOC-274, DataError TOC-174, MissingExtra TOC-501 without weights.

    >>> from tocsin.testing.toy import toy
    >>> data = toy("images")
    >>> scores = ImageGaussian(backbone="random", size=48).fit(data.train).anomaly_score(data.test)
    >>> bool(scores[data.truth == 1].mean() > scores[data.truth == 0].mean())
    True
    """

    tags = Tags(modality="images", min_rows=10, gives_reasons=True, judges_own=True, own_held_out=True, extra="deep")
    TAPS: ClassVar[dict[str, tuple[int, ...]]] = {"mobilenet_v2": (13, 16), "efficientnet_lite0": (10, 14), "random": (6, 10)}

    def __init__(self, backbone: str = "mobilenet_v2", taps: tuple[int, ...] | None = None, size: int = 256, weights: str | None = None,
                 resize: str = "squash", seed: int = 0) -> None:
        self.backbone, self.taps, self.size, self.weights, self.resize, self.seed = backbone, taps, size, weights, resize, seed

    @classmethod
    def small(cls) -> Self:
        return cls(backbone="random", size=48)

    def _chosen(self, seen: Sequence[Seen]) -> tuple[str, ...]:
        return ("whole",)
