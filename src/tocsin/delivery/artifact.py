"""A model as a file: ``pump.tocsin``, one zip of JSON and safetensors, or a directory of the same files.

    manifest.json         what it is, versions, digests (see ``manifest``)
    state.json            the state tree; arrays are named, not held
    arrays.safetensors    the arrays
    signature.json        who signed the manifest; optional (see ``sign``)

No code is in the file and none is run from it. Reading goes in three steps, *read → audited → built*: names and sizes first, then
the signature when one is required, then digests, then the form of the JSON and of the arrays, and only then is an object filled.
The digests find damage and careless changes; they do not say who wrote the file (integrity is not authenticity): require a signature,
or load models from places you trust.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as dump_arrays

from tocsin.core.errors import ArtifactError, TocsinError
from tocsin.delivery import container, sign
from tocsin.delivery.audit import ARRAYS, LIMITS, MANIFEST, SIGNATURE, STATE, check_content, parse_json, read_arrays
from tocsin.delivery.flatten import flatten, restore
from tocsin.delivery.manifest import compose, parse, verify
from tocsin.pipeline.pipeline import Pipeline


def save(model: Pipeline, path: str | Path, *, as_directory: bool | None = None, key: sign.SigningKey | None = None) -> Path:
    """Writes ``model`` to ``path``, signed when a ``key`` is given, and returns the path; see :func:`write` for what may be there already.

    >>> import tempfile, tocsin
    >>> model = tocsin.fit([[0.1, 1.0], [0.2, 1.1], [0.1, 0.9], [0.2, 1.0]] * 10, detector="gaussian")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(model, folder + "/small.tocsin")
    ...     again = load(path)
    >>> type(again).__name__
    'Pipeline'
    """
    if not isinstance(model, Pipeline):
        raise ArtifactError("TOC-403", "this is no model that can be saved", came=repr(model)[:80], todo="pass a fitted Pipeline")
    return write(_path(path), model.state(), model.manifest(), as_directory=as_directory, key=key)


def load(path: str | Path, *, require_signature: sign.Trusted | None = None) -> Pipeline:
    """The model that was saved at ``path``, with equal scores.

    require_signature   a public key (``PublicKey``, a PEM file, its bytes) or several: the file must be signed by one of them, which is
                        checked before anything is built. None: a signature is not looked at, as is right only for places you trust.

    Raises ArtifactError TOC-401 to TOC-416, TOC-440 to TOC-443 about signatures, and MissingExtra TOC-501 when the model's detector needs
    a package that is not installed.
    """
    _, state = read(path, require_signature=require_signature)
    try:
        return _tried(Pipeline.from_state(state))
    except TocsinError:
        raise
    except Exception as error:  # a file with right digests and wrong content, made by hand: still a stated error
        raise ArtifactError("TOC-416", "no model can be built from what the file holds", came=f"{type(error).__name__}: {error}"[:200],
                            todo="load a file that tocsin.save wrote") from error


def _tried(model: Pipeline) -> Pipeline:
    """``model``, after its detector has judged two rows that it remembers: what is missing or misshapen in it shows here, not in use."""
    if model.kind_ == "table":
        model.detector_.anomaly_score(np.asarray(model.reference_["last"])[:2])
    return model


def _path(path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ArtifactError("TOC-401", "no file is named", came=repr(path)[:80], todo="pass a path, such as model.tocsin")
    return Path(path)


def write(path: str | Path, state: dict[str, Any], manifest: dict[str, Any], *, as_directory: bool | None = None,
          key: sign.SigningKey | None = None) -> Path:
    """Writes a state tree and what is to be said of it, whole or not at all; returns the path.

    ``as_directory`` None means: a directory when ``path`` is one or has no ending ``.tocsin``, else one zip file. An existing file is
    replaced; an existing directory only when it is empty or a saved model (else TOC-415). Links are followed.
    Raises StateError TOC-304 when ``state`` is not plain values and numeric arrays, ArtifactError TOC-403 when the disk refuses.
    """
    path = Path(path)
    target = Path(path).resolve()
    if as_directory is None:
        as_directory = target.is_dir() or path.suffix != ".tocsin"
    files = _files(state, manifest, key)
    (container.write_directory if as_directory else container.write_zip)(target, files)
    return path


def pack(model: Pipeline, *, key: sign.SigningKey | None = None) -> bytes:
    """What :func:`save` would write as one file."""
    return container.zip_bytes(_files(model.state(), model.manifest(), key))


def repack(path: str | Path, *, key: sign.SigningKey | None = None, trust: sign.Trusted | None = None) -> tuple[bytes, dict[str, Any]]:
    """A saved model's one-file form and its manifest, audited as by :func:`read`.

    With a ``key`` the result is signed by it, whether it was unsigned, its own, or signed by one of ``trust``; a signature of anyone
    else is refused and not replaced. Equal content gives equal bytes. Raises ArtifactError TOC-401 to TOC-416, TOC-440 to TOC-443.
    """
    files = container.read_files(_path(path))
    own = [] if key is None else [key.public]
    if trust is not None:
        sign.verify(files[MANIFEST], files.get(SIGNATURE), [*sign.trusted_keys(trust), *own])
    elif key is not None and SIGNATURE in files:
        sign.verify(files[MANIFEST], files[SIGNATURE], own)
    pages, _ = _audited(files)
    kept = {name: files[name] for name in (MANIFEST, STATE, ARRAYS)}
    if key is not None:
        kept[SIGNATURE] = key.sign(files[MANIFEST])
    elif SIGNATURE in files:
        kept[SIGNATURE] = files[SIGNATURE]
    return container.zip_bytes(kept), pages


def read(path: str | Path, *, require_signature: sign.Trusted | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and state of a saved model, audited; raises ArtifactError TOC-401 to TOC-416, and TOC-440 to TOC-443 when a signature
    is required."""
    files = container.read_files(_path(path))
    if require_signature is not None:
        sign.verify(files[MANIFEST], files.get(SIGNATURE), require_signature)
    return _audited(files)


def read_signer(path: str | Path) -> str | None:
    """The fingerprint of the key that claims to have signed the file, unchecked; None when it is unsigned. Raises ArtifactError."""
    return sign.claimed_signer(container.read_files(_path(path)).get(SIGNATURE))


def _audited(files: dict[str, bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    pages = parse(files[MANIFEST])
    reader = READERS.get(pages["format"])
    if reader is None:
        raise ArtifactError("TOC-411", "this model is of a format that was never released", came=f"format {pages['format']}",
                            todo=f"known formats: {', '.join(map(str, READERS))}; save the model again")
    return reader(pages, files)


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest alone, checked as by :func:`read`: what it is, when and by what it was made, its digests."""
    return read(path)[0]


def _read_1(pages: dict[str, Any], files: dict[str, bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    pages = verify(pages)
    for name, entry in pages["files"].items():
        check_content(name, files[name], entry)
    state = restore(parse_json(STATE, files[STATE]), read_arrays(files[ARRAYS]))
    if not isinstance(state, dict):
        raise ArtifactError("TOC-412", f"{STATE} is not of the expected form", came=type(state).__name__,
                            todo="get the file again from where it was saved")
    return pages, state


READERS: dict[int, Callable[[dict[str, Any], dict[str, bytes]], tuple[dict[str, Any], dict[str, Any]]]] = {1: _read_1}
"""One reader for every format number ever released. A new format adds one; none is removed (tests/golden keeps one file of each)."""


def _files(state: dict[str, Any], manifest: dict[str, Any], key: sign.SigningKey | None) -> dict[str, bytes]:
    tree, arrays = flatten(state)
    files = {STATE: json.dumps(tree, separators=(",", ":"), allow_nan=False).encode(), ARRAYS: dump_arrays(arrays)}
    for name, content in files.items():
        if len(content) > LIMITS[name]:
            raise ArtifactError("TOC-403", f"the model is too large to be saved: {name}", came=f"{len(content)} bytes",
                                todo=f"keep it below {LIMITS[name]} bytes")
    first = compose(manifest, files)
    return {MANIFEST: first, **files, **({} if key is None else {SIGNATURE: key.sign(first)})}
