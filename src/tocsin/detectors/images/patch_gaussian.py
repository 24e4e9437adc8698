"""See :class:`PatchGaussian`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.deep.vision.viewed import ViewedPictures, in_range
from tocsin.deep.vision.views import Seen


class PatchGaussian(ViewedPictures):
    """Patch Gaussian: each place of a picture against the Gaussian of what normal pictures show there.

    After PaDiM (Defard et al., 2021). A frozen backbone turns a picture into cells; for each place, the mean and the covariance of the
    training pictures' cells are learned. Places share most of their scatter, so each covariance is shrunk towards the mean one, and a few
    dozen pictures suffice. The mean of the squared Mahalanobis distances of the oddest 3 % of cells, edges left out (the network's padding
    makes them odd), is turned into the score: minus the logarithm of the chance that a normal picture has one so high. The map is of these
    cells, of broader ones (a large fault is filled, not outlined) and of finer ones (a small one is sharp).

    Works for objects that lie alike in every picture, and for surfaces with a lighting that is; fits in seconds and is the most exact of
    the image detectors there from a hundred pictures on. Where objects lie anyhow, ``place="unaligned"`` takes one Gaussian for all
    places, or take ``images.patch_memory``. Not for faults that change the whole picture a little: see ``images.image_gaussian``, and
    ``images.fusion`` for both. Anomalies that touch the picture's edge are in the map and judged by what of them lies further in.

    Parameters
        backbone  "mobilenet_v2", "efficientnet_lite0", "resnet50" or "random": see ``Features``
        taps      its blocks; None for the usual ones. The first, if finer than the rest, sharpens the map alone. Of more than 160 channels
                  a sample is taken
        size      both sides of the square that a picture is brought to
        weights   path of the backbone's weights, or None for an installed package
        resize    "squash" or "aspect"
        share     of shrinkage towards the mean covariance, above 0.001, at most 1
        place     "aligned": each place has its own Gaussian; "unaligned": one for all
        seed      of samples, where there are more than 3,000 pictures or 160 channels

    A picture with a ``product`` is judged by its pictures alone, one of an unknown product by the most similar one. X (n,) pictures,
    at least 10 of each product. Raises ConfigError TOC-214, TOC-272 to TOC-274, DataError TOC-174, MissingExtra TOC-501 without weights.

    >>> from tocsin.testing.toy import toy
    >>> data = toy("images")
    >>> scores = PatchGaussian(backbone="random", size=48).fit(data.train).anomaly_score(data.test)
    >>> bool(scores[data.truth == 1].mean() > scores[data.truth == 0].mean())
    True
    """

    tags = Tags(modality="images", min_rows=10, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True,
                exportable=True, extra="deep")
    TAPS: ClassVar[dict[str, tuple[int, ...]]] = {"mobilenet_v2": (6, 10, 13), "efficientnet_lite0": (5, 7, 10)}

    def __init__(self, backbone: str = "mobilenet_v2", taps: tuple[int, ...] | None = None, size: int = 256, weights: str | None = None,
                 resize: str = "squash", share: float = 0.1, place: str = "aligned", seed: int = 0) -> None:
        self.backbone, self.taps, self.size, self.weights, self.resize = backbone, taps, size, weights, resize
        self.share, self.place, self.seed = share, place, seed

    @classmethod
    def small(cls) -> Self:
        return cls(backbone="random", size=48)

    def _check(self) -> None:
        in_range(self, share=(0.001, 1.0))
        if self.place not in ("aligned", "unaligned"):
            raise ConfigError("TOC-214", "PatchGaussian: place has an unknown value", came=repr(self.place)[:80],
                              todo="use 'aligned' or 'unaligned'")

    def _chosen(self, seen: Sequence[Seen]) -> tuple[str, ...]:
        return ("places",)
