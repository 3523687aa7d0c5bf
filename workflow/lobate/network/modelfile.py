"""The model as one file: a safetensors file of the weights, with everything needed to use them in its header.

The same model and header give the same bytes: tensors in a fixed order, the header one sorted JSON text without a time. A
digest of the tensors reveals damage that the format itself does not.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

import lobate
from lobate.errors import UserError
from lobate.network.deeplab import DeepLab, Preprocessing, build_uninitialised
from lobate.network.header import METADATA_KEY, damage_error, header_text, open_safetensors, parse_header
from lobate.settings.training import Network

LIBRARIES = ("numpy", "safetensors", "timm", "torch", "torchvision")
"""Their versions are written into the header."""


def save(path: Path, model: DeepLab, header: dict[str, Any]) -> None:
    """Write ``model`` and ``header`` (anything JSON can hold) to ``path``.

    Architecture, channels, classes and preprocessing of the model, the digest of its weights and the versions of the
    libraries are added to the header.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(model.state_dict().items())}
    full = {
        "lobate": lobate.__version__,
        "libraries": {name: version(name) for name in LIBRARIES},
        **header,
        "architecture": model.settings.model_dump(mode="json"),
        "channels": model.channels,
        "classes": model.classes,
        "preprocessing": {"mean": list(model.preprocessing.mean), "std": list(model.preprocessing.std)},
        "digest": state_digest(state),
    }
    save_file(state, path, metadata={METADATA_KEY: header_text(full)})


def load(path: Path) -> tuple[DeepLab, dict[str, Any]]:
    """Return the model of a file, in evaluation mode on the CPU, and its header.

    Raises UserError when the file is not a model of lobate, is damaged, or its weights do not fit its architecture.
    """
    with open_safetensors(path, "pt") as file:
        header = parse_header(path, file.metadata())
        try:
            state = {name: file.get_tensor(name) for name in sorted(file.keys())}
        except (SafetensorError, RuntimeError, OSError) as error:
            raise damage_error(path, str(error)) from error
    if state_digest(state) != header.get("digest"):
        raise damage_error(path, "its weights do not have the digest its header gives")
    model = _build_from_header(path, header)
    _check_fit(path, model.state_dict(), state)
    model.load_state_dict(state)
    return model.eval(), header


def state_digest(state: dict[str, Tensor]) -> str:
    """Return the sha256 of tensors by name, type, shape and values, whatever their layout in memory."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _build_from_header(path: Path, header: dict[str, Any]) -> DeepLab:
    try:
        settings = Network.model_validate(header["architecture"])
        preprocessing = Preprocessing(*(tuple(header["preprocessing"][key]) for key in ("mean", "std")))
        return build_uninitialised(settings, preprocessing, classes=header["classes"])
    except (KeyError, TypeError, ValidationError, UserError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path}: its header describes no architecture that this version ({lobate.__version__}) can build ({reason}); "
            f"it was written by version {header.get('lobate', 'unknown')}. Train it again, or use that version."
        ) from error


def _check_fit(path: Path, expected: dict[str, Tensor], stored: dict[str, Tensor]) -> None:
    """Raise UserError unless both state dicts have the same names and shapes."""

    def shapes(state: dict[str, Tensor]) -> set[tuple[str, tuple[int, ...]]]:
        return {(name, tuple(tensor.shape)) for name, tensor in state.items()}

    misfits = sorted(name for name, _ in shapes(expected) ^ shapes(stored))
    if misfits:
        raise UserError(
            f"{path}: its weights are of another architecture than its header gives: {len(set(misfits))} tensors are "
            f"missing, left over or of another shape, the first {misfits[0]}. Use the file as `train` wrote it."
        )
