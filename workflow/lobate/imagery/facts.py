"""What an image was made of, as plain facts beside it: `imagery/<tile>.json`."""

from __future__ import annotations

from typing import Any

import numpy as np

from lobate.imagery.ranges import Range, as_json
from lobate.imagery.reading.scene import Scene
from lobate.imagery.tile import Tile
from lobate.settings.imagery import Clouds, Stretch


def facts_of(
    tile: Tile, bands: list[str], counts: np.ndarray, ranges: tuple[Range, ...], stretch: Stretch, clouds: Clouds
) -> dict[str, Any]:
    """Return the facts; ``counts`` (scenes + 1,): pixels that none gave, then those that each scene gave.

    A scene's ``number`` is its value in the record of scenes. ``stretch`` is null for an image that was 8 bit already.
    """
    named = dict(zip(bands, ranges, strict=True))
    return {
        "bands": bands,
        "stretch": None if tile.ready else {"method": stretch.method, "ranges": as_json(named)},
        "invalid_classes": sorted(clouds.invalid_classes),
        "dilate_m": clouds.dilate_m,
        "valid_share": round(float(counts[1:].sum() / counts.sum()), 6),
        "scenes": [
            {**_told(source.scene, bands), "number": number, "pixels": int(counts[number])}
            for number, source in enumerate(tile.sources, 1)
        ],
        "left_out": [{**_told(scene, bands), "reason": reason} for scene, reason in tile.left_out],
    }


def _told(scene: Scene, bands: list[str]) -> dict[str, Any]:
    meant = {name: band.calibration for name, band in zip(bands, scene.bands, strict=True) if band.calibration}
    return {
        "name": scene.name,
        "date": scene.date or None,
        "cloud_cover": scene.cloud,
        "baseline": scene.baseline,
        "masked": scene.classes is not None,
        "offset": {name: one.offset for name, one in meant.items()},
        "quantification": {name: one.quantification for name, one in meant.items()},
    }
