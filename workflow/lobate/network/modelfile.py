"""The model as one file: a safetensors file of the weights, with everything needed to use them in its header.

The same model and header give the same bytes: tensors in a fixed order, the header one sorted JSON text without a time. A
digest of the tensors reveals damage that the format itself does not.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

import lobate
from lobate.errors import UserError, first_line
from lobate.network.deeplab import DeepLab, Preprocessing, build_uninitialised
from lobate.network.header import METADATA_KEY, header_text, open_safetensors, parse_header, read_tensors
from lobate.network.weights import check_weights, weights_digest
from lobate.settings.training import Network

TYPES = {torch.float32: "F32", torch.int64: "I64"}
"""Types of a network's tensors, and their names in a safetensors file."""
BUILD_ERRORS = (
    *(KeyError, TypeError, ValueError, AttributeError, AssertionError, ArithmeticError),
    *(RuntimeError, MemoryError, ValidationError, UserError),
)
"""Exceptions of torch and timm for an architecture that cannot be built; torch's for sizes are RuntimeErrors."""

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

    Raises UserError when the file is not a model of lobate, is damaged, or its weights do not fit its architecture or are
    no finite numbers.
    """
    with open_safetensors(path, "pt") as file:
        header = parse_header(path, file.metadata())
        _check_fit(path, header, file)
        state = read_tensors(path, file)
    check_weights(path, _arrays(state), header.get("digest"))
    model = _build_from_header(path, header)
    model.load_state_dict(state)
    return model.eval(), header


def state_digest(state: dict[str, Tensor]) -> str:
    """Return the sha256 of tensors by name, type, shape and values, whatever their layout in memory."""
    return weights_digest(_arrays(state))


def _arrays(state: dict[str, Tensor]) -> dict[str, np.ndarray[Any, Any]]:
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in state.items()}


def _build_from_header(path: Path, header: dict[str, Any]) -> DeepLab:
    try:
        settings = Network.model_validate(header["architecture"])
        preprocessing = Preprocessing(*(tuple(header["preprocessing"][key]) for key in ("mean", "std")))
        return build_uninitialised(settings, preprocessing, classes=header["classes"])
    except BUILD_ERRORS as error:
        reason = first_line(error)
        raise UserError(
            f"{path}: its header describes no architecture that this version ({lobate.__version__}) can build ({reason}); "
            f"it was written by version {header.get('lobate', 'unknown')}. Train it again, or use that version."
        ) from error


def _check_fit(path: Path, header: dict[str, Any], file: Any) -> None:
    """Raise UserError unless the file's tensors have the names, shapes and types of the header's architecture.

    The network is built on the meta device, so an absurd architecture takes no memory.
    """
    with torch.device("meta"):
        expected = _build_from_header(path, header).state_dict()
    needed = {(name, tuple(tensor.shape), TYPES.get(tensor.dtype)) for name, tensor in expected.items()}
    slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    stored = {(name, tuple(part.get_shape()), part.get_dtype()) for name, part in slices.items()}
    misfits = sorted({name for name, _, _ in needed ^ stored})
    if misfits:
        raise UserError(
            f"{path}: its weights are of another architecture than its header gives: {len(misfits)} tensors are missing, left "
            f"over or of another shape or type, the first {misfits[0]}. Use the file as `train` wrote it."
        )
