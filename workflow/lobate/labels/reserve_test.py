"""reserve-test: outlines of the test side, with their ground and the gap round it, set aside before any label is burned.

The sides are assigned by the ground and the shapes of outlines that people drew. No class is read, and no outline that came
from a model, mended or not: the test side is drawn without sight of a map.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import shapely

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.raster import read_grid
from lobate.io.vector import LONLAT, geodesic_area_m2, read_polygons, write_layers
from lobate.labels.outlines import read_outlines
from lobate.labels.reservation import choose, gap_round, group_names, surroundings
from lobate.labels.tile_grids import empty_raster
from lobate.settings.patches import Reserved

log = logging.getLogger(__name__)


def reserve_test(
    drawn: Annotated[Path, Input()],
    images: Annotated[list[Path], Input(view=empty_raster)],
    reserved: Annotated[Path, Output()],
    region: Annotated[Path | None, Input()] = None,
    *,
    tiles: list[str],
    test: Annotated[Reserved | None, Setting("patches.split.test")],
    block_km: Annotated[float, Setting("patches.split.block_km")],
    buffer_m: Annotated[float, Setting("patches.crop.buffer_m")],
    ring_m: Annotated[float, Setting("labels.ring_m")],
    seed: Annotated[int, Setting("seed")],
) -> None:
    """Reserve the ground of the test side.

    ``drawn`` are the outlines before any step that looks at their class, ``region`` the file of patches.split.test.region,
    and ``tiles`` the names of ``images``. ``reserved`` gets in EPSG:4326 the layers ``test`` (the ground: surroundings of
    its outlines, and the region's), ``gap`` (within patches.split.test.gap_km of it) and ``outlines`` (``polygon``,
    ``tile``, ``group`` of touching surroundings). Raises UserError when a side gets no outline.
    """
    if test is None:
        raise UserError("There is no test side to reserve. Set patches.split.test.method, for instance to groups.")
    outlines = read_polygons(drawn, "drawn")
    grids = {name: read_grid(image) for name, image in zip(tiles, images, strict=True)}
    boxes = surroundings(outlines, grids, max(buffer_m, ring_m))
    own = _read_region(region, test)
    chosen = choose(outlines, boxes, test, seed, block_km, own)
    ground = shapely.get_parts(shapely.union_all(np.array([*boxes[chosen], *own])))
    gap = gap_round(ground, test.gap_km)
    rows = outlines.loc[chosen, ["polygon", "tile"]].assign(group=group_names(boxes[chosen]).astype(object))
    layers = {"test": _layer(ground), "gap": _layer(gap)}
    write_layers(reserved, {**layers, "outlines": gpd.GeoDataFrame(rows, geometry=boxes[chosen], crs=LONLAT)})
    log.info(
        "%d of %d outlines are on the test side, in %d groups on %.1f km2; the gap round it has %.1f km2.",
        *(chosen.sum(), len(outlines), rows["group"].nunique()),
        *(geodesic_area_m2(layer).sum() / 1e6 for layer in layers.values()),
    )


def _layer(shapes: np.ndarray) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=list(shapes), crs=LONLAT)


def _read_region(path: Path | None, test: Reserved) -> gpd.GeoSeries:
    """Return the ground of the method region in EPSG:4326; empty for another method."""
    if test.region is None:
        return gpd.GeoSeries([], crs=LONLAT)
    if path is None:
        raise UserError("The method region needs its file. Give --region the file of patches.split.test.region.")
    rows = read_outlines(path, test.region, "region")
    return rows.geometry[rows["reason"] == ""]
