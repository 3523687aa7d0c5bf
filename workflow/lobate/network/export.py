"""The model as ONNX, for programs without torch: 8-bit image in, probability of each class out.

Batch, height and width are free. The sides must be multiples of 16, because padding would have to be fixed at export. The
written file is run once and compared with the model.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from lobate.errors import UserError
from lobate.network.deeplab import DeepLab, normalise
from lobate.network.modelfile import load

log = logging.getLogger(__name__)

SIDE_MULTIPLE = 16
"""The sides of an image are multiples of this many pixels."""

MAX_DIFFERENCE = 1e-4
"""Of probabilities of the ONNX file and of the model."""

MAX_SIDE_STEPS = 1024
"""Sides are free up to this many times 16 pixels."""


class ProbabilityModel(nn.Module):
    """A model with its preprocessing and softmax: images (N, C, H, W), 0..255 as float32, to probabilities (N, K, H, W)."""

    def __init__(self, model: DeepLab) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return the probability of every class, 0..1."""
        return self.model(normalise(images, self.model.preprocessing)).softmax(1)


def export_onnx(source: Path, target: Path) -> float:
    """Write the model file ``source`` as ONNX and return the largest difference between their probabilities.

    The header becomes the file's metadata. Raises UserError, and removes the file, when the difference is too large.
    """
    model, header = load(source)
    network = ProbabilityModel(model).eval()
    _export(network, model.channels, header, target)
    difference = _max_difference(network, model.channels, target)
    if not difference < MAX_DIFFERENCE:
        target.unlink()
        raise UserError(
            f"{source}: as ONNX the model gives probabilities that differ by {difference:.2g}, so nothing was written. The "
            "versions of torch and onnxruntime may not fit together: install those of envs/requirements.lock."
        )
    log.info("%s gives the probabilities of the model, to within %.1g.", target, difference)
    return difference


def _export(network: nn.Module, channels: int, header: dict[str, Any], target: Path) -> None:
    batch, rows, columns = (torch.export.Dim(name, min=1, max=MAX_SIDE_STEPS) for name in ("batch", "rows", "columns"))
    free = {0: batch, 2: SIDE_MULTIPLE * rows, 3: SIDE_MULTIPLE * columns}
    example = torch.zeros(2, channels, 6 * SIDE_MULTIPLE, 4 * SIDE_MULTIPLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.onnx.export(
            network,
            (example,),
            input_names=["image"],
            output_names=["probability"],
            dynamo=True,
            dynamic_shapes=(free,),
            verbose=False,
        )
    program = cast(torch.onnx.ONNXProgram, exported)  # with dynamo
    program.model.metadata_props.update(
        {"lobate": json.dumps(header, sort_keys=True), "licence": header.get("licence") or ""}
    )
    program.save(target, external_data=False)


def _max_difference(network: nn.Module, channels: int, file: Path) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    random, largest = np.random.default_rng(0), 0.0
    for shape in (
        (1, channels, 4 * SIDE_MULTIPLE, 5 * SIDE_MULTIPLE),
        (3, channels, 2 * SIDE_MULTIPLE, 2 * SIDE_MULTIPLE),
    ):
        images = random.integers(0, 256, shape).astype(np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy(images)).numpy()
        (exported,) = session.run(None, {"image": images})
        largest = max(largest, float(np.abs(exported - expected).max()))
    return largest
