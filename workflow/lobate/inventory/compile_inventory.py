"""The verb `compile-inventory`: reviewed detections and other inventories as one, no landform twice.

The summary is the paper's account (METHOD section 3): what the detections turned out to be, and the inventory in numbers.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any, Literal

import geopandas as gpd
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.area_range import with_area_range
from lobate.inventory.attributes import DESCRIBED, INVENTORY, Attribute, to_schema
from lobate.inventory.conflation import OutlineChoice, add_source, as_records, drop_duplicates, method_name
from lobate.inventory.detections import DRAWN_PREFIX
from lobate.inventory.formats import write_csv, write_geojson, write_parquet, write_shapefile
from lobate.inventory.mapped_ground import LAYER, cut_to_ground, ground_account
from lobate.inventory.published_ids import read_published, with_new_ids, with_published_ids
from lobate.inventory.qgis.result_styles import package_styles
from lobate.io.ground import mapped_ground
from lobate.io.jsonfile import write_json
from lobate.io.origin import REVIEWED
from lobate.io.qgis.package import add_styles
from lobate.io.vector import read_polygons, write_layers

log = logging.getLogger(__name__)

REMOVED = (*DESCRIBED, Attribute("reason", str, "why it is left out"))
PENDING_REASON = "pending: nobody has looked at it yet, and inventory.pending is drop"


def compile_inventory(
    reviewed: Annotated[Path, Input()],
    others: Annotated[list[Path], Input()],
    probabilities: Annotated[list[Path], Input()],
    inventory: Annotated[Path, Output()],
    parquet: Annotated[Path, Output()],
    csv: Annotated[Path, Output()],
    geojson: Annotated[Path, Output()],
    shapefile: Annotated[Path, Output()],
    summary: Annotated[Path, Output()],
    previous: Annotated[Path | None, Input()] = None,
    *,
    names: list[str],
    pending: Annotated[Literal["keep", "drop"], Setting("inventory.pending")] = "keep",
    match_iou: Annotated[float, Setting("inventory.match_iou")] = 0.3,
    outline: Annotated[OutlineChoice, Setting("inventory.outline")] = "other",
    id_prefix: Annotated[str, Setting("inventory.id_prefix")] = "RGU",
) -> None:
    """Compile described outlines (see ``describe``): ``others``, called ``names``, and the reviewed detections.

    Writes the same records as GeoPackage (layer ``inventory``, and ``removed`` with ``reason``), GeoParquet, CSV (outline
    as WKT), GeoJSON and zipped Shapefile, and the summary as JSON. Records have the columns ``attributes.INVENTORY``, are
    in EPSG:4326 and in order of ``id``. ``outline`` names the source that gives outline and measures of a landform that several know.

    The layer ``ground`` of the GeoPackage holds the mapped ground: pixels with data of ``probabilities``, the map's rasters.
    An outline of another inventory with less than half of its area on it goes to ``removed``, unless a detection is the
    same landform. ``mapped_share`` tells the part of each outline on mapped ground; no outline is cut.
    The range of an area is half a pixel of the map along the outline, where the review gives none (``area_range``).

    Landforms that are matched by place with the published inventory ``previous`` keep its identifiers and markers. The layer
    ``id_changes`` then lists splits, merges, what appeared and vanished, and what lies on ground that was not mapped
    (``published_ids.CHANGES``).
    """
    if len(names) != len(others):
        raise UserError(
            f"{len(others)} other inventories came with {len(names)} names ({', '.join(names)}); give one each."
        )
    detections, left_out = _read_detections(reviewed, pending, match_iou)
    ground = mapped_ground(probabilities)
    merged = _merge_sources([_read_described(other) for other in others], detections, match_iou, outline)
    records, unmapped = cut_to_ground(with_area_range(merged, ground), ground.geometry)
    if previous:
        succession = with_published_ids(records, read_published(previous), match_iou, id_prefix, ground.geometry)
    else:
        succession = with_new_ids(records, id_prefix)
    result = _as_inventory(succession.records)
    changes = {} if succession.changes is None else {"id_changes": succession.changes}
    removed = _join([left_out, to_schema(unmapped, REMOVED, unmapped.crs)])
    layers = {"inventory": result, "removed": removed, LAYER: ground, **changes}
    write_layers(inventory, layers)
    add_styles(inventory, package_styles(list(layers)))
    for write, path in (
        (write_parquet, parquet),
        (write_csv, csv),
        (write_geojson, geojson),
        (write_shapefile, shapefile),
    ):
        write(result, path)
    counts = left_out["reason"].value_counts()
    rejected, dropped = len(read_polygons(reviewed, "rejected")), int(counts.get(PENDING_REASON, 0))
    account = summarize(result, detections, rejected, dropped, int(counts.sum()) - dropped)
    account["ground"] = ground_account(result, unmapped)
    account["identifiers"] = succession.account()
    write_json(summary, account)
    log.info("%d landforms: %s", len(result), account["inventory"]["by_method"])


def _read_described(path: Path) -> gpd.GeoDataFrame:
    return read_polygons(path, "described")


def _read_detections(path: Path, pending: str, match_iou: float) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the detections that count, and those left out with ``reason``."""
    detections, repeated = drop_duplicates(_read_described(path), match_iou)
    dropped = (detections["status"] == "pending") & (pending == "drop")
    left_out = _join([repeated, detections[dropped].assign(reason=PENDING_REASON)])
    return detections[~dropped].reset_index(drop=True), left_out


def _join(parts: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return the rows of frames in the same columns and CRS."""
    filled = [part for part in parts if len(part)]
    return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=parts[0].crs) if filled else parts[0]


def _merge_sources(
    others: list[gpd.GeoDataFrame], detections: gpd.GeoDataFrame, match_iou: float, outline: OutlineChoice
) -> gpd.GeoDataFrame:
    if not others:
        records = as_records(detections)
    else:
        records = as_records(others[0])
        for other in others[1:]:
            records = add_source(records, other, match_iou, "other")
        records = add_source(records, detections, match_iou, outline)
    several = len({method for other in others for method in other["method"]}) > 1
    return records.assign(method=[method_name(methods, several) for methods in records["methods"]])


def _as_inventory(records: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the records with the columns of the inventory, in order of ``id``."""
    result = to_schema(records, INVENTORY, records.crs)
    result["match_iou"] = result["match_iou"].round(4)
    return result.sort_values("id").reset_index(drop=True)


def summarize(
    inventory: gpd.GeoDataFrame, reviewed: gpd.GeoDataFrame, rejected: int, dropped: int, repeated: int
) -> dict[str, Any]:
    """Count detections and landforms, and summarize altitude, area and slope; a missing value is None, never 0.

    ``reviewed``: the detections in the inventory. ``rejected``, ``dropped`` and ``repeated``: numbers of detections rejected
    by a person, left out as pending, and left out as the same ground as another. ``in_other_inventories`` counts the
    detections that share a record with another inventory, ``only_detected`` the rest. ``drawn`` counts outlines that stand by a person's
    decision alone, without a detection of this model.
    """
    shared = _count_shared(inventory)
    status = reviewed["status"].value_counts()
    return {
        "detections": {
            "total": len(reviewed) + rejected + dropped + repeated,
            "in_other_inventories": shared,
            "only_detected": len(reviewed) - shared,
            "rejected": rejected,
            "pending_left_out": dropped,
            "repeated": repeated,
            **{name: int(status.get(name, 0)) for name in ("edited", "accepted", "pending")},
            "drawn": int(reviewed["source_id"].str.startswith(DRAWN_PREFIX).sum()) if len(reviewed) else 0,
        },
        "inventory": {
            "total": len(inventory),
            "by_method": {str(name): int(count) for name, count in sorted(inventory["method"].value_counts().items())},
            "without_elevation": int(inventory["elevation_mean_m"].isna().sum()),
            "altitude_m": {
                "lowest": _round(inventory["elevation_min_m"].min()),
                "highest": _round(inventory["elevation_max_m"].max()),
                "mean": _round(inventory["elevation_mean_m"].mean()),
            },
            "area_km2": {
                "total": _round(inventory["area_km2"].sum(), 4),
                "mean": _round(inventory["area_km2"].mean(), 4),
                "median": _round(inventory["area_km2"].median(), 4),
            },
            "mean_slope_deg": _round(inventory["slope_deg"].mean(), 2),
            "mean_velocity": _round(inventory["velocity"].mean(), 2),
        },
    }


def _count_shared(inventory: gpd.GeoDataFrame) -> int:
    """Count the detections, each once, that share a record with another source."""
    sources = inventory["sources"].str.split(";")
    shared: set[str] = set()
    for names in sources:
        detections = [name for name in names if name.startswith(f"{REVIEWED}:")]
        if len(detections) < len(names):
            shared.update(detections)
    return len(shared)


def _round(value: float, decimals: int = 1) -> float | None:
    return None if pd.isna(value) else round(float(value), decimals)
