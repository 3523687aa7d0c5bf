"""Checkpoints: a killed training resumes from the last one, and a half-written or damaged file is never read.

Batches and dropout follow from (seed, round, iteration), so a checkpoint needs no random states. It holds the weights, the
optimiser's state and the training's state. Its last bytes are a digest of all bytes before them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
from pathlib import Path
from typing import IO, Any

import torch

from lobate.engine.checkpoint_check import check_unchanged
from lobate.io.atomic import atomic_write

log = logging.getLogger(__name__)

SCRATCH_VARIABLE = "LOBATE_SCRATCH"
"""Environment variable: a folder that outlives a killed run; without it no checkpoint is written."""
DIGEST_BYTES = hashlib.sha256().digest_size
READ_BYTES = 1 << 20


def checkpoint_path() -> Path | None:
    """Return the path of the checkpoint; None when the environment names no folder."""
    folder = os.environ.get(SCRATCH_VARIABLE)
    if not folder:
        return None
    return Path(folder) / "checkpoint.pt"


class _DigestingWriter:
    """A file that also digests what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        return self.file.write(content)

    def flush(self) -> None:
        self.file.flush()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state (tensors, numbers, strings, lists, dicts) under a temporary name and rename it into place.

    Raises UserError if an input of the stage or its code has changed: the state may come from other bytes than the key names.
    """
    check_unchanged()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, fsync=True) as temporary, temporary.open("wb") as file:
        writer = _DigestingWriter(file)
        torch.save(state, writer)  # type: ignore[arg-type]  # it needs write and flush only
        file.write(writer.digest.digest())


def load_checkpoint(path: Path, recipe: str) -> dict[str, Any] | None:
    """Return the state saved for the same ``recipe``; None, with a warning, for a damaged file or another recipe."""
    if not path.exists():
        return None
    try:
        if not _is_whole(path):
            log.warning("the checkpoint %s is damaged (its digest does not fit); training starts anew", path)
            return None
        state = torch.load(path, map_location="cpu", weights_only=True)  # torch skips the digest after its archive
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        log.warning("the checkpoint %s cannot be read (%s); training starts anew", path, type(error).__name__)
        return None
    if state.get("recipe") != recipe:
        log.warning("the checkpoint %s belongs to another training; training starts anew", path)
        return None
    return state


def _is_whole(path: Path) -> bool:
    """Whether the file ends in the digest of the bytes before it."""
    digest, left = hashlib.sha256(), path.stat().st_size - DIGEST_BYTES
    with path.open("rb") as file:
        while left > 0 and (content := file.read(min(left, READ_BYTES))):
            digest.update(content)
            left -= len(content)
        return left == 0 and file.read() == digest.digest()
