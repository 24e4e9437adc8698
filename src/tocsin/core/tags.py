"""What a detector can do, as data: read by the pipeline, the catalog, the exporter and the contract suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Modality = Literal["vector", "series", "images", "texts", "logs"]
ITEMS = ("images", "texts", "logs")
"""Kinds of data whose rows are whole things, not cells: X is (n,) of them."""


@dataclass(frozen=True)
class Tags:
    """Capabilities of a detector class. All values are literals in the source, so that the catalog can read them without importing.

    modality        "vector": X is (n, d), rows independent; "series": X is (t, c), one score per time step;
                    "images", "texts", "logs": X is (n,), pictures or texts (of logs: lines, or the lines of a session)
    min_rows        fewest rows that ``fit`` accepts
    online          offers ``update``
    gives_map       offers ``anomaly_map``: one score per cell of X
    gives_expected  offers ``expected``: the value it would have found normal in each cell of X
    gives_reasons   offers ``reasons``: in its own words, why an image, a text or a log line is odd
    slow_fit        trains a network: the pipeline calibrates it on one held-out part instead of refitting per fold
    exportable      can leave as ONNX
    deterministic   same seed, same scores
    supervised      ``y`` is used when given
    judges_own      offers ``fit_score``: the training rows, each judged as if it had not been learned from
    own_held_out    offers ``fit_held_out``: pipelines calibrate on it instead of fitting again for each fold
    extra           install extra that its heavy import needs, "" for none
    """

    modality: Modality
    min_rows: int = 2
    online: bool = False
    gives_map: bool = False
    gives_expected: bool = False
    gives_reasons: bool = False
    slow_fit: bool = False
    exportable: bool = False
    deterministic: bool = True
    supervised: bool = False
    judges_own: bool = False
    own_held_out: bool = False
    extra: str = ""
