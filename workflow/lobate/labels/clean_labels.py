"""clean-labels: hand-drawn outlines of any source become valid polygons with a class, a tile and unique ids.

Every outline that is left out stays in the layer ``removed`` with its reason. Places that a reviewer rejected come in as
negatives of the next round.

A file of positives may be one that lobate wrote, such as a reviewed inventory. The column ``origin`` then says which outlines
a person drew or mended, and which are a model's as they were. The test side takes none that came from a model.

The tile of a polygon is the image that covers most of it; of equal ones, that with its edge farthest away. Cover is measured
in each image's own CRS, where its footprint is an exact rectangle. One tree of all polygons is queried once for each image,
so work grows with the number of polygons that images show.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.decisions import REJECTED_FOLD, rejected_outlines, rejected_view
from lobate.io.grid import Grid
from lobate.io.origin import DRAWN, MENDED, UNMENDED
from lobate.io.raster import read_grid
from lobate.io.vector import LONLAT, write_layers
from lobate.labels.duplicates import cut_negatives, remove_duplicates
from lobate.labels.model_outlines import of_models, people_first, yield_to_people
from lobate.labels.outlines import read_outlines
from lobate.labels.repair import explode
from lobate.labels.reproject import lonlat_boxes, to_crs
from lobate.labels.table import areas_and_perimeters, deduplicate_ids, read_removed, remove_listed, set_reason
from lobate.labels.tile_grids import empty_raster
from lobate.settings.labels import Labels

log = logging.getLogger(__name__)

COLUMNS = ["polygon", "class", "source", "tile", "area_m2", "geometry"]
MAX_DEGREES = 10
"""No landform spans so many degrees of latitude, nor twice as many of longitude."""
SHARE_DIGITS = 6
"""Shares of cover that agree to so many digits are equal."""


def clean_labels(
    positives: Annotated[list[Path], Input()],
    images: Annotated[list[Path], Input(view=empty_raster)],
    polygons: Annotated[Path, Output()],
    negatives: Annotated[list[Path] | None, Input()] = None,
    removed: Annotated[Path | None, Input()] = None,
    decisions: Annotated[list[Path] | None, Input(view=rejected_view)] = None,
    drawn: Annotated[Path | None, Output()] = None,
    *,
    tiles: list[str],
    labels: Annotated[Labels, Setting("labels")],
) -> None:
    """Clean the outlines and assign each to a tile; ``tiles`` are the names of ``images``, in their order.

    The files are those of labels.positives and labels.negatives, in their order. Places that a reviewer rejected
    (``decisions``) are negative too.

    ``polygons`` gets the layers ``kept`` and ``removed`` in EPSG:4326, sorted by class and id. Their columns:
    ``polygon`` (unique id), ``class`` (positive or negative), ``source`` (file), ``tile`` (see ``best_tiles``),
    ``area_m2`` (geodesic); where ``labels.fold_field`` is set, ``fold`` (its value, or that the place was rejected);
    where a positive came from a model, ``origin`` (drawn, mended or model: see ``lobate.io.origin``);
    in ``removed`` also ``reason``, and ``listed`` for those in the user's list. A polygon's row depends on no outlines but
    those that it overlaps. ``drawn``, for the test side, gets the outlines that people drew, none of a model, mended or not,
    before any step that looks at their class. Raises UserError when a file cannot be used, or when no positive is left.
    """
    _check_counts(
        positives=(positives, labels.positives), negatives=(negatives or [], labels.negatives), images=(images, tiles)
    )
    rows = _read_all(positives, negatives or [], decisions or [], labels)
    grids = {name: read_grid(image) for name, image in zip(tiles, images, strict=True)}
    rows = remove_listed(rows, read_removed(removed) if removed else {})
    rows = _measure(rows, labels)
    rows = _assign_tiles(rows, grids)
    if drawn is not None:
        write_layers(drawn, {"drawn": _drawn_by_people(rows)})
    rows = yield_to_people(remove_duplicates(people_first(rows)))
    rows = cut_negatives(rows, labels.min_area_m2)
    rows = rows.sort_values(["class", "polygon"], ascending=[False, True], kind="stable")
    kept = rows["reason"] == ""
    _log_summary(rows, kept)
    _log_origins(rows[kept])
    _check_positives_left(rows, kept)
    columns = [*COLUMNS, *(["fold"] if labels.fold_field else []), *(["origin"] if of_models(rows).any() else [])]
    layers = {"kept": rows.loc[kept, columns], "removed": rows.loc[~kept, [*columns, "reason", "listed"]]}
    write_layers(polygons, {name: layer.reset_index(drop=True) for name, layer in layers.items()})


def _check_counts(**options: tuple[list[Path], Sequence[object]]) -> None:
    """Raise UserError unless each option has as many files as the option or setting beside it has entries."""
    for name, (paths, entries) in options.items():
        if len(paths) != len(entries):
            counterpart = "--tiles" if name == "images" else f"the setting labels.{name}"
            raise UserError(
                f"--{name} gives {len(paths)} files and {counterpart} names {len(entries)}. Give one for each, in the same "
                "order."
            )


def _read_all(positives: list[Path], negatives: list[Path], decisions: list[Path], labels: Labels) -> gpd.GeoDataFrame:
    """Return all outlines, positives first, rejected places last, as one table with unique ids, one row for each part."""
    fold = labels.fold_field
    tables = [
        read_outlines(path, file, "positive", fold) for path, file in zip(positives, labels.positives, strict=True)
    ]
    tables += [
        read_outlines(path, file, "negative", fold) for path, file in zip(negatives, labels.negatives, strict=True)
    ]
    tables += [table for path in decisions if len(table := read_rejected(path, decisions))]
    rows = pd.concat(tables, ignore_index=True)
    rows["outline"] = deduplicate_ids(rows["outline"], rows["source"])
    rows = explode(rows.assign(polygon=rows["outline"]))
    return rows.assign(polygon=deduplicate_ids(rows["polygon"], rows["source"]))


def read_rejected(path: Path, decisions: Sequence[Path]) -> gpd.GeoDataFrame:
    """Return the outlines rejected in one of the ``decisions`` files as rows of class negative, in EPSG:4326.

    Their ids are digests of the outlines, so a further decision renames none. Raises UserError for a file that is no
    decisions file.
    """
    outlines = shapely.normalize(rejected_outlines(path, decisions))
    names = [f"rejected_{hashlib.sha256(wkb).hexdigest()[:10]}" for wkb in shapely.to_wkb(outlines)]
    rows = {"outline": names, "class": "negative", "source": path.name, "reason": "", "fold": REJECTED_FOLD}
    rows["origin"] = UNMENDED
    return gpd.GeoDataFrame(rows, geometry=outlines, crs=LONLAT)


def _measure(rows: gpd.GeoDataFrame, labels: Labels) -> gpd.GeoDataFrame:
    """Return the rows with their areas, and a reason for slivers and for outlines too large for any landform."""
    west, south, east, north = rows.geometry.bounds.to_numpy().T
    past_pole = np.maximum(-south, north) > 90  # by less than a degree; the reader refuses files with others
    rows = rows.assign(geometry=rows.geometry.where(~past_pole))
    area, perimeter = areas_and_perimeters(rows.geometry)
    with np.errstate(invalid="ignore"):
        narrow = 2 * area / perimeter < labels.min_width_m
    rows = rows.assign(area_m2=area)
    reasons = {
        "reaches past a pole (is the file's CRS right?)": past_pole,
        "reaches over more degrees than any landform": (north - south > MAX_DEGREES) | (east - west > 2 * MAX_DEGREES),
        f"is smaller than {labels.min_area_m2:g} m2": area < labels.min_area_m2,
        f"is narrower than {labels.min_width_m:g} m": narrow,
    }
    for reason, condition in reasons.items():
        rows = set_reason(rows, condition, reason)
    return rows


def _drawn_by_people(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the usable outlines that no model drew, without their class, sorted by place.

    Places rejected in the review come from a model too.
    """
    usable = rows[(rows["reason"] == "") & (rows["origin"] == DRAWN)]
    order = np.argsort(shapely.to_wkb(shapely.normalize(np.array(usable.geometry.values, dtype=object)), hex=True))
    return usable.iloc[order][["polygon", "tile", "fold", "geometry"]].reset_index(drop=True)


def _assign_tiles(rows: gpd.GeoDataFrame, grids: dict[str, Grid]) -> gpd.GeoDataFrame:
    """Return the rows with their best tiles, and a reason for each polygon that lies on no image."""
    present = rows.geometry.notna().to_numpy()
    tile = np.full(len(rows), None, dtype=object)
    tile[present] = best_tiles(rows.geometry[present], grids)
    return set_reason(rows.assign(tile=tile), pd.isna(tile), "lies on no image")


def best_tiles(geometry: gpd.GeoSeries, tiles: dict[str, Grid]) -> np.ndarray:
    """Return the best tile's name for each polygon (in EPSG:4326), None where no image shows any of it; shape (n,)."""
    shapes = np.array(geometry.values, dtype=object)
    tree = shapely.STRtree(shapes)
    candidates = [np.zeros((0, 4))]
    for number, name in enumerate(sorted(tiles)):
        near = np.unique(tree.query(lonlat_boxes(tiles[name]))[1])
        share, edge_m = _coverage(shapes[near], tiles[name])
        on = share > 0
        columns = (near[on], -share[on].round(SHARE_DIGITS), -edge_m[on], np.full(on.sum(), number))
        candidates.append(np.column_stack(columns))
    return _first_by_polygon(np.concatenate(candidates), len(shapes), sorted(tiles))


def _coverage(shapes: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each polygon that the grid covers, and its distance from the grid's edge in metres; both (n,)."""
    projected = to_crs(shapes, grid)
    footprint = grid.footprint
    shapely.prepare(footprint)
    inside = shapely.covers(footprint, projected)
    share = inside.astype(float)
    crossing = ~inside & shapely.intersects(footprint, projected)
    within = shapely.intersection(projected[crossing], footprint)
    share[crossing] = shapely.area(within) / np.maximum(shapely.area(projected[crossing]), np.finfo(float).tiny)
    left, bottom, right, top = grid.bounds
    west, south, east, north = shapely.bounds(projected).reshape(-1, 4).T
    edge = np.minimum.reduce([west - left, south - bottom, right - east, top - north])
    return share, edge * grid.resolution_m / min(grid.resolution)


def _first_by_polygon(candidates: np.ndarray, count: int, names: list[str]) -> np.ndarray:
    """Return the tile of each polygon's first candidate, (count,), in the order of (share, edge, name).

    ``candidates``: (m, 4), a row each of polygon, negative share, negative distance from the edge, and the tile's number.
    """
    order = np.lexsort(candidates.T[::-1])
    polygons, first = np.unique(candidates[order, 0].astype(int), return_index=True)
    best = np.full(count, None, dtype=object)
    best[polygons] = np.array(names, dtype=object)[candidates[order][first, 3].astype(int)]
    return best


def _log_summary(rows: gpd.GeoDataFrame, kept: pd.Series) -> None:
    """Log a line for each file and class, with the number removed and the reasons, and one for each tile."""
    log.info("%-32s %-9s %7s %8s  %s", "file", "class", "kept", "removed", "why")
    for (source, kind), group in rows.groupby(["source", "class"], sort=False):
        _log_counts(source, kind, group, kept[group.index])
    for kind, group in rows.groupby("class", sort=False):
        _log_counts("all", kind, group, kept[group.index])
    for tile, count in rows["tile"][kept].value_counts().sort_index().items():
        log.info("tile %s: %d polygons kept", tile, count)


def _log_origins(kept: gpd.GeoDataFrame) -> None:
    """Log how many positives came from a model."""
    counts = kept["origin"][of_models(kept)].value_counts()
    if len(counts):
        log.warning(
            "%d positives are a model's outlines that nobody mended: they are taught, and never validate. %d more were mended by "
            "a person. The test side takes none of them.",
            *(counts.get(origin, 0) for origin in (UNMENDED, MENDED)),
        )


def _log_counts(source: str, kind: str, rows: gpd.GeoDataFrame, kept: pd.Series) -> None:
    reasons = _count_reasons(rows[~kept])
    log.info("%-32s %-9s %7d %8d  %s", source, kind, kept.sum(), (~kept).sum(), reasons)


def _count_reasons(removed: gpd.GeoDataFrame) -> str:
    """Return the general reasons with their counts, separated by semicolons."""
    return "; ".join(
        f"{count} {reason}" for reason, count in _general_reasons(removed).value_counts().sort_index().items()
    )


def _general_reasons(removed: gpd.GeoDataFrame) -> pd.Series:
    """Return the reasons without the ids in them, (n,), so that equal ones can be counted."""
    return removed["reason"].str.split(":").str[0].where(~removed["listed"], "in the list of removed outlines")


def _check_positives_left(rows: gpd.GeoDataFrame, kept: pd.Series) -> None:
    """Raise UserError when no positive is kept."""
    positive = rows["class"] == "positive"
    if not (kept & positive).any():
        raise UserError(
            f"None of the {positive.sum()} positive polygons is left ({_count_reasons(rows[positive])}). Check "
            "labels.positives against the images of imagery.tiles: right files, right CRS, same region?"
        )
