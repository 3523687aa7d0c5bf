"""The probability of the landform over a whole image, in overlapping windows that are blended.

What is done with the windows is `lobate.network.sliding_window`; here the models, the image and the settings meet.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.settings.mapping import Predict

if TYPE_CHECKING:
    from lobate.io.grid import Grid
    from lobate.network.batches import Network
    from lobate.network.deeplab import DeepLab

log = logging.getLogger(__name__)

LARGE, MANY = 20_000_000, 500
"""Weights of a network and windows of an image from which compiling pays (settings.mapping.Predict.compile)."""


def without_ensemble_paths(settings: Predict) -> Predict:
    """Return the settings without the ensemble's paths: its models are inputs, and what they hold counts."""
    return settings.model_copy(update={"ensemble": []})


def predict(
    image: Annotated[Path, Input()],
    model: Annotated[Path, Input()],
    probability: Annotated[Path, Output()],
    more_models: Annotated[list[Path] | None, Input()] = None,
    *,
    predict_settings: Annotated[Predict, Setting("mapping.predict", view=without_ensemble_paths)],
) -> None:
    """Write ``probability``, a uint8 COG on the image's grid: p = value / 254, 255 where the image has no data.

    With ``more_models`` its first band is the mean over all models, its second their standard deviation, in the same coding.
    The models run on a GPU where there is one. UserError when the image is not 8-bit, has other bands than the models were
    trained on or is truncated, when a model file is damaged, and when the models were trained on different bands, or on
    images of different ranges of reflectance.
    """
    import torch

    from lobate.network.sliding_window import ENSEMBLE_LAYERS, PROBABILITY_LAYERS, ImageHeader, write_probability_map
    from lobate.network.tta import ensemble

    files = [model, *(more_models or [])]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    described = ImageHeader.read(image)
    networks, headers = zip(*(_network(file, described.grid, device, predict_settings) for file in files), strict=True)
    names = _bands_of(files, headers)
    write_probability_map(
        networks[0] if len(networks) == 1 else ensemble(networks),
        described,
        probability,
        window=predict_settings.window,
        overlap=predict_settings.overlap,
        blend=predict_settings.blend,
        batch=predict_settings.batch,
        channels=headers[0]["channels"],
        names=names,
        layers=PROBABILITY_LAYERS if len(networks) == 1 else ENSEMBLE_LAYERS,
        device=device,
    )


FED = {"channels": "other bands", "bands": "other bands", "stretch": "another range of reflectance"}
"""What of their headers models must have alike to be shown one image, and what it is called where they do not."""


def _bands_of(files: list[Path], headers: tuple[dict[str, Any], ...]) -> list[str] | None:
    """Return the bands that all models were trained on, None where no header names them."""
    for key, what in FED.items():
        known = {str(header[key]): file for file, header in zip(files, headers, strict=True) if header.get(key)}
        if len(known) > 1:
            (one, file), (another, other) = list(known.items())[:2]
            raise UserError(
                f"{other} was trained on {what} than {file} ({key}: {another}; {one}), so they cannot map an image "
                "together. Name models whose images were made alike in mapping.predict.ensemble."
            )
    return next((header["bands"] for header in headers if header.get("bands")), None)


def _network(file: Path, grid: Grid, device: str, settings: Predict) -> tuple[Network, dict[str, Any]]:
    """Return the function from windows to probabilities that the settings ask for, and the header of its file."""
    from lobate.network.deeplab import landform_probability, set_output_stride
    from lobate.network.inference_graph import compile_model, fuse_batch_norms
    from lobate.network.modelfile import load
    from lobate.network.tta import tta_flips, tta_scales

    model, header = load(file)
    stride = model.output_stride if settings.output_stride == "model" else settings.output_stride
    if stride != model.output_stride:
        log.info("Trained at output stride %d, mapping at %d.", model.output_stride, stride)
        set_output_stride(model, stride)
    network = landform_probability(fuse_batch_norms(model), device)
    if settings.compile is True or (settings.compile == "auto" and _compiling_pays(model, grid, settings)):
        network = compile_model(network)
    if settings.tta.scales != [1.0]:
        network = tta_scales(network, settings.tta.scales)
    return tta_flips(network) if settings.tta.symmetries else network, header


def _compiling_pays(model: DeepLab, grid: Grid, settings: Predict) -> bool:
    windows = grid.height * grid.width / (settings.window - settings.overlap) ** 2
    return windows > MANY and sum(weights.numel() for weights in model.parameters()) > LARGE
