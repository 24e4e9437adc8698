from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tocsin.core.errors import ConfigError, MissingExtra
from tocsin.deep.language import weights
from tocsin.deep.language.sentences import sentences


def _folder(path: Path, **config: object) -> Path:
    """A tiny BERT as they are published: two layers, width 8."""
    path.mkdir(exist_ok=True)
    e, generator = 8, torch.Generator().manual_seed(0)
    shapes = {"embeddings.word_embeddings.weight": (6, e), "embeddings.position_embeddings.weight": (16, e),
              "embeddings.token_type_embeddings.weight": (2, e), "embeddings.LayerNorm.weight": (e,), "embeddings.LayerNorm.bias": (e,),
              "pooler.dense.weight": (e, e)}
    for i in range(2):
        layer = f"encoder.layer.{i}."
        for name, size in (("attention.self.query", (e, e)), ("attention.self.key", (e, e)), ("attention.self.value", (e, e)),
                           ("attention.output.dense", (e, e)), ("attention.output.LayerNorm", (e,)), ("intermediate.dense", (12, e)),
                           ("output.dense", (e, 12)), ("output.LayerNorm", (e,))):
            shapes |= {f"{layer}{name}.weight": size, f"{layer}{name}.bias": size[:1]}
    save_file({name: torch.randn(size, generator=generator) for name, size in shapes.items()}, path / "model.safetensors")
    plain = {"model_type": "bert", "hidden_act": "gelu", "vocab_size": 6, "max_position_embeddings": 16, "hidden_size": e,
             "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2}
    (path / "config.json").write_text(json.dumps({**plain, **config}))
    cut = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "cat": 4, "dog": 5}, unk_token="[UNK]"))
    cut.pre_tokenizer = pre_tokenizers.Whitespace()
    cut.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    cut.enable_padding(length=16)
    cut.save(str(path / "tokenizer.json"))
    return path


def _slow(path: Path, tokens: list[int]) -> np.ndarray:
    """The encoder by the book (Devlin et al., 2019), one text, no filling up."""
    from safetensors.torch import load_file
    w = load_file(path / "model.safetensors")

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-12).sqrt() * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    x = w["embeddings.word_embeddings.weight"][tokens] + w["embeddings.position_embeddings.weight"][:len(tokens)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for i in range(2):
        layer = f"encoder.layer.{i}."
        q, k, v = (linear(x, f"{layer}attention.self.{name}") for name in ("query", "key", "value"))
        heads = [torch.softmax(q[:, s] @ k[:, s].T / 2, dim=-1) @ v[:, s] for s in (slice(0, 4), slice(4, 8))]
        x = norm(x + linear(torch.cat(heads, 1), f"{layer}attention.output.dense"), f"{layer}attention.output.LayerNorm")
        inner = linear(x, f"{layer}intermediate.dense")
        inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
        x = norm(x + linear(inner, f"{layer}output.dense"), f"{layer}output.LayerNorm")
    mean = x.mean(0)
    return (mean / mean.norm()).numpy()


def test_vectors_are_those_of_the_published_network(tmp_path: Path) -> None:
    path = _folder(tmp_path / "tiny")
    made = sentences(str(path)).vectors(["cat dog", "dog zebra cat dog cat dog dog", "cat \ud800"])
    np.testing.assert_allclose(made[0], _slow(path, [2, 4, 5, 3]), atol=1e-5)
    np.testing.assert_allclose(made[1], _slow(path, [2, 5, 1, 4, 5, 4, 5, 5, 3]), atol=1e-5)


def test_a_long_text_is_cut_to_the_places_there_are(tmp_path: Path) -> None:
    path = _folder(tmp_path / "tiny")
    made = sentences(str(path)).vectors(["cat " * 1000, "cat " * 14])
    np.testing.assert_array_equal(made[0], made[1])


def test_a_texts_vector_does_not_depend_on_its_company() -> None:
    texts = [" ".join(["word", "other", "third"][i % 3] for i in range(n)) for n in (1, 3, 9, 40, 300, 2, 70)]
    encoder = sentences("random")
    together = encoder.vectors(texts)
    np.testing.assert_array_equal(together, np.concatenate([encoder.vectors([text]) for text in texts]))
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, rtol=1e-5)


def test_installed_weights_know_meaning() -> None:
    encoder = sentences()
    assert encoder.width == 384
    a, b, c, d = encoder.vectors(["The cat sits on the mat.", "A cat is sitting on a rug.", "Stock markets fell sharply today.",
                                  "Shares dropped steeply this afternoon."])
    assert a @ b > 0.7 > 0.2 > a @ c
    assert c @ d > 0.5


def test_no_weights_and_wrong_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="TOC-218"):
        sentences(str(tmp_path))
    with pytest.raises(ConfigError, match=r"TOC-218.*roberta"):
        sentences(str(_folder(tmp_path / "other", model_type="roberta")))
    with pytest.raises(ConfigError, match="TOC-218"):
        sentences(str(_folder(tmp_path / "wide", hidden_size=16)))
    damaged = _folder(tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="TOC-218"):
        sentences(str(damaged))
    uncut = _folder(tmp_path / "uncut")
    (uncut / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="TOC-218"):
        sentences(str(uncut))
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(MissingExtra, match="TOC-501"):
        sentences()


def test_the_digest_names_the_weights(tmp_path: Path) -> None:
    one, other = _folder(tmp_path / "one"), _folder(tmp_path / "other")
    assert weights.digest(one) == weights.digest(other)
    (other / "tokenizer.json").write_text("{}")
    assert weights.digest(one) != weights.digest(other)
