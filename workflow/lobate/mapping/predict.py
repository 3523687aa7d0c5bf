"""The probability of the landform over a whole image, in overlapping windows that are blended.

This module loads the models and applies the settings; `lobate.network.sliding_window` does the inference.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.qgis.rasters import probability_style, raster_qml
from lobate.settings.mapping import Predict

if TYPE_CHECKING:
    from lobate.io.grid import Grid
    from lobate.network.batches import Network
    from lobate.network.deeplab import DeepLab

log = logging.getLogger(__name__)

COMPILE_WEIGHTS, COMPILE_WINDOWS = 20_000_000, 500
"""With more weights in a network and more windows in an image, compiling saves time (settings.mapping.Predict.compile)."""

MUST_AGREE = {"channels": "other bands", "bands": "other bands", "stretch": "another range of reflectance"}
"""Entries that must be equal in the headers of models that map the same image, and a wording for unequal ones."""


def without_ensemble_paths(settings: Predict) -> Predict:
    """Return the settings without the ensemble's paths: its models are inputs, so their content counts."""
    return settings.model_copy(update={"ensemble": []})


def predict(
    image: Annotated[Path, Input()],
    model: Annotated[Path, Input()],
    probability: Annotated[Path, Output()],
    more_models: Annotated[list[Path] | None, Input()] = None,
    style: Annotated[Path | None, Output()] = None,
    *,
    predict_settings: Annotated[Predict, Setting("mapping.predict", view=without_ensemble_paths)],
) -> None:
    """Write ``probability``, a uint8 COG on the image's grid: p = value / 254, 255 where the image has no data.

    ``style``: the colours in which QGIS shows the map, which it finds beside it under the map's name with the suffix .qml.
    With ``more_models`` its first band is the mean over all models, its second their standard deviation, in the same coding.
    The models run on a GPU where there is one. Raises UserError when the image is not 8-bit, has other bands than the
    models' training images or is truncated. It is also raised for a damaged model file, and for models trained on different
    bands or ranges of reflectance.
    """
    from lobate.network.device import choose_device
    from lobate.network.sliding_window import ENSEMBLE_LAYERS, PROBABILITY_LAYERS, ImageHeader, write_probability_map
    from lobate.network.tta import ensemble

    files = [model, *(more_models or [])]
    device = choose_device()
    image_header = ImageHeader.read(image)
    networks, headers = zip(
        *(_load_network(file, image_header.grid, device, predict_settings) for file in files), strict=True
    )
    names = _common_bands(files, headers)
    write_probability_map(
        networks[0] if len(networks) == 1 else ensemble(networks),
        image_header,
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
    if style:
        style.write_text(raster_qml(probability_style()), encoding="utf-8")


def _common_bands(files: list[Path], headers: tuple[dict[str, Any], ...]) -> list[str] | None:
    """Return the bands that all models were trained on, None where no header names them."""
    for key, difference in MUST_AGREE.items():
        values = {str(header[key]): file for file, header in zip(files, headers, strict=True) if header.get(key)}
        if len(values) > 1:
            (value, file), (other_value, other_file) = list(values.items())[:2]
            raise UserError(
                f"{other_file} was trained on {difference} than {file} ({key}: {other_value}; {value}), so they cannot map "
                "an image together. Name models whose images were made alike in mapping.predict.ensemble."
            )
    return next((header["bands"] for header in headers if header.get("bands")), None)


def _load_network(file: Path, grid: Grid, device: str, settings: Predict) -> tuple[Network, dict[str, Any]]:
    """Return a model as the function from windows to probabilities, prepared by the settings, and its file's header."""
    from lobate.network.deeplab import landform_probability, set_output_stride
    from lobate.network.inference_graph import compile_model, fuse_batch_norms
    from lobate.network.modelfile import load
    from lobate.network.tta import tta_flips, tta_scales

    model, header = load(file)
    stride = model.output_stride if settings.output_stride == "model" else settings.output_stride
    if stride != model.output_stride:
        log.info("Trained at output stride %d, mapping at %d.", model.output_stride, stride)
        set_output_stride(model, stride)
    network = landform_probability(fuse_batch_norms(model, file), device)
    if settings.compile is True or (settings.compile == "auto" and _compiling_pays(model, grid, settings)):
        network = compile_model(network)
    if settings.tta.scales != [1.0]:
        network = tta_scales(network, settings.tta.scales)
    return tta_flips(network) if settings.tta.symmetries else network, header


def _compiling_pays(model: DeepLab, grid: Grid, settings: Predict) -> bool:
    windows = grid.height * grid.width / (settings.window - settings.overlap) ** 2
    return windows > COMPILE_WINDOWS and sum(weights.numel() for weights in model.parameters()) > COMPILE_WEIGHTS
