"""The probability of the landform over a whole image, in overlapping windows that are blended.

What is done with the windows is `lobate.network.stream`; here the model, the image and the settings meet.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.settings.mapping import Predict
from lobate.signature import Input, Output, Setting

log = logging.getLogger(__name__)


def predict(
    image: Annotated[Path, Input()],
    model: Annotated[Path, Input()],
    probability: Annotated[Path, Output()],
    *,
    predict_settings: Annotated[Predict, Setting("mapping.predict")],
) -> None:
    """Write ``probability``, a uint8 COG on the image's grid: p = value / 254, 255 where the image has no data.

    The model runs on a GPU where there is one. Mistake when the image is not 8-bit, has other bands than the model was
    trained on or is truncated, and when the model file is damaged.
    """
    import torch

    from lobate.network.deeplab import landform_probability, set_output_stride
    from lobate.network.modelfile import load
    from lobate.network.stream import probability_map

    network, header = load(model)
    if predict_settings.output_stride not in (None, network.output_stride):
        log.info("Trained at output stride %d, mapping at %d.", network.output_stride, predict_settings.output_stride)
        set_output_stride(network, predict_settings.output_stride)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    probability_map(
        landform_probability(network, device),
        image,
        probability,
        window=predict_settings.window,
        overlap=predict_settings.overlap,
        blend=predict_settings.blend,
        batch=predict_settings.batch,
        channels=header["channels"],
        device=device,
    )
