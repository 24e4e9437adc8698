"""See :class:`Mirror`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from tocsin.core.tags import Tags
from tocsin.deep.vision.viewed import ViewedPictures
from tocsin.deep.vision.views import Seen


class Mirror(ViewedPictures):
    """Mirror: the left half of a picture against its right half, for objects that are mirror images of themselves.

    A frozen backbone turns the picture into cells; each is compared with the one across the vertical middle line. The differences' lengths,
    channels in units of their deviation in training, are the map; their mean is turned into the score: minus the logarithm of the chance
    that a normal picture has one so high. The pictures are never compared with each other, so ten normal ones suffice.

    Works for scans of heads and bodies, faces, bottles, tools laid straight: anything upright, in the middle, and the same on both sides,
    where the fault is on one side. Says nothing for all else; ``images.fusion`` finds out on the normal pictures, and uses it only where
    objects are symmetric. Both halves are odd in the map: which one is wrong, symmetry cannot tell.

    Parameters
        backbone  "mobilenet_v2", "efficientnet_lite0", "resnet50" or "random": see ``Features``
        taps      its blocks; None for the usual ones. Early ones see places exactly, late ones what lies there
        size      both sides of the square that a picture is brought to
        weights   path of the backbone's weights, or None for an installed package
        resize    "squash" or "aspect"
        seed      of samples, where there are more than 3,000 pictures or 160 channels

    X (n,) pictures, at least 10 of each product. Raises ConfigError TOC-272 to TOC-274, DataError TOC-174, MissingExtra TOC-501 without
    weights.

    >>> import numpy as np
    >>> from tocsin.core.seed import generator
    >>> half = generator(0, "halves").random((12, 48, 24), dtype=np.float32)
    >>> whole = np.concatenate([half, half[:, :, ::-1]], axis=2)
    >>> odd = whole[:2].copy()
    >>> odd[1, 10:40, 2:20] = 1.0
    >>> same, spoilt = Mirror(backbone="random", size=48).fit(whole).anomaly_score(odd)
    >>> bool(spoilt > same + 3)
    True
    """

    tags = Tags(modality="images", min_rows=10, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True,
                exportable=True, extra="deep")
    TAPS: ClassVar[dict[str, tuple[int, ...]]] = {"mobilenet_v2": (10, 13)}

    def __init__(self, backbone: str = "mobilenet_v2", taps: tuple[int, ...] | None = None, size: int = 256, weights: str | None = None,
                 resize: str = "squash", seed: int = 0) -> None:
        self.backbone, self.taps, self.size, self.weights, self.resize, self.seed = backbone, taps, size, weights, resize, seed

    @classmethod
    def small(cls) -> Self:
        return cls(backbone="random", size=48)

    def _chosen(self, seen: Sequence[Seen]) -> tuple[str, ...]:
        return ("mirror",)
