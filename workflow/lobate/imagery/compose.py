"""compose-rgb: the scenes of a tile become one 8-bit image, the clearest scene first, each pixel from the first that saw it.

Bands of rows that match the scenes' own blocks go from top to bottom through a table lookup and into the image, so memory
depends on the image's width and not on its height, and no block is decoded twice.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from typing import Annotated

import numpy as np
import rasterio

from lobate.errors import Mistake
from lobate.imagery.calibration import OffsetRule
from lobate.imagery.pixels import ScenePixels
from lobate.imagery.scene import Wanted
from lobate.imagery.scenes import choose, read_scene
from lobate.rasters import CogWriter, row_bands
from lobate.settings.imagery import Clouds, Stretch
from lobate.signature import Input, Output, Setting

log = logging.getLogger(__name__)

FEWEST_ROWS, MOST_ROWS = 512, 1024


def compose_rgb(
    scenes: Annotated[list[Path], Input()],
    image: Annotated[Path, Output()],
    *,
    bands: Annotated[list[str], Setting("imagery.bands")],
    stretch: Annotated[Stretch, Setting("imagery.stretch")],
    clouds: Annotated[Clouds, Setting("imagery.clouds")],
    offset: Annotated[OffsetRule, Setting("imagery.offset")],
) -> None:
    """Compose a tile's scenes into one image.

    ``image`` becomes a COG of uint8, one band for each of ``bands``, on the scenes' own grid. A pixel is nodata where all
    its bands are 0. An 8-bit image as scene passes through unchanged. Mistake when a scene cannot be read or its offset
    not be known, when all are too cloudy, lie on different grids, or show nothing at all.
    """
    wanted = Wanted(tuple(bands), offset, classes=bool(clouds.invalid_classes))
    chosen = choose([read_scene(path, wanted) for path in scenes], clouds)
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), ExitStack() as stack:
        sources = [stack.enter_context(ScenePixels(scene, stretch, clouds)) for scene in chosen]
        _check_grids(sources)
        used = _compose(sources, image, bands)
    _tell(sources, used)


def _check_grids(sources: list[ScenePixels]) -> None:
    first = sources[0]
    for other in sources[1:]:
        if not other.grid.same_as(first.grid):
            raise Mistake(
                f"The scenes {first.scene.path} and {other.scene.path} are on different grids ({_words(first)}; "
                f"{_words(other)}); scenes of one tile must share every pixel. Give each grid a tile of its own in "
                "imagery.tiles."
            )


def _words(source: ScenePixels) -> str:
    grid = source.grid
    left, _, _, top = grid.bounds
    return f"{grid.height} x {grid.width} pixels of {grid.resolution[0]:g} from {left:g}, {top:g} in {grid.crs}"


def _compose(sources: list[ScenePixels], image: Path, bands: list[str]) -> np.ndarray:
    """Write the image; return how many of its pixels each scene gave, and how many none gave."""
    grid = sources[0].grid
    used = np.zeros(len(sources) + 1, dtype=np.int64)
    block = max(source.block_rows for source in sources)
    rows = min(ceil(FEWEST_ROWS / block) * block, MOST_ROWS)
    with CogWriter(
        image, grid, count=len(bands), nodata=0, photometric_rgb=len(bands) == 3, descriptions=bands
    ) as target:
        for start, stop in row_bands(grid.height, rows):
            values, counts = first_seen(sources, start, stop)
            used += counts
            target.write(values, start)
        if not used[:-1].any():
            raise Mistake(
                f"The scenes {', '.join(str(source.scene.path) for source in sources)} show nothing: every pixel is nodata "
                "or masked. Add scenes to the tile in imagery.tiles, or mask fewer classes in imagery.clouds."
            )
    return used


def first_seen(sources: list[ScenePixels], start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows ``start``..``stop`` with each pixel from the first scene that saw it, (bands, h, width) uint8.

    The second array counts the pixels that each scene gave, and last those that none gave, (scenes + 1,).
    """
    values, seen = sources[0].rows(start, stop)
    counts = np.zeros(len(sources) + 1, dtype=np.int64)
    counts[0] = np.count_nonzero(seen)
    for number, source in enumerate(sources[1:], 1):
        if seen.all():
            break
        more, also = source.rows(start, stop)
        also &= ~seen
        np.copyto(values, more, where=also)
        counts[number] = np.count_nonzero(also)
        seen |= also
    counts[-1] = seen.size - counts.sum()
    return values, counts


def _tell(sources: list[ScenePixels], used: np.ndarray) -> None:
    for source, count in zip(sources, used[:-1], strict=True):
        if source.scene.classes is None and not source.scene.ready:
            log.info("scene %s has no classification: its clouds are not masked", source.scene.name)
        cloud = "unknown" if source.scene.cloud is None else f"{source.scene.cloud:g} %"
        log.info(
            "scene %s (cloud cover %s) gives %.2f %% of the image", source.scene.name, cloud, 100 * count / used.sum()
        )
    log.info("%.2f %% of the image is nodata", 100 * used[-1] / used.sum())
