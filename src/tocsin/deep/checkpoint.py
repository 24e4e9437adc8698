"""The state of an unfinished training in one file: tensors as safetensors, the rest as JSON in its header.

The file's name holds a fingerprint of network, settings and data, so a folder may serve several trainings and a run never resumes from
another's state. The file is written beside its place and then moved there: a crash leaves the old state or the new one, never half of
one.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from tocsin.core.errors import ConfigError, StateError


class Checkpoint:
    """Reads and writes the state of the training that ``identity`` (plain data) describes, in ``folder``."""

    def __init__(self, folder: str, identity: dict[str, Any]) -> None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        self.path = Path(folder) / f"training-{digest}.safetensors"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError("TOC-225", "the checkpoint folder cannot be made", came=f"{folder}: {error.strerror}",
                              todo="give a folder that can be written to") from error

    def read(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """(plain values, tensors), or None when nothing is stored. Raises StateError TOC-321 when the file is damaged."""
        if not self.path.exists():
            return None
        try:
            with safetensors.safe_open(str(self.path), "pt") as file:
                plain = json.loads((file.metadata() or {})["training"])
                return plain, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (safetensors.SafetensorError, KeyError, ValueError, OSError) as error:
            raise StateError("TOC-321", "the checkpoint cannot be read", came=f"{self.path}: {error}"[:300],
                             todo="delete this file to train from the start") from error

    def write(self, plain: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Replace what is stored, atomically."""
        stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        content = safetensors.torch.save(stored, {"training": json.dumps(plain)})
        part = self.path.with_suffix(f".{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ConfigError("TOC-225", "the checkpoint cannot be written", came=f"{self.path}: {error.strerror}",
                              todo="give a folder that can be written to, with room for three times the network") from error
