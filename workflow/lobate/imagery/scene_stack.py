"""The open scenes of a tile: those that are used, in order, on one grid, read in bands of rows that match their blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import rasterio

from lobate.errors import UserError
from lobate.imagery.pixels import ScenePixels
from lobate.imagery.reading import scenes
from lobate.imagery.reading.scene import Scene, SceneRequest
from lobate.imagery.stretch import Range
from lobate.io.grid import Grid
from lobate.io.raster import row_blocks
from lobate.settings.imagery import Clouds

MIN_ROWS, MAX_ROWS = 512, 1024
MAX_PIXELS = 1 << 24
"""Pixels of one band of rows at most: wider images are read in lower bands."""
MAX_SCENES = 255


@dataclass(frozen=True)
class TileScenes:
    """The open scenes of a tile's image, in order, and the scenes that were left out, with the reason."""

    sources: list[ScenePixels]
    left_out: list[tuple[Scene, str]]

    @property
    def grid(self) -> Grid:
        """Grid of the image."""
        return self.sources[0].grid

    @property
    def is_8bit(self) -> bool:
        """Whether the pixels are 8 bit already and pass through unchanged."""
        return self.sources[0].scene.is_8bit

    def row_bands(self) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) of bands of rows: whole blocks where memory allows it, so that no block is decoded twice."""
        block = max(source.block_rows for source in self.sources)
        rows = min(ceil(MIN_ROWS / block) * block, MAX_ROWS, max(1, MAX_PIXELS // self.grid.width))
        return row_blocks(self.grid.height, rows)


@contextmanager
def open_tile_scenes(
    paths: list[Path], wanted: SceneRequest, ranges: tuple[Range, ...], clouds: Clouds
) -> Iterator[TileScenes]:
    """Open the scenes of a tile that are clear enough.

    Raises UserError when a scene cannot be read, when an offset is unknown, when all are too cloudy, or for different grids.
    """
    selection = scenes.select_scenes([scenes.read_scene(path, wanted) for path in paths], clouds)
    if len(selection.used) > MAX_SCENES:
        raise UserError(
            f"The tile has {len(selection.used)} scenes; its record of which scene each pixel is from has room for "
            f"{MAX_SCENES}. Leave the cloudiest out: lower imagery.clouds.max_scene_cloud, or shorten the tile's list."
        )
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), ExitStack() as stack:
        sources = [stack.enter_context(ScenePixels(scene, ranges, clouds)) for scene in selection.used]
        _check_grids(sources)
        yield TileScenes(sources, selection.left_out)


def _check_grids(sources: list[ScenePixels]) -> None:
    first = sources[0]
    scenes.check_size(first.grid, first.scene.path)
    for source in sources[1:]:
        if not source.grid.same_as(first.grid):
            raise UserError(
                f"The scenes {first.scene.path} and {source.scene.path} are on different grids ({_describe_grid(first)}; "
                f"{_describe_grid(source)}); scenes of one tile must share every pixel. Give each grid a tile of its own."
            )


def _describe_grid(source: ScenePixels) -> str:
    grid = source.grid
    left, _, _, top = grid.bounds
    return f"{grid.height} x {grid.width} pixels of {grid.resolution[0]:g} from {left:g}, {top:g} in {grid.crs}"
