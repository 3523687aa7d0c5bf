"""Where the synthetic world lies and what its scenes are called.

Two neighbouring tiles share ``overlap`` pixels; a margin round both gives slopes, shadows and the DEM something to lean
on. The place is real (between T44SPC and T44SQC, on the north-western Tibetan Plateau), the world on it is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from affine import Affine
from rasterio.crs import CRS

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.settings.example import Example

PRODUCT = re.compile(r"(S2[ABC])_MSIL2A_(\d{8}T\d{6})_N(\d\d)(\d\d)_R(\d{3})_T(44\w{3})_(\d{8}T\d{6})\.SAFE")
CRS_OF_WORLD = CRS.from_epsg(32644)
EAST_TILE_LEFT, TOP = 699960.0, 3768060.0
"""Left border of the eastern tile as ESA cuts it, and the world's northern border, in metres."""
NOTICE = "SYNTHETIC: made by lobate make-example; nothing in it was ever observed"


@dataclass(frozen=True)
class Product:
    """One scene, as its name says."""

    path: Path
    satellite: str
    sensed: str
    baseline: tuple[int, int]
    orbit: str
    tile: str
    made: str

    @classmethod
    def of(cls, path: Path) -> Product:
        """Read a path; Mistake when its last part is not called as ESA calls a Level-2A product of zone 44."""
        match = PRODUCT.fullmatch(path.name)
        if not match:
            raise Mistake(
                f"The example cannot make a scene called {path.name}. Name it in imagery.tiles as ESA names Level-2A products "
                "of UTM zone 44, for instance S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241.SAFE."
            )
        satellite, sensed, major, minor, orbit, tile, made = match.groups()
        return cls(path, satellite, sensed, (int(major), int(minor)), orbit, tile, made)

    @property
    def added(self) -> int:
        """What its digital numbers carry on top of 10000 x reflectance: 1000 from baseline 04.00 on."""
        return 1000 if self.baseline >= (4, 0) else 0


@dataclass(frozen=True)
class Layout:
    """The grid of the whole world with its ``margin`` in pixels, and the tiles' grids by name, west to east."""

    world: Grid
    margin: int
    tiles: dict[str, Grid]

    def part(self, tile: str) -> tuple[slice, slice]:
        """Return where a tile lies in the world's arrays."""
        grid = self.tiles[tile]
        col, row = ~self.world.transform @ (grid.transform.c, grid.transform.f)
        return slice(round(row), round(row) + grid.height), slice(round(col), round(col) + grid.width)

    @property
    def seam(self) -> int:
        """The world's column at which the western tile ends."""
        return self.part(next(iter(self.tiles)))[1].stop


def lay_out(products: list[Product], example: Example) -> Layout:
    """Return the layout of two tiles, named west to east by the order of their scenes.

    Raises Mistake when there are not two tiles, or when their overlap does not fit.
    """
    names = list(dict.fromkeys(product.tile for product in products))
    if len(names) != 2:
        raise Mistake(f"The example has two tiles, but its scenes name {len(names)} ({', '.join(names)}).")
    if example.overlap >= example.side:
        raise Mistake(f"example.overlap ({example.overlap}) must be smaller than example.side ({example.side}).")
    side, step = example.side, example.side - example.overlap
    margin = 48 + 2 * (side // 100)
    left = EAST_TILE_LEFT - 10 * step
    west = Grid(side, side, Affine(10, 0, left, 0, -10, TOP), CRS_OF_WORLD)
    world = west.crop(-margin, -margin, side + 2 * margin, side + step + 2 * margin)
    return Layout(world, margin, {names[0]: west, names[1]: west.crop(0, step, side, side)})
