"""The verb `compile-inventory`: reviewed detections and other inventories as one, no landform twice.

The paper's account: what the detections turned out to be, and the inventory in numbers (METHOD section 3).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any, Literal

import geopandas as gpd
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.attributes import INVENTORY, to_schema
from lobate.inventory.conflation import OutlineChoice, add_source, as_records, drop_duplicates, method_name
from lobate.inventory.detections import DRAWN_PREFIX
from lobate.inventory.formats import write_csv, write_geojson, write_parquet, write_shapefile
from lobate.inventory.identify import disambiguate_ids, identifier
from lobate.inventory.sources import REVIEWED
from lobate.io.jsonfile import write_json
from lobate.io.vector import read_polygons, write_layers


def summarize(
    inventory: gpd.GeoDataFrame, reviewed: gpd.GeoDataFrame, rejected: int, dropped: int, repeated: int
) -> dict[str, Any]:
    """Count detections and landforms, and sum up altitude, area and slope.

    ``reviewed``: the detections that went into the inventory. ``rejected``, ``dropped`` and ``repeated``: how many were
    refused by a person, left out as pending, or left out as the same ground as another. Known detections stand in a record
    that another inventory knows too; new ones do not; wrong ones were rejected. ``drawn`` of them are no detections of this
    model, but stand by a person's word alone. What has no value is None, never 0.
    """
    known = _known(inventory)
    status = reviewed["status"].value_counts()
    return {
        "detections": {
            "total": len(reviewed) + rejected + dropped + repeated,
            "known": known,
            "new": len(reviewed) - known,
            "wrong": rejected,
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
                "lowest": _rounded(inventory["elevation_min_m"].min()),
                "highest": _rounded(inventory["elevation_max_m"].max()),
                "mean": _rounded(inventory["elevation_mean_m"].mean()),
            },
            "area_km2": {
                "total": _rounded(inventory["area_km2"].sum(), 4),
                "mean": _rounded(inventory["area_km2"].mean(), 4),
                "median": _rounded(inventory["area_km2"].median(), 4),
            },
            "mean_slope_deg": _rounded(inventory["slope_deg"].mean(), 2),
            "mean_velocity": _rounded(inventory["velocity"].mean(), 2),
        },
    }


def _known(inventory: gpd.GeoDataFrame) -> int:
    """Detections, each once, that share a record with another source."""
    sources = inventory["sources"].str.split(";")
    known: set[str] = set()
    for names in sources:
        detections = [name for name in names if name.startswith(f"{REVIEWED}:")]
        if len(detections) < len(names):
            known.update(detections)
    return len(known)


def _rounded(value: float, decimals: int = 1) -> float | None:
    return None if pd.isna(value) else round(float(value), decimals)


log = logging.getLogger(__name__)


def compile_inventory(
    reviewed: Annotated[Path, Input()],
    others: Annotated[list[Path], Input()],
    inventory: Annotated[Path, Output()],
    parquet: Annotated[Path, Output()],
    csv: Annotated[Path, Output()],
    geojson: Annotated[Path, Output()],
    shapefile: Annotated[Path, Output()],
    summary: Annotated[Path, Output()],
    *,
    names: list[str],
    pending: Annotated[Literal["keep", "drop"], Setting("inventory.pending")] = "keep",
    match_iou: Annotated[float, Setting("inventory.match_iou")] = 0.3,
    outline: Annotated[OutlineChoice, Setting("inventory.outline")] = "other",
    id_prefix: Annotated[str, Setting("inventory.id_prefix")] = "RGU",
) -> None:
    """Compile described outlines (see ``describe``): ``others``, called ``names``, and the reviewed detections.

    Writes the same records (columns: ``attributes.INVENTORY``) as GeoPackage (layer ``inventory``, and ``removed`` with
    ``reason``), GeoParquet, CSV (outline as WKT), GeoJSON and zipped Shapefile, all in EPSG:4326 and in order of ``id``, and
    the paper's account as JSON. Where another inventory and the detections know a landform, its outline and measures are those of ``outline``.
    """
    if len(names) != len(others):
        raise UserError(
            f"{len(others)} other inventories came with {len(names)} names ({', '.join(names)}); give one each."
        )
    found, left_out = _detections(reviewed, pending, match_iou)
    records = _compiled([_described(other) for other in others], found, match_iou, outline)
    result = _identified(records, id_prefix)
    write_layers(inventory, {"inventory": result, "removed": left_out})
    for write, path in (
        (write_parquet, parquet),
        (write_csv, csv),
        (write_geojson, geojson),
        (write_shapefile, shapefile),
    ):
        write(result, path)
    counts = left_out["reason"].value_counts()
    rejected = len(read_polygons(reviewed, "rejected"))
    told = summarize(
        result, found, rejected, int(counts.get(PENDING_REASON, 0)), int(counts.sum() - counts.get(PENDING_REASON, 0))
    )
    write_json(summary, told)
    log.info("%d landforms: %s", len(result), told["inventory"]["by_method"])


PENDING_REASON = "pending: nobody has looked at it yet, and inventory.pending is drop"


def _described(path: Path) -> gpd.GeoDataFrame:
    return read_polygons(path, "described")


def _detections(path: Path, pending: str, match_iou: float) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The detections that count, and those left out with ``reason``."""
    found, repeated = drop_duplicates(_described(path), match_iou)
    unseen = (found["status"] == "pending") & (pending == "drop")
    left_out = [part for part in (repeated, found[unseen].assign(reason=PENDING_REASON)) if len(part)]
    if not left_out:
        return found, repeated
    return found[~unseen].reset_index(drop=True), gpd.GeoDataFrame(
        pd.concat(left_out, ignore_index=True), crs=found.crs
    )


def _compiled(
    others: list[gpd.GeoDataFrame], found: gpd.GeoDataFrame, match_iou: float, outline: OutlineChoice
) -> gpd.GeoDataFrame:
    if not others:
        records = as_records(found)
    else:
        records = as_records(others[0])
        for other in others[1:]:
            records = add_source(records, other, match_iou, "other")
        records = add_source(records, found, match_iou, outline)
    several = len({method for one in others for method in one["method"]}) > 1
    return records.assign(method=[method_name(methods, several) for methods in records["methods"]])


def _identified(records: gpd.GeoDataFrame, prefix: str) -> gpd.GeoDataFrame:
    """Records with unique ids, in their order; among equals the one first in the compilation keeps the plain id."""
    ids = [identifier(*where, prefix) for where in zip(records["longitude"], records["latitude"], strict=True)]
    result = to_schema(records.assign(id=disambiguate_ids(ids)), INVENTORY, records.crs)
    result["match_iou"] = result["match_iou"].round(4)
    return result.sort_values("id").reset_index(drop=True)
