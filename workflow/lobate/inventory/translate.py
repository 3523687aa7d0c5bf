"""The verb `translate-inventory`: the compiled inventory in the columns of a standard, beside its own."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import geopandas as gpd
import shapely
from rasterio.warp import transform_geom

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.inventory.attributes import INVENTORY
from lobate.inventory.rgik import in_layers
from lobate.inventory.sources import REVIEWED
from lobate.rasters import open_raster
from lobate.signature import Input, Output, Setting
from lobate.vectors import read_polygons, write_layers

log = logging.getLogger(__name__)

PAPER = {
    "upslope_connection": "upslope_connection",
    "altitude_m": "elevation_mean_m",
    "lowest_m": "elevation_min_m",
    "highest_m": "elevation_max_m",
    "area_km2": "area_km2",
    "slope_deg": "slope_deg",
    "velocity_cm_yr": "velocity",
    "velocity_error_cm_yr": "velocity_error",
    "method": "method",
}
"""Columns of the paper's attribute set (Hu et al. 2023) -> attribute."""


def translate_inventory(
    inventory: Annotated[Path, Input()],
    translated: Annotated[Path, Output()],
    images: Annotated[list[Path] | None, Input()] = None,
    *,
    standard: Literal["rgik", "paper"],
    region: Annotated[str, Setting("region")] = "region",
) -> None:
    """Write a compiled inventory as the RGIK template has it (see ``rgik``), or with the paper's attribute set.

    ``images`` give the mapped area. EPSG:4326. Raises Mistake for a file that is no compiled inventory, and for words that
    are not in their vocabulary.
    """
    records = read_compiled(inventory)
    if standard == "paper":
        layers = {"inventory": in_paper(records)}
    elif standard == "rgik":
        layers = in_layers(
            records, [_footprint(image) for image in images or []], region, f"{inventory}, layer inventory"
        )
    else:
        raise Mistake(f"There is no standard called {standard}. Give rgik or paper.")
    write_layers(translated, layers, points=("PM",))
    log.info("%s: %s", standard, ", ".join(f"{len(layer)} in layer {name}" for name, layer in layers.items()))


def read_compiled(path: Path) -> gpd.GeoDataFrame:
    """Read the records of a compiled inventory. Raises Mistake for anything else, and where two ids are alike."""
    records = read_polygons(path, "inventory")
    missing = [one.name for one in INVENTORY if one.name not in records]
    if missing:
        raise Mistake(
            f"{path} is no compiled inventory: it has no field {', '.join(missing)}. Give what compile-inventory wrote."
        )
    twice = records["id"][records["id"].duplicated()].unique()
    if len(twice):
        raise Mistake(
            f"{path}: {len(twice)} identifiers stand more than once ({', '.join(map(str, twice[:5]))}). Make them unique."
        )
    return records


def in_paper(records: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The paper's attributes; ``name`` is what another inventory calls the landform, where one knows it."""
    names = [
        next((one.split(":", 1)[1] for one in known.split(";") if not one.startswith(f"{REVIEWED}:")), None)
        for known in records["sources"]
    ]
    columns = {name: records[attribute] for name, attribute in PAPER.items()}
    return gpd.GeoDataFrame({"id": records["id"], "name": names, **columns}, geometry=records.geometry, crs=records.crs)


def _footprint(image: Path) -> shapely.Geometry:
    with open_raster(image) as raster:
        corners = shapely.segmentize(Grid.of(raster).footprint, max(raster.width, raster.height) * max(raster.res) / 16)
        return shapely.geometry.shape(transform_geom(raster.crs, "EPSG:4326", shapely.geometry.mapping(corners)))
