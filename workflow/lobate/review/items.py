"""The things that a person decides about: the detections, removed ones, candidates of mining; one table each, by id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.inventory.detections import ATTRIBUTES, read_pending, read_removed
from lobate.io.decisions import CONFIRMED
from lobate.io.vector import LONLAT, geodesic_area_m2, read_polygons
from lobate.review.decisions_file import KeptDecision
from lobate.review.planes import Plane
from lobate.settings import Region

DETECTIONS, REMOVED, CANDIDATES = "detections", "removed", "candidates"
EMPTY = gpd.GeoDataFrame({"detection": []}, geometry=[], crs=LONLAT)
SEEN_DECIMALS = 7
"""Decimals of the degrees of an outline as it was shown, as in the review sheet."""


Elsewhere = tuple[str, dict[str, str | None], str, str, shapely.Geometry]
"""A decision of another file: status, attributes, reviewer, remark and outline."""


@dataclass
class Item:
    """One thing to decide: the outline that is shown (``shape``, EPSG:4326), its facts, and what was decided about it.

    ``origin`` is the model's own outline, None for one that a person drew. ``version`` grows with each decision.
    """

    id: str
    shape: shapely.Geometry
    origin: shapely.Geometry | None
    plane: str = ""
    tile: str = ""
    confidence: float | None = None
    uncertainty: float | None = None
    area_m2: float = 0.0
    status: str = "pending"
    attributes: dict[str, str | None] = field(default_factory=dict)
    remark: str = ""
    reviewer: str = ""
    version: int = 0
    row: int | None = None
    """Number of the row about it in the file of decisions."""
    in_inventory: bool = False
    words: str = ""
    reason: str = ""
    conflict: bool = False
    elsewhere: Elsewhere | None = None
    """What another file of decisions says, which stands until something is decided here."""

    def forget(self) -> None:
        """Be undecided again, as the run made it."""
        self.status, self.remark, self.reviewer, self.version, self.row, self.conflict = (
            "pending",
            "",
            "",
            0,
            None,
            False,
        )
        self.attributes = dict.fromkeys(ATTRIBUTES)
        if self.origin is not None:
            self.set_shape(self.origin)
        if self.elsewhere is not None:
            self.lay_elsewhere(*self.elsewhere)

    def lay_elsewhere(
        self, status: str, attributes: dict[str, str | None], reviewer: str, remark: str, outline: shapely.Geometry
    ) -> None:
        """Take what another file of decisions says of it."""
        self.elsewhere = (status, attributes, reviewer, remark, outline)
        self.status, self.reviewer, self.remark = status, reviewer, remark
        self.attributes = {**dict.fromkeys(ATTRIBUTES), **attributes}
        self.set_shape(outline if status in CONFIRMED else self.seen)

    def lay(self, row: KeptDecision) -> None:
        """Take what a row of the file of decisions says of it."""
        self.status, self.attributes = row.status, {name: row.words.get(name) for name in ATTRIBUTES}
        self.remark, self.reviewer = row.remark, row.reviewer
        self.version, self.row, self.conflict = row.version, row.row, bool(row.statements)
        confirmed = row.status in CONFIRMED or self.origin is None
        self.set_shape(row.outline if confirmed else self.seen)

    def set_shape(self, shape: shapely.Geometry) -> None:
        """Show another outline."""
        if shape is not self.shape and not shape.equals_exact(self.shape, 0.0):
            self.shape = shape
            self.area_m2 = area_m2(shape)

    @property
    def seen(self) -> shapely.Geometry:
        """The outline that the decision is about."""
        return self.shape if self.origin is None else self.origin


def read_lists(region: Region) -> dict[str, list[Item]]:
    """Return the detections, the removed ones and the candidates of a region's latest run; empty before a run.

    Raises UserError for a file that another program made.
    """
    detections = Path("results", region.region, "mapping", "detections.gpkg")
    kept, removed = EMPTY, EMPTY
    if detections.exists():
        kept, removed = read_pending(detections), read_removed(detections)
    applied = _in_inventory(region)
    lists = {
        DETECTIONS: _items(kept.sort_values(["confidence", "detection"]) if len(kept) else kept),
        REMOVED: _items(removed),
        CANDIDATES: _items(_candidates(region)),
    }
    for item in lists[DETECTIONS]:
        item.in_inventory = item.id in applied
    return lists


def _in_inventory(region: Region) -> set[str]:
    """Return the detections whose decision, or none, is in the compiled inventory."""
    path = Path("results", region.region, "inventory", "inventory.gpkg")
    if not path.exists():
        return set()
    sources = read_polygons(path, "inventory")["sources"].dropna()
    return {name.removeprefix("reviewed:") for text in sources for name in str(text).split(";")}


def _candidates(region: Region) -> gpd.GeoDataFrame:
    """Return the candidates of mining of all rounds, those of the latest round first."""
    folder = Path("results", region.region, "training")
    files = sorted(folder.glob("round_*/candidates.gpkg"), key=lambda path: -int(path.parent.name.rpartition("_")[2]))
    frames = [frame for file in files if len(frame := read_polygons(file, "review").to_crs(LONLAT))]
    if not frames:
        return EMPTY
    table = pd.concat(frames, ignore_index=True).drop_duplicates("detection")
    return gpd.GeoDataFrame(table, geometry="geometry", crs=LONLAT)


def _items(frame: gpd.GeoDataFrame) -> list[Item]:
    areas = np.round(geodesic_area_m2(frame), 1).tolist() if len(frame) else []
    columns = {name: frame[name].tolist() for name in frame.columns if name != "geometry"}
    items = []
    for number, shape in enumerate(np.asarray(frame.geometry.values, dtype=object)):
        row = {name: values[number] for name, values in columns.items()}
        confidence = _number(row.get("confidence", row.get("mean")))
        items.append(
            Item(
                id=str(row["detection"]),
                shape=shape,
                origin=shape,
                confidence=confidence,
                uncertainty=_number(row.get("deviation")),
                area_m2=areas[number],
                attributes=dict.fromkeys(ATTRIBUTES),
                reason=str(row.get("reason") or ""),
                words=_words(row),
            )
        )
    return items


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else round(float(value), 4)


def _words(row: Mapping[str, Any]) -> str:
    """Return what the model and the filters say of a detection."""
    facts = {
        "left out: {}": row.get("reason"),
        "lowest point {:.0f} m": row.get("elevation_min_m"),
        "mean slope {:.0f} degrees": row.get("slope_mean_deg"),
    }
    told = [text.format(value) for text, value in facts.items() if value is not None and not pd.isna(value)]
    return "; ".join([*told, *["touches the edge of the images"] * (row.get("touches_edge") is True)])


def area_m2(shape: shapely.Geometry) -> float:
    """Return the geodesic area of an outline in EPSG:4326."""
    return round(float(geodesic_area_m2(gpd.GeoSeries([shape], crs=LONLAT))[0]), 1)


class OnGround(Protocol):
    """Something with a shape in EPSG:4326 that a plane and a tile show."""

    plane: str
    tile: str

    @property
    def shape(self) -> shapely.Geometry:
        """The shape."""


def place(
    items: Iterable[Item] | Iterable[OnGround], planes: Mapping[str, Plane], footprints: Mapping[str, np.ndarray]
) -> None:
    """Set plane and tile of items: those of the tile that shows the most of it, then the one it lies deepest in.

    ``footprints``: tile -> its ground in EPSG:4326, as an array of one shape.
    """
    listed = list(items)
    if not listed or not footprints:
        return
    names = list(footprints)
    ground = np.array([footprints[name][0] for name in names], dtype=object)
    shapes = np.array([item.shape for item in listed], dtype=object)
    plane_of = {tile: plane.id for plane in planes.values() for tile in plane.tiles}
    best: dict[int, tuple[float, float, str]] = {}
    shapely.prepare(ground)
    outlines, tiles = shapely.STRtree(ground).query(shapes, predicate="intersects")
    inside = shapely.contains_properly(ground[tiles], shapes[outlines])
    centres = shapely.centroid(shapes)
    for outline, tile, whole in zip(outlines.tolist(), tiles.tolist(), inside.tolist(), strict=True):
        share = 1.0 if whole else _share(shapes[outline], ground[tile])
        depth = shapely.distance(shapely.boundary(ground[tile]), centres[outline]) if len(tiles) > len(listed) else 0.0
        rank = (round(share, 6), depth, names[tile])
        best[outline] = max(best.get(outline, (-1.0, 0.0, "")), rank)
    for number, item in enumerate(listed):
        item.tile = best[number][2] if number in best else ""
        item.plane = plane_of.get(item.tile, next(iter(planes)))


def _share(shape: shapely.Geometry, ground: shapely.Geometry) -> float:
    return float(shapely.area(shapely.intersection(shape, ground)) / max(shapely.area(shape), 1e-15))


@dataclass(frozen=True)
class Wanted:
    """The filters and the order of a list."""

    status: tuple[str, ...] = ()
    min_confidence: float | None = None
    max_confidence: float | None = None
    min_area: float | None = None
    max_area: float | None = None
    tile: str = ""
    search: str = ""
    sort: str = ""
    descending: bool = False

    def __post_init__(self) -> None:
        if self.sort and self.sort not in SORTS:
            raise UserError(f"A list cannot be sorted by {self.sort!r}; it can be by {', '.join(SORTS)}.")

    def chosen(self, items: Sequence[Item]) -> list[Item]:
        """Return the items that pass the filters, in order; unknown values come last."""
        found = [item for item in items if self._passes(item)]
        if not self.sort:
            return found
        key = SORTS[self.sort]
        known = [item for item in found if key(item) is not None]
        rest = [item for item in found if key(item) is None]
        return [*sorted(known, key=key, reverse=self.descending), *rest]

    def _passes(self, item: Item) -> bool:
        return (
            (not self.status or item.status in self.status)
            and _within(item.confidence, self.min_confidence, self.max_confidence)
            and _within(item.area_m2, self.min_area, self.max_area)
            and (not self.tile or item.tile == self.tile)
            and (not self.search or self._is_found(item))
        )

    def _is_found(self, item: Item) -> bool:
        text = self.search.casefold()
        return any(text in field.casefold() for field in (item.id, item.remark, item.reason, item.reviewer))


def _within(value: float | None, low: float | None, high: float | None) -> bool:
    if value is None:
        return low is None and high is None
    return (low is None or value >= low) and (high is None or value <= high)


SORTS: dict[str, Any] = {
    "id": lambda item: item.id,
    "status": lambda item: item.status,
    "confidence": lambda item: item.confidence,
    "area": lambda item: item.area_m2,
    "uncertainty": lambda item: item.uncertainty,
    "tile": lambda item: item.tile or None,
    "reviewer": lambda item: item.reviewer or None,
    "reason": lambda item: item.reason or None,
}
"""Name of an order -> the value to sort by, None where it is unknown."""
