"""Merges the detections of all tiles into one layer: one polygon per body, however many tiles show it.

Neighbouring tiles overlap and may differ in CRS; all overlays are in EPSG:4326. Detections that overlap enough on the
ground of both their tiles are the parts of one body (`linking`).

The outline of a body is the union of its parts. A part is whole if it touches neither its tile's edge nor nodata. Where it
is linked to a cut one, the whole part alone counts on all ground of its tile. The statistics are pooled over the parts.
"""

from __future__ import annotations

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
from lobate.io.polygons import make_valid
from lobate.io.vector import LONLAT, geodesic_measures, read_layer, write_layers
from lobate.mapping.linking import TOLERANCE_DEG, Links, component_ids, cross_tile_pairs, overlap_ratio, touching_pairs
from lobate.mapping.valid_area import ValidArea, to_lonlat
from lobate.settings.mapping import Merge

log = logging.getLogger(__name__)

COLUMNS = ["detection", "mean", "median", "minimum", "deviation", "pixels", "touches_edge", "touches_nodata"]

SPREAD = "spread"
"""Column of the spread between several models, only in maps of more than one."""

MAX_EDGE_M = 100.0
"""Longer straight edges get vertices before they are reprojected, so that they stay in place."""


def merge_detections(
    detections: Annotated[list[Path], Input()],
    probabilities: Annotated[list[Path], Input()],
    merged: Annotated[Path, Output()],
    *,
    tiles: list[str],
    merge: Annotated[Merge, Setting("mapping.merge")],
) -> None:
    """Write layer `detections` of ``merged`` (EPSG:4326): one polygon per body, sorted from north to south.

    ``detections`` (layer `detections`, each in its tile's CRS) and ``probabilities`` are parallel to ``tiles``; their
    order does not matter. Columns: `detection` (d00001, ...), `parts` (the tiles' detections), `tiles` (those with a
    part), `seen_by` (those with data on this ground), `mean`, `median`, `minimum`, `deviation`, `spread` (between several
    models), `pixels`, `touches_edge` (of the whole mapped ground), `touches_nodata`, `area_m2`, `perimeter_m` (geodesic).
    """
    if not len(detections) == len(probabilities) == len(tiles):
        raise UserError(
            f"Merging needs one file of detections and one probability raster for each tile, but got {len(detections)} "
            f"and {len(probabilities)} for {len(tiles)} tiles. Name as many of each."
        )
    order = sorted(range(len(tiles)), key=lambda index: tiles[index])
    names = [tiles[index] for index in order]
    valid_areas = [ValidArea.of(probabilities[index]) for index in order]
    parts = _read_parts([detections[index] for index in order])
    links = _link_parts(parts, valid_areas, merge.min_overlap)
    body = component_ids(len(parts), links)
    frame = _add_ids_and_measures(_assemble(parts, names, valid_areas, links, body), names, valid_areas)
    log.info("%d detections of %d tiles are %d bodies.", len(parts), len(tiles), len(frame))
    undetected = (frame["tiles"] != frame["seen_by"]).sum()
    log.info("%d of them lie on ground where another tile has no detection; they are kept.", undetected)
    write_layers(merged, {"detections": frame})


def _read_parts(files: Sequence[Path]) -> gpd.GeoDataFrame:
    """Return all detections in EPSG:4326, with `tile_index`, the index of the file of each."""
    frames = []
    for index, file in enumerate(files):
        layer = read_layer(file, "detections")
        missing = [column for column in COLUMNS if column not in layer]
        if missing:
            raise UserError(
                f"The detections in {file}, layer detections, lack the fields {', '.join(missing)}. Make them with "
                "lobate vectorize."
            )
        densified = shapely.segmentize(np.asarray(layer.geometry.values, dtype=object), _max_edge(layer))
        columns = [*COLUMNS, SPREAD] if SPREAD in layer else COLUMNS
        outlines = make_valid(to_lonlat(densified, layer.crs))
        frames.append(layer[columns].assign(tile_index=index, geometry=outlines))
    empty = pd.DataFrame(columns=[*COLUMNS, "tile_index", "geometry"])
    parts = pd.concat(frames, ignore_index=True) if frames else empty
    parts = gpd.GeoDataFrame(parts, geometry="geometry", crs=LONLAT)
    return parts.sort_values(["tile_index", "detection"], kind="stable", ignore_index=True)


def _max_edge(layer: gpd.GeoDataFrame) -> float:
    """Return `MAX_EDGE_M` in the units of the layer's CRS."""
    return (
        MAX_EDGE_M / 111_000 if layer.crs.is_geographic else MAX_EDGE_M / layer.crs.axis_info[0].unit_conversion_factor
    )


def _link_parts(parts: gpd.GeoDataFrame, valid_areas: Sequence[ValidArea], min_overlap: float) -> Links:
    """Return the pairs of parts that overlap enough to be one body; log the number of pairs that overlap less."""
    outlines, tile = np.asarray(parts.geometry.values, dtype=object), parts["tile_index"].to_numpy(dtype=int)
    left, right = cross_tile_pairs(outlines, tile)
    footprints = np.array([valid_area.footprint for valid_area in valid_areas], dtype=object)
    share = overlap_ratio(outlines, tile, footprints, (left, right))
    linked = share >= min_overlap
    if (apart := ((share > 0) & ~linked).sum()) > 0:
        log.info(
            "%d pairs of detections of different tiles overlap by less than %g of the smaller and stay apart.",
            apart,
            min_overlap,
        )
    return left[linked], right[linked]


def _assemble(
    parts: gpd.GeoDataFrame, names: Sequence[str], valid_areas: Sequence[ValidArea], links: Links, body: np.ndarray
) -> gpd.GeoDataFrame:
    """Return one row per body with its outline, statistics, `parts`, `tiles` and whether it is still cut."""
    outlines, tile = np.asarray(parts.geometry.values, dtype=object), parts["tile_index"].to_numpy(dtype=int)
    edge, nodata = parts["touches_edge"].to_numpy(dtype=bool), parts["touches_nodata"].to_numpy(dtype=bool)
    pixels = parts["pixels"].to_numpy(dtype=float)
    own = clip_to_tile(outlines, edge | nodata, tile, valid_areas, links)
    area, own_area = shapely.area(outlines), shapely.area(own)
    weight = pixels * np.divide(own_area, area, out=np.zeros_like(area), where=area > 0)
    pixel_area = np.bincount(body, area) / np.bincount(body, pixels) if len(body) else np.zeros(0)
    members = members_by_body(body)
    united = dissolve(outlines, own, members, pixel_area)
    alone = np.bincount(body) == 1
    still_cut = np.where(alone, _any_part(body, edge), _any_part(body, edge) & _at_outer_edge(united, valid_areas))
    return gpd.GeoDataFrame(
        {
            "parts": _join_names(members, parts["detection"].to_numpy(dtype=object)),
            "tiles": _join_names(members, np.asarray(names, dtype=object)[tile]),
            **pooled_statistics(parts, weight, body),
            "pixels": (shapely.area(united) / pixel_area).round().astype(int),
            "touches_edge": still_cut,
            "touches_nodata": _any_part(body, nodata & (weight > 0)),
        },
        geometry=united,
        crs=LONLAT,
    )


def _any_part(body: np.ndarray, flags: np.ndarray) -> np.ndarray:
    return np.bincount(body, flags) > 0


def _join_names(members: Sequence[np.ndarray], names: np.ndarray) -> np.ndarray:
    return np.array([",".join(sorted(set(names[parts]))) for parts in members], dtype=object)


def _at_outer_edge(outlines: np.ndarray, valid_areas: Sequence[ValidArea]) -> np.ndarray:
    """Return whether each outline reaches, to half a pixel, the edge of all tiles together; bool (m,)."""
    edge = shapely.union_all([valid_area.footprint for valid_area in valid_areas]).boundary
    half_pixel = 0.5 * min((valid_area.grid.resolution_m for valid_area in valid_areas), default=0.0) / 111_000
    shapely.prepare(edge)
    return shapely.dwithin(edge, outlines, half_pixel)


def clip_to_tile(
    outlines: np.ndarray, cut: np.ndarray, tile: np.ndarray, valid_areas: Sequence[ValidArea], links: Links
) -> np.ndarray:
    """Return the contribution of each outline (n,) to its body: a cut one loses the ground of linked whole ones' tiles.

    ``cut`` (n,) marks outlines that touch an edge or nodata; ``tile`` (n,) is the index in ``valid_areas`` of each.
    """
    own = outlines.copy()
    pairs = np.concatenate([np.stack(links, axis=1), np.stack(links[::-1], axis=1)])
    pairs = pairs[cut[pairs[:, 0]] & ~cut[pairs[:, 1]]]
    for whole_tile in np.unique(tile[pairs[:, 1]]):
        clipped = np.unique(pairs[tile[pairs[:, 1]] == whole_tile, 0])
        own[clipped] = shapely.difference(own[clipped], valid_areas[whole_tile].valid_parts(outlines[clipped]))
    return own


def members_by_body(body: np.ndarray) -> list[np.ndarray]:
    """Return the indices of the parts of each body, in ascending order."""
    order = np.argsort(body, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(body[order])) + 1) if len(body) else []


def dissolve(
    outlines: np.ndarray, own: np.ndarray, members: Sequence[np.ndarray], pixel_area: np.ndarray
) -> np.ndarray:
    """Return one polygon per body (m,) from the contributions ``own`` (n,) of its ``members``.

    Where the union of contributions would have loose pieces, the whole ``outlines`` are united instead. Holes smaller than
    half a pixel (``pixel_area``, (m,), in the outlines' units) are artefacts of two pixel grids and are closed.
    """
    return np.array(
        [
            outlines[parts[0]] if len(parts) == 1 else _union(outlines[parts], own[parts], pixel / 2)
            for parts, pixel in zip(members, pixel_area, strict=True)
        ],
        dtype=object,
    )


def _union(outlines: np.ndarray, own: np.ndarray, smallest_hole: float) -> shapely.Geometry:
    united = shapely.union_all(own)
    if united.geom_type != "Polygon":
        united = shapely.union_all(own, grid_size=TOLERANCE_DEG)  # closes the seam of tiles that only abut
    if _is_loose(united):
        united = shapely.union_all(outlines, grid_size=TOLERANCE_DEG)
    pieces = [_without_small_holes(piece, smallest_hole) for piece in shapely.get_parts(united)]
    return pieces[0] if len(pieces) == 1 else shapely.MultiPolygon(pieces)


def _is_loose(outline: shapely.Geometry) -> bool:
    """Return whether an outline has pieces that do not touch, not even at a corner."""
    pieces = shapely.get_parts(outline)
    return len(pieces) > 1 and component_ids(len(pieces), touching_pairs(pieces)).max() > 0


def _without_small_holes(polygon: shapely.Polygon, smallest: float) -> shapely.Polygon:
    holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area >= smallest]
    return polygon if len(holes) == len(polygon.interiors) else shapely.Polygon(polygon.exterior, holes)


def pooled_statistics(parts: gpd.GeoDataFrame, weight: np.ndarray, body: np.ndarray) -> pd.DataFrame:
    """Return ``mean, median, minimum, deviation`` (of probability) per body, its parts weighted by ``weight`` pixels.

    Mean and deviation are those of all pixels together, ``var = sum w (sd^2 + mean^2) / sum w - mean^2``. The median is
    approximated by the weighted mean of the parts' medians. ``spread``, if the parts have it, is a weighted mean too, NaN
    where no part of a body has it.
    """
    parts = parts[weight > 0]
    body, weight = body[weight > 0], weight[weight > 0]
    mean = _weighted_mean(parts["mean"], weight, body)
    variance = _weighted_mean(parts["deviation"] ** 2 + parts["mean"] ** 2, weight, body) - mean**2
    statistics = {
        "mean": mean.round(6),
        "median": _weighted_mean(parts["median"], weight, body).round(6),
        "minimum": parts["minimum"].groupby(body).min().to_numpy(),
        "deviation": np.sqrt(np.clip(variance, 0, None)).round(6),
    }
    if "spread" in parts:
        statistics["spread"] = _weighted_mean(parts["spread"], weight, body).round(6)
    return pd.DataFrame(statistics)


def _weighted_mean(values: pd.Series, weight: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each body's values that are not NaN."""
    numbers = values.to_numpy(dtype=float)
    weight = np.where(np.isnan(numbers), 0, weight)
    total = np.bincount(body, weight)
    sums = np.bincount(body, weight * np.nan_to_num(numbers))
    return np.divide(sums, total, out=np.full(len(total), np.nan), where=total > 0)


def _add_ids_and_measures(
    frame: gpd.GeoDataFrame, names: Sequence[str], valid_areas: Sequence[ValidArea]
) -> gpd.GeoDataFrame:
    """Return the bodies sorted from north to south, with their ids, measures and `seen_by`."""
    bounds = shapely.bounds(frame.geometry.values).reshape(-1, 4)
    frame = frame.iloc[np.lexsort((bounds[:, 0], -bounds[:, 3]))].reset_index(drop=True)
    frame.insert(0, "detection", pd.Series([f"d{number:05d}" for number in range(1, len(frame) + 1)], dtype=object))
    frame.insert(3, "seen_by", _seen_by(frame, names, valid_areas))
    area, perimeter = geodesic_measures(frame)
    frame["area_m2"], frame["perimeter_m"] = area.round(3), perimeter.round(3)
    return frame[[*frame.columns.drop("geometry"), "geometry"]]


def _seen_by(frame: gpd.GeoDataFrame, names: Sequence[str], valid_areas: Sequence[ValidArea]) -> pd.Series:
    """Return the tiles that have a part of each body or data at a point within it, joined by commas."""
    points = shapely.point_on_surface(np.asarray(frame.geometry.values, dtype=object))
    seeing_tiles = [set(tiles.split(",")) for tiles in frame["tiles"]]
    tree = shapely.STRtree(points)
    for name, valid_area in zip(names, valid_areas, strict=True):
        within = np.sort(tree.query(valid_area.footprint, predicate="contains"))
        candidates = np.array([row for row in within if name not in seeing_tiles[row]], dtype=int)
        for row in candidates[valid_area.has_data_at(points[candidates])]:
            seeing_tiles[row].add(name)
    return pd.Series([",".join(sorted(tiles)) for tiles in seeing_tiles], index=frame.index, dtype=object)
