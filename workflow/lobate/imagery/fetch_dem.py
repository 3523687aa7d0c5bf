"""fetch-dem: the Copernicus DEM of the area, from the catalogue of the scenes, as one raster with its voids.

Tiles of one degree that touch the area, or come near it, are kept in `resources/dem/tiles/` and not fetched again. Whoever
has a DEM of his own names it in `inventory.dem`, and nothing is fetched.
"""

from __future__ import annotations

import logging
from math import ceil, floor
from pathlib import Path
from typing import Annotated, Any

import shapely
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from lobate.engine.signature import Input, Output, Setting, uncached
from lobate.errors import UserError
from lobate.imagery.fetching.assets import Asset, AssetDownload, elevation_of, missing, order_of
from lobate.imagery.fetching.journal import Journal, open_journal
from lobate.imagery.finding.area import outline, read_area
from lobate.io.atomic import atomic_write
from lobate.settings.imagery import Catalogue, Find

log = logging.getLogger(__name__)

TILES = "tiles"
NEAR = 0.05
"""Degrees round the area that need elevation, too: slopes at its edge, and outlines that reach past it."""
NAMED = 12
"""Tiles that are named one by one."""
WITHOUT = (
    "Or bring a DEM of your own and name it in inventory.dem; without that setting nothing is fetched, and elevation, slope "
    "and aspect stay empty."
)


@uncached
def fetch_dem(
    area: Annotated[Path | None, Input()],
    dem: Annotated[Path, Output()],
    *,
    find: Annotated[Find | None, Setting("imagery.find")],
    catalogue: Annotated[Catalogue, Setting("imagery.catalogue")],
) -> None:
    """Fetch elevation of the area and mosaic it; what no tile knows stays void (-9999).

    Raises UserError when the catalogue has none for the area, or tiles cannot be had; those that arrived stay.
    """
    from lobate.imagery.mosaic import mosaic

    if find is None or area is None:
        raise UserError(
            "The configuration does not say for which area elevation is wanted. Give imagery.find with area (a vector file), "
            "years and months, or bring a DEM of your own and name it in inventory.dem."
        )
    ground = _ground(area, find)
    assets = _assets(catalogue, ground)
    with open_journal(dem.parent / TILES) as workshop:
        _fetch(workshop, catalogue, assets)
        with atomic_write(dem, workshop.place / dem.name) as new:
            share = mosaic([workshop.folder / one.file for one in assets], new)
    log.info("elevation of %d tiles; %.1f %% of the mosaic is void", len(assets), 100 * share)


def _ground(area: Path, find: Find) -> BaseGeometry:
    ground = read_area(area, find.layer).buffer(NEAR)
    west, _, east, _ = ground.bounds
    if east - west > 180:
        raise UserError(
            f"The area of interest {area} lies on both sides of the 180th meridian, where one DEM in degrees would go round "
            "the Earth. Map each side as a region of its own, or bring a DEM in another CRS and name it in inventory.dem."
        )
    return ground


def _assets(catalogue: Catalogue, ground: BaseGeometry) -> list[Asset]:
    """Return the tiles of the area, in order of their names; degrees of which the catalogue has none are told."""
    from lobate.imagery.catalogues import address_of
    from lobate.imagery.finding.catalogue import search

    try:
        known = search(catalogue, catalogue.dem_collection, outline(ground))
    except UserError as mistake:
        raise UserError(f"{mistake} {WITHOUT}") from None
    items = [one for one in known if _bounds(one).intersects(ground)]
    base = f"{address_of(catalogue).rstrip('/')}/collections/{catalogue.dem_collection}/items/"
    assets = {one.file: one for one in (elevation_of(item, base) for item in items)}
    if not assets:
        raise UserError(
            f"The catalogue {address_of(catalogue)} has no elevation in {catalogue.dem_collection} for the area. Choose another "
            "collection in imagery.catalogue.dem_collection, or bring a DEM of your own and name it in inventory.dem."
        )
    _tell_lacking(ground, [_bounds(item) for item in items])
    return [assets[file] for file in sorted(assets)]


def _bounds(item: dict[str, Any]) -> BaseGeometry:
    """Return an item's extent in longitude and latitude, empty where it does not say."""
    try:
        west, south, *_, east, north = (float(one) for one in _flat(item["bbox"]))
    except (KeyError, TypeError, ValueError):
        return shapely.Point()
    return box(west, south, east, north)


def _flat(bounds: list[Any]) -> list[Any]:
    """Return west, south, east and north of a box that may have heights, too."""
    return bounds if len(bounds) == 4 else [*bounds[:2], *bounds[3:5]]


def _tell_lacking(ground: BaseGeometry, there: list[BaseGeometry]) -> None:
    """Say which square degrees of the area no tile covers."""
    west, south, east, north = ground.bounds
    cells = [box(x, y, x + 1, y + 1) for y in range(floor(south), ceil(north)) for x in range(floor(west), ceil(east))]
    covered = shapely.union_all(there)
    lack = [
        _name(cell)
        for cell in cells
        if cell.intersects(ground) and not shapely.contains_xy(covered, cell.centroid.x, cell.centroid.y)
    ]
    if lack:
        more = f" and {len(lack) - NAMED} more" if len(lack) > NAMED else ""
        log.warning(
            "The catalogue has no elevation for %d square degrees of the area (%s%s): they stay void. Open sea has none; if "
            "that is land, bring a DEM of your own and name it in inventory.dem.",
            len(lack),
            ", ".join(lack[:NAMED]),
            more,
        )


def _name(cell: BaseGeometry) -> str:
    west, south, *_ = cell.bounds
    return f"{'NS'[south < 0]}{abs(south):02.0f}{'EW'[west < 0]}{abs(west):03.0f}"


def _fetch(workshop: Journal, catalogue: Catalogue, assets: list[Asset]) -> None:
    from lobate.imagery.fetching.download import download_all, open_downloader

    orders: list[AssetDownload] = [order_of(one, f"elevation tile {Path(one.file).stem}") for one in assets]
    waiting = missing(workshop, orders)
    log.info("%d elevation tiles, of which %d are here already", len(orders), len(orders) - len(waiting))
    if waiting:
        with open_downloader(catalogue, "elevation") as courier:
            download_all(courier, workshop, waiting)
