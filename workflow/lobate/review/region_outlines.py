"""The outlines that a region has besides its detections: hand-drawn ones, other inventories, calibrated contours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np

from lobate.errors import UserError
from lobate.inventory.sources import read_source, repair_outlines
from lobate.io.vector import LONLAT, read_polygons
from lobate.labels.outlines import read_outlines
from lobate.review.outline_layers import OutlineLayer
from lobate.settings import Region
from lobate.settings.base import PolygonFile


def read_context(region: Region, notes: list[str]) -> list[OutlineLayer]:
    """Return the layers of outlines that are there; what cannot be read is told in ``notes``."""
    layers = [_hand(region, notes), *_others(region, notes), _complete(region, notes), _contours(region)]
    return [layer for layer in layers if layer is not None and len(layer)]


def _hand(region: Region, notes: list[str]) -> OutlineLayer | None:
    """Return the outlines drawn by hand: as the workflow cleaned them, or before a run from their files."""
    cleaned = Path("results", region.region, "labels", "polygons.gpkg")
    if cleaned.exists():
        frame = read_polygons(cleaned, "kept").to_crs(LONLAT)
        return _layer("hand", "drawn by hand", frame, "polygon", "class")
    frames = []
    for kind, files in (("positive", region.labels.positives), ("negative", region.labels.negatives)):
        for file in files:
            if Path(file.path).exists():
                found = _tried(lambda file=file, kind=kind: read_outlines(Path(file.path), file, kind), notes)  # type: ignore[misc]
                frames += [] if found is None else [found[~(found.geometry.is_empty | found.geometry.isna())]]
    if not frames:
        return None
    merged = [_layer("hand", "drawn by hand", frame, "outline", "class") for frame in frames]
    return OutlineLayer(
        "hand",
        "drawn by hand",
        [name for layer in merged for name in layer.ids],
        np.concatenate([layer.shapes for layer in merged]),
        statuses=[status for layer in merged for status in layer.statuses],
        words=[words for layer in merged for words in layer.words],
    )


def _layer(id: str, title: str, frame: gpd.GeoDataFrame, name: str, status: str) -> OutlineLayer:
    statuses = frame[status].astype(str).tolist()
    names = frame[name].astype(str).tolist()
    words = [f"{status}: {name}" for status, name in zip(statuses, names, strict=True)]
    return OutlineLayer(id, title, names, np.asarray(frame.geometry.values), statuses=statuses, words=words)


def _others(region: Region, notes: list[str]) -> list[OutlineLayer | None]:
    return [_other(region, name, notes) for name in region.inventory.others]


def _other(region: Region, name: str, notes: list[str]) -> OutlineLayer | None:
    path = Path(region.inventory.others[name].path)
    if not path.exists():
        return None
    frame = _tried(lambda: repair_outlines(read_source(path, name, region.inventory.others))[0], notes)
    if frame is None:
        return None
    names = frame["source_id"].astype(str).tolist()
    words = [f"{name}: {told}" for told in (_told(row) for row in frame.drop(columns="geometry").to_dict("records"))]
    return OutlineLayer(f"other_{name}", f"inventory {name}", names, np.asarray(frame.geometry.values), words=words)


def _told(row: dict[str, object]) -> str:
    """Return what another inventory says of a landform."""
    facts = {"{}": row["source_id"], "{:.0f} cm a year": row.get("velocity"), "kinematics {}": row.get("kinematics")}
    facts["{} "] = row.get("activity")
    return ", ".join(text.format(value).strip() for text, value in facts.items() if _known(value))


def _known(value: object) -> bool:
    return value is not None and value == value and value != ""  # noqa: PLR0124 - NaN is unlike itself


def _complete(region: Region, notes: list[str]) -> OutlineLayer | None:
    path = region.labels.complete
    if not path or not Path(path).exists():
        return None
    frame = _tried(lambda: read_outlines(Path(path), PolygonFile(path=path), "positive"), notes)
    if frame is None:
        return None
    shapes = np.asarray(frame.geometry.values)
    names = [f"area {number}" for number in range(1, len(shapes) + 1)]
    return OutlineLayer("complete", "completely mapped", names, shapes, words=["completely mapped"] * len(shapes))


def _contours(region: Region) -> OutlineLayer | None:
    path = Path("results", region.region, "mapping", "contours.gpkg")
    if not path.exists():
        return None
    frame = read_polygons(path, "contours").to_crs(LONLAT)
    names = frame["detection"].astype(str).tolist()
    words = [f"contour at the calibrated {share} (no confidence interval)" for share in frame["share"]]
    shapes = np.asarray(frame.geometry.values)
    return OutlineLayer(
        "uncertain", "contours at the calibrated 0.25 and 0.75 (no confidence interval)", names, shapes, words=words
    )


def _tried(read: Callable[[], gpd.GeoDataFrame], notes: list[str]) -> gpd.GeoDataFrame | None:
    try:
        return read()
    except UserError as error:
        notes.append(str(error))
        return None
