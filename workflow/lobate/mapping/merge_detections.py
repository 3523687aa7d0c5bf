"""Detections of all tiles become one layer: one polygon per body, however many tiles saw it.

Neighbouring tiles overlap and may differ in CRS. Everything is laid over each other in EPSG:4326; detections that agree
on the ground two tiles share are one body (`overlap`), whose outline and statistics come from its parts (`unite`).

One outline and one set of statistics from the parts of a body that several tiles saw.

Where a whole part (touching neither its tile's edge nor nodata) is linked to a cut one, the whole one is taken for all
ground its tile sees; otherwise parts are united.
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
from lobate.io.vector import LONLAT, geodesic_measures, read_layer, write_layers
from lobate.mapping.linking import TOLERANCE_DEG, Links, component_ids, cross_tile_pairs, overlap_ratio, touching_pairs
from lobate.mapping.valid_area import ValidArea, to_lonlat
from lobate.settings.mapping import Merge


def clip_to_tile(
    outlines: np.ndarray, cut: np.ndarray, seat: np.ndarray, grounds: Sequence[ValidArea], links: Links
) -> np.ndarray:
    """Return what each outline (n,) adds to its body: a cut one loses the ground on which a whole neighbour is taken.

    ``cut`` (n,) tells which touch an edge or nodata, ``seat`` (n,) is the index of each one's tile in ``grounds``.
    """
    own = outlines.copy()
    pairs = np.concatenate([np.stack(links, axis=1), np.stack(links[::-1], axis=1)])
    pairs = pairs[cut[pairs[:, 0]] & ~cut[pairs[:, 1]]]
    for place in np.unique(seat[pairs[:, 1]]):
        losers = np.unique(pairs[seat[pairs[:, 1]] == place, 0])
        own[losers] = shapely.difference(own[losers], grounds[place].seen_parts(outlines[losers]))
    return own


def members_by_body(body: np.ndarray) -> list[np.ndarray]:
    """Return, for each body, the indices of its parts, in order."""
    order = np.argsort(body, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(body[order])) + 1) if len(body) else []


def dissolve(
    outlines: np.ndarray, own: np.ndarray, members: Sequence[np.ndarray], pixel_area: np.ndarray
) -> np.ndarray:
    """Return one polygon per body (m,) from the contributions ``own`` (n,) of its ``members``.

    Where contributions would leave loose pieces, the whole ``outlines`` are united instead. Holes smaller than half a
    pixel (``pixel_area``, (m,), in the outlines' units) come from laying two pixel grids over each other; they close.
    """
    return np.array(
        [
            outlines[which[0]] if len(which) == 1 else _union(outlines[which], own[which], pixel / 2)
            for which, pixel in zip(members, pixel_area, strict=True)
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
    """Return whether an outline has pieces that touch nowhere; those that meet at a corner are one body."""
    pieces = shapely.get_parts(outline)
    return len(pieces) > 1 and component_ids(len(pieces), touching_pairs(pieces)).max() > 0


def _without_small_holes(polygon: shapely.Polygon, smallest: float) -> shapely.Polygon:
    holes = [ring for ring in polygon.interiors if shapely.Polygon(ring).area >= smallest]
    return polygon if len(holes) == len(polygon.interiors) else shapely.Polygon(polygon.exterior, holes)


def pooled_statistics(parts: gpd.GeoDataFrame, weight: np.ndarray, body: np.ndarray) -> pd.DataFrame:
    """Return ``mean, median, minimum, deviation`` (of probability) per body, its parts weighted by ``weight`` pixels.

    The mean and the deviation are those of the pixels pooled, ``var = sum w (sd^2 + mean^2) / sum w - mean^2``; the
    median is the weighted mean of the parts' medians, since their pixels are no longer at hand. So is ``spread``, where
    the parts have it, NaN where none of a body's has.
    """
    parts = parts[weight > 0]
    body, weight = body[weight > 0], weight[weight > 0]
    mean = _pooled(parts["mean"], weight, body)
    variance = _pooled(parts["deviation"] ** 2 + parts["mean"] ** 2, weight, body) - mean**2
    facts = {
        "mean": mean.round(6),
        "median": _pooled(parts["median"], weight, body).round(6),
        "minimum": parts["minimum"].groupby(body).min().to_numpy(),
        "deviation": np.sqrt(np.clip(variance, 0, None)).round(6),
    }
    if "spread" in parts:
        facts["spread"] = _pooled(parts["spread"], weight, body).round(6)
    return pd.DataFrame(facts)


def _pooled(values: pd.Series, weight: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each body's values that are not NaN."""
    plain = values.to_numpy(dtype=float)
    weight = np.where(np.isnan(plain), 0, weight)
    total = np.bincount(body, weight)
    return np.divide(
        np.bincount(body, weight * np.nan_to_num(plain)), total, out=np.full(len(total), np.nan), where=total > 0
    )


log = logging.getLogger(__name__)

# Straight edges longer than this get vertices before they are reprojected, so that they stay in place.
LONGEST_M = 100.0
COLUMNS = ["detection", "mean", "median", "minimum", "deviation", "pixels", "touches_edge", "touches_nodata"]
SPREAD = "spread"  # between several models, where the map was made by more than one


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
    order does not matter. Columns: `detection` (d00001, ...), `parts` (the tiles' detections), `tiles` (that detected
    the body), `seen_by` (tiles that saw the ground, detected or not), `mean`, `median`, `minimum`, `deviation`,
    `spread` (between models, where there are several), `pixels`, `touches_edge` (of all the ground mapped),
    `touches_nodata`, `area_m2`, `perimeter_m` (geodesic).
    """
    if not len(detections) == len(probabilities) == len(tiles):
        raise UserError(
            f"Merging needs one file of detections and one probability raster for each tile, but got {len(detections)} "
            f"and {len(probabilities)} for {len(tiles)} tiles. Name as many of each."
        )
    order = sorted(range(len(tiles)), key=lambda seat: tiles[seat])
    names = [tiles[seat] for seat in order]
    grounds = [ValidArea.of(probabilities[seat]) for seat in order]
    parts = _read_parts([detections[seat] for seat in order])
    links = _links(parts, grounds, merge.min_overlap)
    body = component_ids(len(parts), links)
    frame = _describe(_assemble(parts, names, grounds, links, body), names, grounds)
    log.info("%d detections of %d tiles are %d bodies.", len(parts), len(tiles), len(frame))
    overlooked = (frame["tiles"] != frame["seen_by"]).sum()
    log.info("%d of them lie on ground that another tile saw without detecting them; they are kept.", overlooked)
    write_layers(merged, {"detections": frame})


def _read_parts(files: Sequence[Path]) -> gpd.GeoDataFrame:
    """Return all detections in EPSG:4326, with `seat`, the index of the file that each comes from."""
    frames = []
    for seat, file in enumerate(files):
        layer = read_layer(file, "detections")
        missing = [column for column in COLUMNS if column not in layer]
        if missing:
            raise UserError(
                f"The detections in {file}, layer detections, lack the fields {', '.join(missing)}. Make them with "
                "lobate vectorize."
            )
        straight = shapely.segmentize(np.asarray(layer.geometry.values, dtype=object), _longest(layer))
        told = [*COLUMNS, SPREAD] if SPREAD in layer else COLUMNS
        frames.append(layer[told].assign(seat=seat, geometry=_valid(to_lonlat(straight, layer.crs))))
    parts = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=[*COLUMNS, "seat", "geometry"])
    parts = gpd.GeoDataFrame(parts, geometry="geometry", crs=LONLAT)
    return parts.sort_values(["seat", "detection"], kind="stable", ignore_index=True)


def _longest(layer: gpd.GeoDataFrame) -> float:
    return LONGEST_M / 111_000 if layer.crs.is_geographic else LONGEST_M / layer.crs.axis_info[0].unit_conversion_factor


def _valid(outlines: np.ndarray) -> np.ndarray:
    bad = ~shapely.is_valid(outlines)
    outlines[bad] = shapely.make_valid(outlines[bad], method="structure", keep_collapsed=False)
    return outlines


def _links(parts: gpd.GeoDataFrame, grounds: Sequence[ValidArea], min_overlap: float) -> Links:
    """Return the pairs of parts that agree enough to be one body; those that meet but do not are told."""
    outlines, seat = np.asarray(parts.geometry.values, dtype=object), parts["seat"].to_numpy(dtype=int)
    left, right = cross_tile_pairs(outlines, seat)
    footprints = np.array([ground.footprint for ground in grounds], dtype=object)
    share = overlap_ratio(outlines, seat, footprints, (left, right))
    linked = share >= min_overlap
    if (apart := ((share > 0) & ~linked).sum()) > 0:
        log.info(
            "%d pairs of detections of different tiles overlap by less than %g of the smaller and stay apart.",
            apart,
            min_overlap,
        )
    return left[linked], right[linked]


def _assemble(
    parts: gpd.GeoDataFrame, names: Sequence[str], grounds: Sequence[ValidArea], links: Links, body: np.ndarray
) -> gpd.GeoDataFrame:
    """Return one row per body with its outline, statistics, `parts`, `tiles` and whether it is still cut."""
    outlines, seat = np.asarray(parts.geometry.values, dtype=object), parts["seat"].to_numpy(dtype=int)
    edge, nodata = parts["touches_edge"].to_numpy(dtype=bool), parts["touches_nodata"].to_numpy(dtype=bool)
    pixels = parts["pixels"].to_numpy(dtype=float)
    own = clip_to_tile(outlines, edge | nodata, seat, grounds, links)
    area, own_area = shapely.area(outlines), shapely.area(own)
    weight = pixels * np.divide(own_area, area, out=np.zeros_like(area), where=area > 0)
    pixel_area = np.bincount(body, area) / np.bincount(body, pixels) if len(body) else np.zeros(0)
    members = members_by_body(body)
    united = dissolve(outlines, own, members, pixel_area)
    alone = np.bincount(body) == 1
    still_cut = np.where(alone, _any(body, edge), _any(body, edge) & _at_outer_edge(united, grounds))
    return gpd.GeoDataFrame(
        {
            "parts": _joined(members, parts["detection"].to_numpy(dtype=object)),
            "tiles": _joined(members, np.asarray(names, dtype=object)[seat]),
            **pooled_statistics(parts, weight, body),
            "pixels": (shapely.area(united) / pixel_area).round().astype(int),
            "touches_edge": still_cut,
            "touches_nodata": _any(body, nodata & (weight > 0)),
        },
        geometry=united,
        crs=LONLAT,
    )


def _any(body: np.ndarray, flags: np.ndarray) -> np.ndarray:
    return np.bincount(body, flags) > 0


def _joined(members: Sequence[np.ndarray], words: np.ndarray) -> np.ndarray:
    return np.array([",".join(sorted(set(words[which]))) for which in members], dtype=object)


def _at_outer_edge(outlines: np.ndarray, grounds: Sequence[ValidArea]) -> np.ndarray:
    """Return whether each outline reaches, to half a pixel, the edge of the ground of all tiles together; bool (m,)."""
    rim = shapely.union_all([ground.footprint for ground in grounds]).boundary
    half_pixel = 0.5 * min((ground.grid.resolution_m for ground in grounds), default=0.0) / 111_000
    shapely.prepare(rim)
    return shapely.dwithin(rim, outlines, half_pixel)


def _describe(frame: gpd.GeoDataFrame, names: Sequence[str], grounds: Sequence[ValidArea]) -> gpd.GeoDataFrame:
    """Return the bodies sorted by place, with their ids, measures and `seen_by`."""
    bounds = shapely.bounds(frame.geometry.values).reshape(-1, 4)
    frame = frame.iloc[np.lexsort((bounds[:, 0], -bounds[:, 3]))].reset_index(drop=True)
    frame.insert(0, "detection", pd.Series([f"d{number:05d}" for number in range(1, len(frame) + 1)], dtype=object))
    frame.insert(3, "seen_by", _seen_by(frame, names, grounds))
    area, perimeter = geodesic_measures(frame)
    frame["area_m2"], frame["perimeter_m"] = area.round(3), perimeter.round(3)
    return frame[[*frame.columns.drop("geometry"), "geometry"]]


def _seen_by(frame: gpd.GeoDataFrame, names: Sequence[str], grounds: Sequence[ValidArea]) -> pd.Series:
    """Return the tiles that detected a body or see a point within it, joined by commas."""
    points = shapely.point_on_surface(np.asarray(frame.geometry.values, dtype=object))
    seen = [set(tiles.split(",")) for tiles in frame["tiles"]]
    tree = shapely.STRtree(points)
    for name, ground in zip(names, grounds, strict=True):
        within = np.sort(tree.query(ground.footprint, predicate="contains"))
        others = np.array([row for row in within if name not in seen[row]], dtype=int)
        for row in others[ground.has_data_at(points[others])]:
            seen[row].add(name)
    return pd.Series([",".join(sorted(some)) for some in seen], index=frame.index, dtype=object)
