"""The header of a model file, a JSON object, read without the weights and without torch."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lobate.errors import UserError
from lobate.network.header_entries import find_flaw
from lobate.network.weights import ARRAY_TYPES, check_weights, damage_error

METADATA_KEY = "lobate"
"""Key of the safetensors metadata, the only one: several would be written in no fixed order."""

RUNNING_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Tensors of batch norms that are not parameters."""


def read_header(path: Path) -> dict[str, Any]:
    """Return a model file's header without loading its weights.

    Its known entries have the types and limits of ``header_entries.Header``. Raises UserError when the file is not a model
    of lobate, is damaged, or its header is not sound.
    """
    with open_safetensors(path, "numpy") as file:
        return parse_header(path, file.metadata())


def copy_with_header(source: Path, target: Path, entries: dict[str, Any]) -> None:
    """Write the model of ``source`` to ``target`` with further ``entries`` in its header; the weights stay bit for bit."""
    with open_safetensors(source, "numpy") as file:
        header = parse_header(source, file.metadata())
        state = read_tensors(source, file)
    check_weights(source, state, header.get("digest"))
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


def read_tensors(path: Path, file: Any) -> dict[str, Any]:
    """Return the tensors of an open safetensors file by name. Raises UserError for a type that no model of lobate has."""
    try:
        types = {name: file.get_slice(name).get_dtype() for name in sorted(file.keys())}
        for name, kind in types.items():
            if kind not in ARRAY_TYPES:
                raise damage_error(path, f"the tensor {name} is of type {kind}")
        return {name: file.get_tensor(name) for name in types}
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise damage_error(path, str(error)) from error


def parse_header(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    """Return the header in a safetensors file's metadata. Raises UserError where lobate did not write it."""
    try:
        header = json.loads((metadata or {})[METADATA_KEY])
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path}: is a safetensors file, but its header does not say that lobate wrote it. Weights of a backbone go "
            "into training.network.weights; for mapping, give a model.safetensors that `train` wrote."
        ) from error
    except RecursionError:
        raise _header_error(path, "it is nested too deeply") from None
    if flaw := find_flaw(header):
        raise _header_error(path, flaw)
    return header


def _header_error(path: Path, flaw: str) -> UserError:
    return UserError(
        f"{path}: the header of the model file is not sound ({flaw}). Use the file as `train` or `select-model` wrote it, or "
        "let the workflow rebuild it."
    )
