"""The model as ONNX, for programs that know nothing of torch: 8-bit image in, probability of each class out.

Batch, height and width are free; the sides must divide by 16, as the padding of others would have to be decided when the file
is made. The written file is run once, and must give what the model gives.
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

STEP = 16
TOLERANCE = 1e-4
MOST = 1024
"""Sides are free up to this many times 16 pixels."""


class ProbabilityModel(nn.Module):
    """Probability of every class (N, K, H, W) of images (N, C, H, W) of 0..255, as float32."""

    def __init__(self, model: DeepLab) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return probabilities, 0..1."""
        return self.model(normalise(images, self.model.preprocessing)).softmax(1)


def export_onnx(source: Path, target: Path) -> float:
    """Write the model file ``source`` as ONNX and return the largest difference found between the two, a probability.

    The header goes along as the file's metadata. Raises UserError when the file written does not do what the model does.
    """
    model, header = load(source)
    network = ProbabilityModel(model).eval()
    _export(network, model.channels, header, target)
    difference = _max_difference(network, model.channels, target)
    if not difference < TOLERANCE:
        target.unlink()
        raise UserError(
            f"{source}: as ONNX the model gives probabilities that differ by {difference:.2g}, so nothing was written. The "
            "versions of torch and onnxruntime may not fit together: install those of envs/requirements.lock."
        )
    log.info("%s gives what the model gives, to %.1g", target, difference)
    return difference


def _export(network: nn.Module, channels: int, header: dict[str, Any], target: Path) -> None:
    batch, rows, columns = (torch.export.Dim(name, min=1, max=MOST) for name in ("batch", "rows", "columns"))
    free = {0: batch, 2: STEP * rows, 3: STEP * columns}
    example = torch.zeros(2, channels, 6 * STEP, 4 * STEP)
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
    random, most = np.random.default_rng(0), 0.0
    for shape in ((1, channels, 4 * STEP, 5 * STEP), (3, channels, 2 * STEP, 2 * STEP)):
        images = random.integers(0, 256, shape).astype(np.float32)
        with torch.inference_mode():
            wanted = network(torch.from_numpy(images)).numpy()
        (found,) = session.run(None, {"image": images})
        most = max(most, float(np.abs(found - wanted).max()))
    return most
