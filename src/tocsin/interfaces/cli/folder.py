"""An output folder whose files appear together and whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A hidden folder inside ``folder`` to write to; at the end of the block its files replace those of ``folder``.

    When the block fails, nothing of it stays, and a folder that was made for it goes, too. Raises ConfigError TOC-282 when ``folder``
    cannot be made.
    """
    from tocsin.core.errors import ConfigError

    made = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    except OSError as error:
        raise ConfigError(
            "TOC-282",
            "the output folder cannot be made or written to",
            came=f"{folder}: {error.strerror}",
            todo="name a folder that you may write to, not an existing file",
        ) from error
    try:
        yield stage
        for path in sorted(stage.iterdir()):
            os.replace(path, folder / path.name)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        for part in made:
            if part.is_dir() and not any(part.iterdir()):
                part.rmdir()
        raise
    shutil.rmtree(stage, ignore_errors=True)
