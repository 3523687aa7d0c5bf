"""The verb `review-page`: one HTML page, without network, for the review of detections in a browser."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import shapely
from rasterio.warp import transform_bounds

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.crops import Thumbnail, crop_thumbnails
from lobate.inventory.detections import ATTRIBUTES, read_pending, read_removed
from lobate.inventory.page.applied import applied_decisions, drop_swallowed
from lobate.inventory.page.coordinates import CONTEXT_DIGITS, coordinates
from lobate.inventory.page.template import render_page
from lobate.inventory.sources import read_source, repair_outlines
from lobate.inventory.vocabulary import VOCABULARIES
from lobate.io.raster import read_grid
from lobate.io.vector import LONLAT, read_layer
from lobate.settings.inventory import OtherInventory

log = logging.getLogger(__name__)

SHARES = ("0.25", "0.75")
"""Calibrated shares of the contours."""
NEAR_DEG = 0.03
"""Other outlines within this distance of a detection are shown."""
MAIL_BYTES = 25e6
"""Many mail servers take no larger file."""


def review_page(
    detections: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    page: Annotated[Path, Output()],
    others: Annotated[list[Path] | None, Input()] = None,
    reviewed: Annotated[Path | None, Input()] = None,
    contours: Annotated[Path | None, Input()] = None,
    *,
    tiles: list[str],
    names: list[str],
    others_settings: Annotated[dict[str, OtherInventory], Setting("inventory.others")],
    match_iou: Annotated[float, Setting("inventory.match_iou")] = 0.3,
    region: Annotated[str, Setting("region")] = "region",
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Write the page: the kept detections, least certain first, on pictures of the ground, to accept, reject and mend.

    ``tiles`` are the names of ``images``. ``others`` are the files of other inventories, and ``names`` their names in
    inventory.others; they, the removed detections and the ``contours`` at two calibrated shares are shown as context.
    ``reviewed``, the file that apply-review wrote, gives the decisions so far. The page saves a decisions file for
    ``apply-review`` with old and new ones. Raises UserError for invalid files.
    """
    _check_counts(images, tiles, others or [], names)
    pending = read_pending(detections)
    applied, unplaced = applied_decisions(reviewed, pending) if reviewed else ({}, [])
    sheet = drop_swallowed(pending, reviewed) if reviewed else pending
    sheet = sheet.sort_values(["confidence", "detection"]).reset_index(drop=True)
    tile_images = dict(zip(tiles, images, strict=True))
    crops = crop_thumbnails(list(sheet.geometry), tile_images)
    near = shapely.union_all(shapely.box(*sheet.bounds.to_numpy().T)).buffer(NEAR_DEG)
    inventories = [_read_other(path, name, others_settings) for path, name in zip(others or [], names, strict=True)]
    records = zip(sheet.to_dict(orient="records"), crops, strict=True)
    data: dict[str, Any] = {
        "region": region,
        "match_iou": match_iou,
        "vocabularies": {field: VOCABULARIES[field] for field in ATTRIBUTES},
        "detections": [_detection(row, crop, applied.get(row["detection"])) for row, crop in records],
        "carried": unplaced,
        "ground": [_ground(path) for path in images],
        "context": {
            "others": _context(inventories, near),
            "removed": _context([_removed_outlines(detections)], near),
            **{f"contours_{share}": _context([lines], near) for share, lines in _contours(contours).items()},
        },
        "layers": {
            "others": ", ".join(names) or "no other inventory",
            "removed": "removed by the filters",
            **{f"contours_{share}": f"contours at the calibrated {share} (no confidence interval)" for share in SHARES},
        },
    }
    text = render_page(f"{region}: {landform} detections", data)
    page.write_text(text, encoding="utf-8")
    _log_size(len(sheet), len(applied), len(text))


def _log_size(count: int, decided: int, size: int) -> None:
    words = "%d detections, %d of them with decisions or remarks so far, least certain first; the page has %.1f MB"
    log.info(words, count, decided, size / 1e6)
    if size > MAIL_BYTES:
        log.warning(
            "the page has %.0f MB, too many for most mail servers: hand it over as a file, or raise mapping.filter's limits "
            "so that fewer detections are left",
            size / 1e6,
        )


def _check_counts(images: list[Path], tiles: list[str], others: list[Path], names: list[str]) -> None:
    for option, paths, labels in (("images", images, tiles), ("others", others, names)):
        if len(paths) != len(labels):
            raise UserError(
                f"--{option} gives {len(paths)} files for {len(labels)} names. Give one file for each, in the same order."
            )


def _detection(row: dict[str, Any], crop: Thumbnail, applied: dict[str, Any] | None) -> dict[str, Any]:
    """Return one detection for the page; ``key`` identifies its decision in the browser's storage."""
    outline = coordinates(row["geometry"])
    digest = hashlib.sha256(repr(outline).encode()).hexdigest()
    area = row.get("area_m2")
    return {
        "id": row["detection"],
        "key": f"{row['detection']} {digest[:12]}",
        "confidence": row["confidence"],
        "area_m2": None if area is None or pd.isna(area) else round(float(area), 1),
        "note": f"tile {crop.tile}" if crop.tile else "no image shows this ground",
        "outline": outline,
        "images": crop.images,
        **({"applied": applied} if applied else {}),
        **crop.polynomials,
    }


def _read_other(path: Path, name: str, settings: dict[str, OtherInventory]) -> gpd.GeoDataFrame:
    outlines, _ = repair_outlines(read_source(path, name, settings))
    return outlines.assign(words=[f"{name}: {source_id}" for source_id in outlines["source_id"]])


def _removed_outlines(detections: Path) -> gpd.GeoDataFrame:
    removed = read_removed(detections)
    reasons = removed["reason"] if "reason" in removed else pd.Series("removed", index=removed.index)
    return removed.assign(words=[f"left out: {reason}" for reason in reasons])


def _context(frames: list[gpd.GeoDataFrame], ground: shapely.Geometry) -> list[dict[str, Any]]:
    """Return the outlines (EPSG:4326) that touch the ground, in order, each with its description."""
    return [
        {"outline": coordinates(row.geometry, CONTEXT_DIGITS), "words": row.words}
        for frame in frames
        for row in frame[frame.geometry.intersects(ground)].itertuples()
    ]


def _contours(path: Path | None) -> dict[str, gpd.GeoDataFrame]:
    """Return the contours of each share, each body once."""
    if path is None:
        return {}
    lines = read_layer(path, "contours").to_crs(LONLAT)
    lines = lines[~lines.geometry.normalize().to_wkb().duplicated()]
    words = [
        f"calibrated {row.share} (probability {row.probability:.2f}), no confidence interval"
        for row in lines.itertuples()
    ]
    lines = lines.assign(words=words)
    return {share: lines[lines["share"] == share] for share in SHARES}


def _ground(image: Path) -> list[float]:
    """Return west, south, east and north of an image; west is greater than east across longitude 180."""
    grid = read_grid(image)
    return [round(float(degrees), 4) for degrees in transform_bounds(grid.crs, "EPSG:4326", *grid.bounds)]
