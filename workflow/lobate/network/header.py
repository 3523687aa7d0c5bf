"""The header of a model file, a JSON object, read without the weights and without torch."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lobate.errors import UserError

METADATA_KEY = "lobate"
"""Key of the safetensors metadata, the only one: several would be written in no fixed order."""

RUNNING_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Tensors of batch norms that are not parameters."""


def read_header(path: Path) -> dict[str, Any]:
    """Return a model file's header without loading its weights.

    Raises UserError when the file is not a model of lobate, or is damaged.
    """
    with open_safetensors(path, "numpy") as file:
        return parse_header(path, file.metadata())


def copy_with_header(source: Path, target: Path, entries: dict[str, Any]) -> None:
    """Write the model of ``source`` to ``target`` with further ``entries`` in its header; the weights stay bit for bit."""
    with open_safetensors(source, "numpy") as file:
        header = parse_header(source, file.metadata())
        try:
            state = {name: file.get_tensor(name) for name in sorted(file.keys())}
        except (SafetensorError, OSError) as error:
            raise damage_error(source, str(error)) from error
    save_file(state, target, metadata={METADATA_KEY: header_text({**header, **entries})})


def header_text(header: dict[str, Any]) -> str:
    """Return a header as JSON text, as it is written to the file."""
    return json.dumps(header, sort_keys=True, ensure_ascii=False, allow_nan=False)


def count_parameters(path: Path) -> int:
    """Return the number of parameters in a model file; running statistics of batch norms do not count."""
    with open_safetensors(path, "numpy") as file:
        names = sorted(file.keys())
        return sum(prod(file.get_slice(name).get_shape()) for name in names if not name.endswith(RUNNING_STATISTICS))


def open_safetensors(path: Path, framework: Literal["numpy", "pt"]) -> Any:
    """Open a safetensors file, for use in a ``with`` statement. Raises UserError where it is missing or damaged."""
    if not Path(path).is_file():
        raise UserError(
            f"{path}: there is no such model file. Give the path of a model.safetensors that `train` wrote."
        )
    try:
        return safe_open(path, framework=framework)
    except (SafetensorError, OSError) as error:
        raise damage_error(path, str(error)) from error


def parse_header(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    """Return the header in a safetensors file's metadata. Raises UserError where lobate did not write it."""
    try:
        return json.loads((metadata or {})[METADATA_KEY])
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path}: is a safetensors file, but its header does not say that lobate wrote it. Weights of a backbone go "
            "into training.network.weights; for mapping, give a model.safetensors that `train` wrote."
        ) from error


def damage_error(path: Path, reason: str) -> UserError:
    """Return the error of a damaged model file."""
    reason = (reason.splitlines() or ["unknown"])[0]
    return UserError(f"{path}: the model file is damaged ({reason}). Copy it again, or let the workflow rebuild it.")
