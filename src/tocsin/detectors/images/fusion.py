"""See :class:`ImageFusion`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from tocsin.core.errors import ConfigError
from tocsin.core.tags import Tags
from tocsin.deep.vision.mirror import symmetric
from tocsin.deep.vision.viewed import ViewedPictures, in_range
from tocsin.deep.vision.views import VIEWS, Seen, scale_of

_LOOKED = 60  # pictures on which symmetry is judged


class ImageFusion(ViewedPictures):
    """Each place, the whole picture and, of symmetric objects, its mirror image, fused: the default for images.

    A picture goes once through a frozen backbone and is judged in up to three ways: place by place (``images.patch_gaussian``), as a whole
    (``images.image_gaussian``), and against its own mirror image (``images.mirror``). The last only where the normal pictures show that
    their objects are symmetric: each is much nearer to its own mirror image than to that of another picture. Each way becomes evidence by
    the scores of the training pictures, each judged without itself: minus the logarithm of the chance that a normal picture scores so high.
    The score is the mean evidence: 0.7 for a middling picture, 5 and more for one that nothing explains.

    Works from some dozens of normal pictures of surfaces, and of objects that lie alike in every picture; a hundred are much better. Where
    objects lie anyhow, ``images.patch_memory`` is better. Several products may be in one model: name them in the pictures' folders.

    Parameters
        backbone  "mobilenet_v2", "efficientnet_lite0", "resnet50" or "random": see ``Features``
        taps      its blocks; None for the usual ones. The first, if finer than the rest, sharpens the map alone; the last two see the
                  whole picture; of three and more that are left, all but the last see places
        size      both sides of the square that a picture is brought to
        weights   path of the backbone's weights, or None for an installed package
        resize    "squash" or "aspect"
        views     some of "places", "whole", "mirror"; None chooses as above
        share     of shrinkage of each place's covariance towards the mean one, above 0.001, at most 1
        seed      of samples, where there are more than 3,000 pictures or 160 channels

    ``learned_`` names the views used for each product, in the order of ``products_``. X (n,) pictures, at least 10 of each product. Raises
    ConfigError TOC-214, TOC-272 to TOC-274, DataError TOC-174, MissingExtra TOC-501 without weights.

    >>> from tocsin.testing.toy import toy
    >>> data = toy("images")
    >>> model = ImageFusion(backbone="random", size=48).fit(data.train)
    >>> scores = model.anomaly_score(data.test)
    >>> bool(scores[data.truth == 1].mean() > scores[data.truth == 0].mean())
    True
    """

    tags = Tags(modality="images", min_rows=10, gives_map=True, gives_reasons=True, judges_own=True, own_held_out=True,
                exportable=True, extra="deep")
    TAPS: ClassVar[dict[str, tuple[int, ...]]] = {"mobilenet_v2": (6, 10, 13, 16), "efficientnet_lite0": (5, 7, 10, 14),
                                              "random": (6, 10)}

    def __init__(self, backbone: str = "mobilenet_v2", taps: tuple[int, ...] | None = None, size: int = 256, weights: str | None = None,
                 resize: str = "squash", views: Sequence[str] | None = None, share: float = 0.1, seed: int = 0) -> None:
        self.backbone, self.taps, self.size, self.weights, self.resize = backbone, taps, size, weights, resize
        self.views, self.share, self.seed = views, share, seed

    @classmethod
    def small(cls) -> Self:
        return cls(backbone="random", size=48)

    def _check(self) -> None:
        known = tuple(VIEWS)
        given = known if self.views is None else tuple(self.views)
        if not given or not set(given) <= set(known) or set(given) == {"whole"}:
            raise ConfigError("TOC-214", "the fusion has no such views", came=repr(self.views)[:80],
                              todo=f"use some of {', '.join(map(repr, known))}, one that sees places among them")
        in_range(self, share=(0.001, 1.0))

    def _chosen(self, seen: Sequence[Seen]) -> tuple[str, ...]:
        if self.views is not None:
            return tuple(dict.fromkeys(self.views))
        cells = np.stack([each.cells for each in seen[:_LOOKED]]) / scale_of(seen)[:, None, None]
        return tuple(VIEWS) if symmetric(cells) else ("places", "whole")
