"""Outlines of the bodies in a tile's probability raster, the whole tile at once, so that no seam cuts a body."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import numpy as np

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.jsonfile import parse_json, write_json
from lobate.io.vector import write_layers
from lobate.settings.mapping import Vectorize

log = logging.getLogger(__name__)


def threshold_alone(source: Path, target: Path) -> None:
    """Write the threshold without what led to it: a view."""
    write_json(target, {"threshold": _read_threshold(source)})


def vectorize(
    probability: Annotated[Path, Input()],
    detections: Annotated[Path, Output()],
    chosen: Annotated[Path | None, Input(view=threshold_alone)] = None,
    *,
    tile: str,
    vectorize_settings: Annotated[Vectorize, Setting("mapping.vectorize")],
) -> None:
    """Write layer `detections` in the tile's CRS: connected pixels from the threshold on, with their probabilities.

    Columns: `detection` (such as T44SPC_00012), `tile`, `mean`, `median`, `minimum`, `deviation` of the probability
    (0 to 1), `pixels`, `touches_edge`, `touches_nodata`. The threshold comes from the setting, else from ``chosen``, the
    result of `choose_threshold`. Raises UserError without either.
    """
    from lobate.network.polygonize import polygonize

    threshold = vectorize_settings.threshold or (_read_threshold(chosen) if chosen else None)
    if threshold is None:
        raise UserError(
            "There is no threshold. Give a threshold.json written by `choose-threshold` with --chosen, or set "
            "mapping.vectorize.threshold, such as 0.5."
        )
    frame = polygonize(probability, threshold, fill_holes_m2=vectorize_settings.fill_holes_m2)
    frame.insert(0, "tile", np.full(len(frame), tile, dtype=object))
    names = [f"{tile}_{number:05d}" for number in range(1, len(frame) + 1)]
    frame.insert(0, "detection", np.array(names, dtype=object))
    log.info("%d bodies of pixels with a probability of %g or more in tile %s.", len(frame), threshold, tile)
    write_layers(detections, {"detections": frame})


def _read_threshold(path: Path) -> float:
    def parse(record: dict[str, object]) -> float:
        threshold = float(str(record["threshold"]))
        if not 0 < threshold < 1:
            raise ValueError(f"a threshold of {threshold}")
        return threshold

    return parse_json(path, parse, "a threshold.json written by `choose-threshold`")
