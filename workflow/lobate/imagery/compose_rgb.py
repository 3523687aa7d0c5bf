"""compose-rgb: compose the scenes of a tile into one 8-bit image, where each pixel is from the first scene that shows it best.

Scenes are sorted by cloud cover. Snow, dark ground and the rims of clouds are taken only where no scene has the pixel clear
(``composite``). Bands of rows that match the scenes' blocks pass through a lookup table into the image:
memory depends on the image's width and not on its height, and no block is decoded twice. Beside the image are a raster
with the scene of each pixel, and the facts in `imagery/<tile>.json`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.imagery.composite import compose_rows
from lobate.imagery.pixels import AVOIDED, MASKED, ScenePixels
from lobate.imagery.reading.calibration import OffsetRule
from lobate.imagery.reading.scene import Scene, SceneRequest
from lobate.imagery.scene_stack import TileScenes, open_tile_scenes
from lobate.imagery.stretch import Range, ranges_to_json, ranges_view, resolve_ranges, stretch_key
from lobate.io.jsonfile import write_json
from lobate.io.mask_values import IMAGE_NODATA
from lobate.io.raster import CogWriter
from lobate.settings.imagery import Clouds, Stretch

log = logging.getLogger(__name__)


def compose_rgb(
    scenes: Annotated[list[Path], Input()],
    image: Annotated[Path, Output()],
    record: Annotated[Path, Output()],
    facts: Annotated[Path, Output()],
    measured: Annotated[Path | None, Input(view=ranges_view)] = None,
    *,
    bands: Annotated[list[str], Setting("imagery.bands")],
    stretch: Annotated[Stretch, Setting("imagery.stretch", view=stretch_key)],
    clouds: Annotated[Clouds, Setting("imagery.clouds")],
    offset: Annotated[OffsetRule, Setting("imagery.offset")],
    quantification: Annotated[float | None, Setting("imagery.quantification")] = None,
    band_order: Annotated[list[str] | None, Setting("imagery.band_order")] = None,
) -> None:
    """Compose a tile's scenes into one image.

    ``image`` is a COG of uint8 on the scenes' own grid, with one band for each of ``bands``. A pixel is nodata where all its
    bands are 0. An 8-bit image as scene passes through unchanged. ``record`` is a COG of uint8 on the same grid: the number
    of each pixel's scene, 0 where no scene is valid. ``facts`` is JSON: the scenes by number with their metadata, those left
    out, the range of reflectance, and the share of valid pixels. ``measured`` is the region's range from measure-stretch,
    for the method percentiles.

    Raises UserError for a scene that cannot be read or has an unknown offset, and for scenes that are all too cloudy, on
    different grids, or empty.
    """
    wanted = SceneRequest(
        tuple(bands), offset, bool(clouds.invalid_classes), quantification, band_order=tuple(band_order or ())
    )
    ranges = resolve_ranges(stretch, measured, bands)
    with open_tile_scenes(scenes, wanted, ranges, clouds) as tile:
        counts = _compose(tile, image, record, bands)
        _log_shares(tile.sources, counts)
        write_json(facts, image_facts(tile, bands, counts, ranges, stretch, clouds), allow_nan=False)


def _compose(tile: TileScenes, image: Path, record: Path, bands: list[str]) -> np.ndarray:
    """Write image and record; return counts of pixels by scene (first: none) and rank, (scenes + 1, 3)."""
    counts = np.zeros((len(tile.sources) + 1, MASKED + 1), dtype=np.int64)
    rgb = len(bands) == 3
    with (
        CogWriter(
            image, tile.grid, count=len(bands), nodata=IMAGE_NODATA, photometric_rgb=rgb, descriptions=bands
        ) as pixels,
        CogWriter(record, tile.grid, nodata=0, descriptions=["scene"]) as numbers,
    ):
        for start, stop in tile.row_bands():
            values, scene_numbers, ranks = compose_rows(tile.sources, start, stop, ScenePixels.rows)
            for number in range(len(tile.sources) + 1):
                counts[number] += np.bincount(ranks[scene_numbers == number], minlength=MASKED + 1)
            pixels.write(values, start)
            numbers.write(scene_numbers, start)
        if not counts[1:].any():
            raise UserError(
                f"The scenes {', '.join(str(source.scene.path) for source in tile.sources)} show nothing: every pixel is "
                "nodata or masked. Add scenes to the tile, or mask fewer classes in imagery.clouds."
            )
    return counts


def _log_shares(sources: list[ScenePixels], counts: np.ndarray) -> None:
    total, by_scene = counts.sum(), counts.sum(axis=1)
    for source, count in zip(sources, by_scene[1:], strict=True):
        if source.scene.classes is None and not source.scene.is_8bit:
            log.warning("scene %s has no classification (SCL): its clouds are not masked", source.scene.name)
        cloud = "unknown" if source.scene.cloud is None else f"{source.scene.cloud:g} %"
        log.info("scene %s (cloud cover %s) gives %.2f %% of the image", source.scene.name, cloud, 100 * count / total)
    log.info("%.2f %% of the image is nodata", 100 * by_scene[0] / total)
    log.info(
        "%.2f %% shows a class of imagery.clouds.avoided_classes or the rim of a mask, since no scene has it clear",
        100 * counts[:, AVOIDED].sum() / total,
    )


def image_facts(
    tile: TileScenes, bands: list[str], counts: np.ndarray, ranges: tuple[Range, ...], stretch: Stretch, clouds: Clouds
) -> dict[str, Any]:
    """Return the facts of an image; ``counts``, (scenes + 1, 3): pixels by scene (first: none) and rank.

    A scene's ``number`` is its value in the record of scenes. ``stretch`` is null for an image that was 8 bit already.
    """
    range_of_band = dict(zip(bands, ranges, strict=True))
    return {
        "bands": bands,
        "stretch": None if tile.is_8bit else {"method": stretch.method, "ranges": ranges_to_json(range_of_band)},
        "invalid_classes": sorted(clouds.invalid_classes),
        "dilate_m": clouds.dilate_m,
        "avoided_classes": sorted(clouds.avoided_classes),
        "avoided_rim_m": clouds.avoided_rim_m,
        "valid_share": round(float(counts[1:].sum() / counts.sum()), 6),
        "avoided_share": round(float(counts[:, AVOIDED].sum() / counts.sum()), 6),
        "scenes": [
            {**_scene_facts(source.scene, bands), "number": number, "pixels": int(counts[number].sum())}
            for number, source in enumerate(tile.sources, 1)
        ],
        "left_out": [{**_scene_facts(scene, bands), "reason": reason} for scene, reason in tile.left_out],
    }


def _scene_facts(scene: Scene, bands: list[str]) -> dict[str, Any]:
    calibrations = {name: band.calibration for name, band in zip(bands, scene.bands, strict=True) if band.calibration}
    return {
        "name": scene.name,
        "date": scene.date or None,
        "cloud_cover": scene.cloud,
        "baseline": scene.baseline,
        "masked": scene.classes is not None,
        "offset": {name: calibration.offset for name, calibration in calibrations.items()},
        "quantification": {name: calibration.quantification for name, calibration in calibrations.items()},
    }
