"""The header of a model file: what a model is and knows, readable without its weights and without torch."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lobate.errors import UserError

METADATA_KEY = "lobate"
"""Name of the header's only entry (several would be written in no fixed order)."""

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def read_header(path: Path) -> dict[str, Any]:
    """Return a model file's header without loading its weights.

    Raises UserError when the file is no model of lobate, or is damaged.
    """
    with open_safetensors(path, "numpy") as file:
        return parse_header(path, file.metadata())


def copy_with_header(source: Path, target: Path, more: dict[str, Any]) -> None:
    """Write the model of ``source`` to ``target`` with ``more`` in its header; the weights stay bit for bit."""
    with open_safetensors(source, "numpy") as file:
        header = parse_header(source, file.metadata())
        try:
            state = {name: file.get_tensor(name) for name in sorted(file.keys())}
        except (SafetensorError, OSError) as error:
            raise damage_error(source, str(error)) from error
    save_file(state, target, metadata={METADATA_KEY: header_text({**header, **more})})


def header_text(header: dict[str, Any]) -> str:
    """Return a header as the text that stands in the file."""
    return json.dumps(header, sort_keys=True, ensure_ascii=False, allow_nan=False)


def count_parameters(path: Path) -> int:
    """Return how many weights a model file holds; norms' running statistics are none."""
    with open_safetensors(path, "numpy") as file:
        names = sorted(file.keys())
        return sum(prod(file.get_slice(name).get_shape()) for name in names if not name.endswith(STATISTICS))


def open_safetensors(path: Path, framework: Literal["numpy", "pt"]) -> Any:
    """Open a safetensors file, to be used in a ``with`` statement."""
    if not Path(path).is_file():
        raise UserError(
            f"{path}: there is no such model file. Give the path of a model.safetensors that `train` wrote."
        )
    try:
        return safe_open(path, framework=framework)
    except (SafetensorError, OSError) as error:
        raise damage_error(path, str(error)) from error


def parse_header(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    """Return the header that stands in a file's metadata."""
    try:
        return json.loads((metadata or {})[METADATA_KEY])
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{path}: is a safetensors file, but its header does not say that lobate wrote it. Weights of a backbone go "
            "into training.network.weights; for mapping, give a model.safetensors that `train` wrote."
        ) from error


def damage_error(path: Path, why: str) -> UserError:
    """Return the mistake of a file that cannot be trusted."""
    reason = (why.splitlines() or ["unknown"])[0]
    return UserError(f"{path}: the model file is damaged ({reason}). Copy it again, or let the workflow rebuild it.")
