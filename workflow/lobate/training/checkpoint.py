"""Checkpoints: a killed training resumes from the last one, and a half-written file is never read.

Batches and dropout follow from (seed, round, iteration), so a checkpoint needs no random states. It holds the weights, the
optimiser's state and the training's state.
"""

from __future__ import annotations

import logging
import os
import pickle
from pathlib import Path
from typing import Any

import torch

from lobate.io.atomic import atomic_write

log = logging.getLogger(__name__)

SCRATCH_VARIABLE = "LOBATE_SCRATCH"
"""Environment variable: a folder that outlives a killed run; without it no checkpoint is written."""


def checkpoint_path() -> Path | None:
    """Return the path of the checkpoint; None when the environment names no folder."""
    folder = os.environ.get(SCRATCH_VARIABLE)
    if not folder:
        return None
    return Path(folder) / "checkpoint.pt"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state (tensors, numbers, strings, lists, dicts) under a temporary name and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, fsync=True) as temporary, temporary.open("wb") as file:
        torch.save(state, file)


def load_checkpoint(path: Path, recipe: str) -> dict[str, Any] | None:
    """Return the state saved for the same ``recipe``; None, with a warning, for a damaged file or another recipe."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        log.warning("the checkpoint %s cannot be read (%s); training starts anew", path, type(error).__name__)
        return None
    if state.get("recipe") != recipe:
        log.warning("the checkpoint %s belongs to another training; training starts anew", path)
        return None
    return state
