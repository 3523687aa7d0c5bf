"""The weights of a model file as arrays: their digest, and the check that they are sound; needs no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lobate.errors import UserError

ARRAY_TYPES = frozenset(("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"))
"""Types of tensors in a safetensors file that numpy has too."""


def weights_digest(weights: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """Return the sha256 of arrays by name, type (torch's name), shape and values."""
    digest = hashlib.sha256()
    for name, values in sorted(weights.items()):
        digest.update(f"{name} torch.{values.dtype} {values.shape}\n".encode())
        digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def check_weights(path: Path, weights: Mapping[str, np.ndarray[Any, Any]], digest: str | None) -> None:
    """Raise UserError unless the weights have the ``digest`` of the header and can be those of a network."""
    if weights_digest(weights) != digest:
        raise damage_error(path, "its weights do not have the digest its header gives")
    for name, values in sorted(weights.items()):
        if not np.isfinite(values).all():
            raise _unusable(path, f"{name} holds values that are not finite numbers")
        if name.endswith("running_var") and (values < 0).any():
            raise _unusable(path, f"{name}, a variance, holds negative values")


def damage_error(path: Path, reason: str) -> UserError:
    """Return the error of a damaged model file."""
    reason = (reason.splitlines() or ["unknown"])[0]
    return UserError(f"{path}: the model file is damaged ({reason}). Copy it again, or let the workflow rebuild it.")


def _unusable(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path}: with its weights a network cannot compute ({reason}). Its training diverged, or the file was changed: train "
        "it again, with a lower training.schedule.learning_rate if it diverges again, or take another model."
    )
