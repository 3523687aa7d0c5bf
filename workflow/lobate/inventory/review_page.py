"""The verb `review-page`: one HTML page, without network, for the review of detections in a browser."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import shapely

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.crops import Thumbnail, crop_thumbnails
from lobate.inventory.detections import read_pending, read_removed
from lobate.inventory.page.template import render_page
from lobate.inventory.sources import read_source, repair_outlines
from lobate.inventory.vocabulary import VOCABULARIES
from lobate.settings.inventory import OtherInventory

log = logging.getLogger(__name__)

FORM_FIELDS = ("upslope_connection", "activity")
"""Fields of the page's form with words of a vocabulary."""
DIGITS = 8
"""Decimals of longitude and latitude: a millimetre."""
NEAR_DEG = 0.03
"""Other outlines within this distance of a detection are shown."""


def review_page(
    detections: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    page: Annotated[Path, Output()],
    others: Annotated[list[Path] | None, Input()] = None,
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
    inventory.others; they and the removed detections are shown as context. The page saves a decisions file for
    ``apply-review``. Raises UserError for invalid files.
    """
    _check_counts(images, tiles, others or [], names)
    sheet = read_pending(detections).sort_values(["confidence", "detection"]).reset_index(drop=True)
    crops = crop_thumbnails(list(sheet.geometry), dict(zip(tiles, images, strict=True)))
    near = shapely.union_all(shapely.box(*sheet.bounds.to_numpy().T)).buffer(NEAR_DEG)
    inventories = [_read_other(path, name, others_settings) for path, name in zip(others or [], names, strict=True)]
    data: dict[str, Any] = {
        "region": region,
        "match_iou": match_iou,
        "vocabularies": {field: VOCABULARIES[field] for field in FORM_FIELDS},
        "detections": [_detection(*pair) for pair in zip(sheet.to_dict(orient="records"), crops, strict=True)],
        "context": {"others": _context(inventories, near), "removed": _context([_removed_outlines(detections)], near)},
        "layers": {"others": ", ".join(names) or "no other inventory", "removed": "removed by the filters"},
    }
    text = render_page(f"{region}: {landform} detections", data)
    page.write_text(text, encoding="utf-8")
    log.info("%d detections to review, least certain first; the page has %.1f MB", len(sheet), len(text) / 1e6)


def _check_counts(images: list[Path], tiles: list[str], others: list[Path], names: list[str]) -> None:
    for option, paths, labels in (("images", images, tiles), ("others", others, names)):
        if len(paths) != len(labels):
            raise UserError(
                f"--{option} gives {len(paths)} files for {len(labels)} names. Give one file for each, in the same order."
            )


def _detection(row: dict[str, Any], crop: Thumbnail) -> dict[str, Any]:
    """Return one detection for the page; ``key`` identifies its decision in the browser's storage."""
    outline = _coordinates(row["geometry"])
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
        {"outline": _coordinates(row.geometry), "words": row.words}
        for frame in frames
        for row in frame[frame.geometry.intersects(ground)].itertuples()
    ]


def _coordinates(outline: shapely.Geometry) -> list[list[list[list[float]]]]:
    """Return [polygon][ring][vertex] of [longitude, latitude]; rounded only as far as the outline stays valid."""
    rounded = shapely.transform(outline, lambda points: points.round(DIGITS))
    valid = rounded if rounded.is_valid or not outline.is_valid else outline
    return [
        [[list(vertex) for vertex in ring.coords] for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(valid)
    ]
