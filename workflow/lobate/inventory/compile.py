"""The verb `compile-inventory`: reviewed detections and other inventories as one, no landform twice."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Literal

import geopandas as gpd
import pandas as pd

from lobate.errors import Mistake
from lobate.inventory.account import account
from lobate.inventory.attributes import INVENTORY, conform
from lobate.inventory.formats import write_csv, write_geojson, write_parquet, write_shapefile
from lobate.inventory.identify import identifier, made_unique
from lobate.inventory.union import Outline, drop_repeated, join, method_of, start
from lobate.signature import Input, Output, Setting
from lobate.vectors import read_polygons, write_layers

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
    outline: Annotated[Outline, Setting("inventory.outline")] = "other",
    id_prefix: Annotated[str, Setting("inventory.id_prefix")] = "RGU",
) -> None:
    """Compile described outlines (see ``describe``): ``others``, called ``names``, and the reviewed detections.

    Writes the same records (columns: ``attributes.INVENTORY``) as GeoPackage (layer ``inventory``, and ``removed`` with
    ``reason``), GeoParquet, CSV (outline as WKT), GeoJSON and zipped Shapefile, all in EPSG:4326 and in order of ``id``, and
    the paper's account as JSON. Where another inventory and the detections know a landform, its outline and measures are those of ``outline``.
    """
    if len(names) != len(others):
        raise Mistake(
            f"{len(others)} other inventories came with {len(names)} names ({', '.join(names)}); give one each."
        )
    found, left_out = _detections(reviewed, pending, match_iou)
    records = _compiled([_described(one) for one in others], found, match_iou, outline)
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
    told = account(result, found, rejected, int(counts.get(UNSEEN, 0)), int(counts.sum() - counts.get(UNSEEN, 0)))
    summary.write_text(json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    log.info("%d landforms: %s", len(result), told["inventory"]["by_method"])


UNSEEN = "pending: nobody has looked at it yet, and inventory.pending is drop"


def _described(path: Path) -> gpd.GeoDataFrame:
    return read_polygons(path, "described")


def _detections(path: Path, pending: str, match_iou: float) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """The detections that count, and those left out with ``reason``."""
    found, repeated = drop_repeated(_described(path), match_iou)
    unseen = (found["status"] == "pending") & (pending == "drop")
    left_out = [part for part in (repeated, found[unseen].assign(reason=UNSEEN)) if len(part)]
    if not left_out:
        return found, repeated
    return found[~unseen].reset_index(drop=True), gpd.GeoDataFrame(
        pd.concat(left_out, ignore_index=True), crs=found.crs
    )


def _compiled(
    others: list[gpd.GeoDataFrame], found: gpd.GeoDataFrame, match_iou: float, outline: Outline
) -> gpd.GeoDataFrame:
    if not others:
        records = start(found)
    else:
        records = start(others[0])
        for other in others[1:]:
            records = join(records, other, match_iou, "other")
        records = join(records, found, match_iou, outline)
    several = len({method for one in others for method in one["method"]}) > 1
    return records.assign(method=[method_of(methods, several) for methods in records["methods"]])


def _identified(records: gpd.GeoDataFrame, prefix: str) -> gpd.GeoDataFrame:
    """Records with unique ids, in their order; among equals the one first in the compilation keeps the plain id."""
    ids = [identifier(*where, prefix) for where in zip(records["longitude"], records["latitude"], strict=True)]
    result = conform(records.assign(id=made_unique(ids)), INVENTORY, records.crs)
    result["match_iou"] = result["match_iou"].round(4)
    return result.sort_values("id").reset_index(drop=True)
