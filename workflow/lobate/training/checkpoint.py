"""Going on after a kill: all that a training needs to continue, written so that no half-written file is ever read.

Batches and dropout follow from (seed, round, iteration), so there are no random states to keep: weights, the optimiser's
memory and the course so far are all.
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

SCRATCH_VARIABLE = "LOBATE_SCRATCH"  # a folder that outlives a killed run; without it nothing is kept


def checkpoint_path() -> Path | None:
    """Return where the checkpoint goes, or None when the environment names no folder."""
    folder = os.environ.get(SCRATCH_VARIABLE)
    if not folder:
        return None
    return Path(folder) / "checkpoint.pt"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the state (tensors, numbers, strings, lists, dicts) under a temporary name and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, fsync=True) as part, part.open("wb") as file:
        torch.save(state, file)


def load_checkpoint(path: Path, recipe: str) -> dict[str, Any] | None:
    """Return the state that ``keep`` wrote for the same ``recipe``; None, and told, when it is damaged or another's."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        log.warning("the checkpoint %s cannot be read (%s); training starts anew", path, type(error).__name__)
        return None
    if state.get("recipe") != recipe:
        log.warning("the checkpoint %s is of another training; training starts anew", path)
        return None
    return state
