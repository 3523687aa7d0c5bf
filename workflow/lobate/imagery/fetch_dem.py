"""fetch-dem: download the Copernicus DEM of the area, and mosaic it into one raster with its voids.

The one-degree tiles on and near the area stay in `resources/dem/tiles/` and are not downloaded again. For a DEM of your
own in `inventory.dem` nothing is downloaded.
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
from lobate.imagery.fetching.assets import Asset, asset_download, elevation_asset, missing
from lobate.imagery.fetching.journal import Journal, open_journal
from lobate.imagery.finding.area import query_outline, read_area
from lobate.imagery.finding.items import flat_bbox
from lobate.io.atomic import atomic_write
from lobate.settings.imagery import Catalogue, Find

log = logging.getLogger(__name__)

TILES_DIR = "tiles"
MARGIN_DEG = 0.05
"""Degrees around the area that need elevation as well: for slopes at its edge, and outlines that reach past it."""
MAX_NAMED = 12
"""Missing tiles listed by name; of the others only the number is given."""
OWN_DEM_ADVICE = (
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
    """Fetch elevation of the area and mosaic it; pixels without elevation are void (-9999).

    Raises UserError when the catalogue has none for the area, or when a tile cannot be downloaded; the others stay.
    """
    from lobate.imagery.mosaic import write_mosaic

    if find is None or area is None:
        raise UserError(
            "The configuration does not say for which area elevation is wanted. Give imagery.find with area (a vector file), "
            "years and months, or bring a DEM of your own and name it in inventory.dem."
        )
    ground = _area_with_margin(area, find)
    assets = _find_tiles(catalogue, ground)
    with open_journal(dem.parent / TILES_DIR) as journal:
        _fetch_tiles(journal, catalogue, assets)
        with atomic_write(dem, journal.work_dir / dem.name) as new:
            share = write_mosaic([journal.folder / asset.file for asset in assets], new)
    log.info("elevation of %d tiles; %.1f %% of the mosaic is void", len(assets), 100 * share)


def _area_with_margin(area: Path, find: Find) -> BaseGeometry:
    ground = read_area(area, find.layer).buffer(MARGIN_DEG)
    west, _, east, _ = ground.bounds
    if east - west > 180:
        raise UserError(
            f"The area of interest {area} lies on both sides of the 180th meridian, so one DEM in degrees would span the whole "
            "Earth. Map each side as a region of its own, or bring a DEM in another CRS and name it in inventory.dem."
        )
    return ground


def _find_tiles(catalogue: Catalogue, ground: BaseGeometry) -> list[Asset]:
    """Return the tiles of the area, sorted by name; log which square degrees the catalogue lacks."""
    from lobate.imagery.catalogues import archive_of, catalogue_url, dem_collection
    from lobate.imagery.finding.stac_search import search

    collection = dem_collection(catalogue)
    try:
        results = search(catalogue, collection, query_outline(ground))
    except UserError as error:
        raise UserError(f"{error} {OWN_DEM_ADVICE}") from None
    items = [item for item in results if _item_box(item).intersects(ground)]
    base = f"{catalogue_url(catalogue).rstrip('/')}/collections/{collection}/items/"
    access = archive_of(catalogue).access
    assets = {asset.file: asset for asset in (elevation_asset(item, base, access) for item in items)}
    if not assets:
        raise UserError(
            f"The catalogue {catalogue_url(catalogue)} has no elevation in {collection} for the area. Choose another "
            "collection in imagery.catalogue.dem_collection, or bring a DEM of your own and name it in inventory.dem."
        )
    _warn_of_missing_tiles(ground, [_item_box(item) for item in items])
    return [assets[file] for file in sorted(assets)]


def _item_box(item: dict[str, Any]) -> BaseGeometry:
    """Return an item's bounding box in longitude and latitude, empty where it has none."""
    try:
        return box(*flat_bbox([float(value) for value in item["bbox"]]))
    except (KeyError, TypeError, ValueError):
        return shapely.Point()


def _warn_of_missing_tiles(ground: BaseGeometry, tiles: list[BaseGeometry]) -> None:
    """Log which square degrees of the area no tile covers."""
    west, south, east, north = ground.bounds
    cells = [box(x, y, x + 1, y + 1) for y in range(floor(south), ceil(north)) for x in range(floor(west), ceil(east))]
    covered = shapely.union_all(tiles)
    missing_cells = [
        _cell_name(cell)
        for cell in cells
        if cell.intersects(ground) and not shapely.contains_xy(covered, cell.centroid.x, cell.centroid.y)
    ]
    if missing_cells:
        rest = len(missing_cells) - MAX_NAMED
        log.warning(
            "The catalogue has no elevation for %d square degrees of the area (%s%s): they stay void. Open sea has none; if "
            "that is land, bring a DEM of your own and name it in inventory.dem.",
            len(missing_cells),
            ", ".join(missing_cells[:MAX_NAMED]),
            f" and {rest} more" if rest > 0 else "",
        )


def _cell_name(cell: BaseGeometry) -> str:
    west, south, *_ = cell.bounds
    return f"{'NS'[south < 0]}{abs(south):02.0f}{'EW'[west < 0]}{abs(west):03.0f}"


def _fetch_tiles(journal: Journal, catalogue: Catalogue, assets: list[Asset]) -> None:
    from lobate.imagery.fetching.download import download_all, open_downloader

    downloads = [asset_download(asset, f"elevation tile {Path(asset.file).stem}") for asset in assets]
    pending = missing(journal, downloads)
    log.info("%d elevation tiles, of which %d are here already", len(downloads), len(downloads) - len(pending))
    if pending:
        with open_downloader(catalogue, "elevation") as downloader:
            download_all(downloader, journal, pending)
