"""A model as a file: ``pump.tocsin``, one zip of JSON and safetensors, or a directory of the same three files.

    manifest.json         what it is, versions, digests (see ``manifest``)
    state.json            the state tree; arrays are named, not held
    arrays.safetensors    the arrays

No code is in the file and none is run from it. Reading goes in three steps, *read → audited → built*: names and sizes first, then
digests, then the form of the JSON and of the arrays, and only then is an object filled. The digests find damage and careless changes;
they do not say who wrote the file (integrity is not authenticity): load models from places you trust.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.numpy import save as dump_arrays

from tocsin.core.errors import ArtifactError, TocsinError
from tocsin.delivery import container
from tocsin.delivery.audit import ARRAYS, LIMITS, MANIFEST, STATE, check_content, parse_json, read_arrays
from tocsin.delivery.flatten import flatten, restore
from tocsin.delivery.manifest import compose, parse, verify
from tocsin.pipeline.pipeline import Pipeline


def save(model: Pipeline, path: str | Path, *, as_directory: bool | None = None) -> Path:
    """Writes ``model`` to ``path`` and returns the path; see :func:`write` for what may be there already.

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
    return write(_path(path), model.state(), model.manifest(), as_directory=as_directory)


def load(path: str | Path) -> Pipeline:
    """The model that was saved at ``path``, with equal scores.

    Raises ArtifactError TOC-401 to TOC-416, and MissingExtra TOC-501 when the model's detector needs a package that is not installed.
    """
    _, state = read(path)
    try:
        return Pipeline.from_state(state)
    except TocsinError:
        raise
    except Exception as error:  # a file with right digests and wrong content, made by hand: still a stated error
        raise ArtifactError("TOC-416", "no model can be built from what the file holds", came=f"{type(error).__name__}: {error}"[:200],
                            todo="load a file that tocsin.save wrote") from error


def _path(path: Any) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ArtifactError("TOC-401", "no file is named", came=repr(path)[:80], todo="pass a path, such as model.tocsin")
    return Path(path)


def write(path: str | Path, state: dict[str, Any], manifest: dict[str, Any], *, as_directory: bool | None = None) -> Path:
    """Writes a state tree and what is to be said of it, whole or not at all; returns the path.

    ``as_directory`` None means: a directory when ``path`` is one or has no ending ``.tocsin``, else one zip file. An existing file is
    replaced; an existing directory only when it is empty or a saved model (else TOC-415). Links are followed.
    Raises StateError TOC-304 when ``state`` is not plain values and numeric arrays, ArtifactError TOC-403 when the disk refuses.
    """
    path = Path(path)
    target = Path(path).resolve()
    if as_directory is None:
        as_directory = target.is_dir() or path.suffix != ".tocsin"
    files = _files(state)
    files = {MANIFEST: compose(manifest, files), **files}
    (container.write_directory if as_directory else container.write_zip)(target, files)
    return path


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and state of a saved model, audited; raises ArtifactError TOC-401 to TOC-416."""
    files = container.read_files(_path(path))
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


def _files(state: dict[str, Any]) -> dict[str, bytes]:
    tree, arrays = flatten(state)
    files = {STATE: json.dumps(tree, separators=(",", ":"), allow_nan=False).encode(), ARRAYS: dump_arrays(arrays)}
    for name, content in files.items():
        if len(content) > LIMITS[name]:
            raise ArtifactError("TOC-403", f"the model is too large to be saved: {name}", came=f"{len(content)} bytes",
                                todo=f"keep it below {LIMITS[name]} bytes")
    return files
