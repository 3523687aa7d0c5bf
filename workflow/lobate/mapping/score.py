"""Scores the map against reference outlines, by pixels and by polygons, within the mapped area.

The network may have been trained on much of the reference. So all scores are given twice: on the whole mapped area, and on
ground outside all training patches and mined negatives.

Pixels are counted on the tiles' own grids. Tiles overlap; shared ground counts in the first tile only. Rows are processed
in blocks, so memory does not depend on a tile's height.

The cases (hits, misses, false alarms) are written as layers with styles for QGIS.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated
from xml.etree.ElementTree import Element

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.jsonfile import write_json
from lobate.io.mask_values import PROBABILITY_NODATA
from lobate.io.qgis.markup import element
from lobate.io.qgis.package import add_styles
from lobate.io.qgis.symbols import OutlineStyle, categorized_renderer, labeling, single_symbol_renderer
from lobate.io.raster import open_raster, row_blocks
from lobate.io.vector import LONLAT, geodesic_area_m2, read_layer, write_layers
from lobate.mapping.matching import (
    Matches,
    match_outlines,
    overlaps_any,
    polygon_scores,
    precision_recall_f1,
    ratio,
    touches_any,
)
from lobate.mapping.reference import Reference, known_outlines, read_reference, training_footprints
from lobate.mapping.valid_area import ValidArea, from_lonlat, valid_in_any
from lobate.settings.base import PolygonFile

log = logging.getLogger(__name__)

HIT_STYLE = OutlineStyle("", "found", "0,230,150,255", 0.6)

MISS_STYLE = OutlineStyle("", "missed", "86,190,255,255", 0.7, "dash")

FALSE_ALARM_STYLES = (
    OutlineStyle("wrong", "wrong: no outline is there", "255,90,220,255", 0.6),
    OutlineStyle("new", "new: overlaps an outline of the reference", "255,242,0,255", 0.6),
    OutlineStyle("known", "known: overlaps an outline given to labels", "255,176,0,255", 0.6),
    OutlineStyle("", "open: nobody knows yet", "255,255,255,255", 0.6, "dot"),
)
"""By the value of `account`, the paper's classes of detections without a matching reference outline."""

LABEL_SCALE = 100_000
"""Labels are shown at this map scale denominator and below."""


def score(
    detections: Annotated[Path, Input()],
    reference: Annotated[Path, Input()],
    probabilities: Annotated[list[Path], Input()],
    split: Annotated[Path, Input()],
    known: Annotated[Path, Input()],
    scores: Annotated[Path, Output()],
    cases: Annotated[Path, Output()],
    mined: Annotated[Path | None, Input()] = None,
    *,
    reference_file: Annotated[PolygonFile | None, Setting("mapping.reference")],
    match_iou: Annotated[float, Setting("mapping.match_iou")],
    landform: Annotated[str, Setting("landform")],
) -> None:
    """Write ``scores`` (JSON) and ``cases`` (layers `hits`, `misses`, `false_alarms`, EPSG:4326) of the kept detections.

    ``reference`` holds the outlines selected by ``reference_file``, or the cleaned labels when that is None. Reference
    outlines are clipped to the mapped area (where any of the ``probabilities`` has data); those outside are left out and
    counted. ``mined`` are the negatives in the training data of the chosen round. Raises UserError when no reference
    outline lies within the mapped area.
    """
    valid_areas = [ValidArea.of(probability) for probability in probabilities]
    frame, footprints = read_layer(detections, "kept"), training_footprints(split, mined)
    full_reference, own_reference = read_reference(reference, reference_file), reference_file is not None
    inside, reference_counts = _clip_to_mapped_area(full_reference, valid_areas, reference)
    detected, expected = _outlines_of(frame), _outlines_of(inside)
    matches = match_outlines(detected, expected)
    frame["unseen"], inside["unseen"] = ~touches_any(detected, footprints), ~touches_any(expected, footprints)
    frame["account"] = _classify_detections(detected, expected, known_outlines(known), own_reference=own_reference)
    pixels = pixel_counts(valid_areas, detected, _outlines_of(full_reference.outlines), footprints)
    result = {
        "landform": landform,
        "reference": reference_counts,
        "mapped_km2": round(pixels.mapped_km2, 4),
        "account": _count_account(frame["account"].tolist(), own_reference=own_reference),
        **_scores(pixels, matches, np.ones(len(detected), bool), np.ones(len(expected), bool), match_iou),
        "unseen": {
            "what": "outside all training patches" + (", mined negatives included" if mined else ""),
            **_scores(pixels, matches, _unseen_mask(frame), _unseen_mask(inside), match_iou, unseen=True),
        },
    }
    write_json(scores, result)
    write_layers(cases, _cases(frame, inside, matches, match_iou))
    add_styles(cases, case_styles())
    _log_scores(result, landform)


def _outlines_of(frame: gpd.GeoDataFrame) -> np.ndarray:
    return np.asarray(frame.to_crs(LONLAT).geometry.values, dtype=object)


def _unseen_mask(frame: gpd.GeoDataFrame) -> np.ndarray:
    return frame["unseen"].to_numpy(dtype=bool)


def _clip_to_mapped_area(
    reference: Reference, valid_areas: list[ValidArea], path: Path
) -> tuple[gpd.GeoDataFrame, dict[str, object]]:
    """Return the reference outlines clipped to the mapped area, and the numbers of all, clipped and left out ones."""
    outlines = _outlines_of(reference.outlines)
    clipped = valid_in_any(outlines, valid_areas)
    share = shapely.area(clipped) / shapely.area(outlines)
    mapped = share > 1e-6
    if not mapped.any():
        raise UserError(
            f"None of the {len(outlines)} reference outlines in {path} ({reference.description}) lies on the mapped area. Check their "
            "coordinate reference system, and that mapping.reference names outlines of this region."
        )
    inside = reference.outlines[mapped].set_geometry(
        gpd.GeoSeries(clipped[mapped], index=reference.outlines.index[mapped], crs=LONLAT)
    )
    counts = {
        "what": reference.description,
        "outlines": len(outlines) + reference.without_area,
        "without_area": reference.without_area,
        "outside_mapped_area": int((~mapped).sum()),
        "clipped_to_mapped_area": int((share[mapped] < 0.999).sum()),
        "scored": int(mapped.sum()),
    }
    return inside.reset_index(drop=True), counts


def _classify_detections(
    detected: np.ndarray, expected: np.ndarray, known: np.ndarray, *, own_reference: bool
) -> np.ndarray:
    """Return the paper's account of each detection: known, new or wrong; open without a reference of its own."""
    new_or_wrong = np.where(overlaps_any(detected, expected), "new", "wrong")
    rest = new_or_wrong if own_reference else np.full(len(detected), "open")
    return np.where(overlaps_any(detected, known), "known", rest).astype(object)


def _count_account(account: list[str], *, own_reference: bool) -> dict[str, object]:
    counts: dict[str, int | None] = {kind: account.count(kind) for kind in ("known", "new", "wrong", "open")}
    legend = "known: overlaps a positive outline given to labels; new: overlaps the reference only; wrong: neither"
    if not own_reference:
        counts |= {"new": None, "wrong": None}
        legend = (
            "known: overlaps a positive outline given to labels; open: the rest, which only a person (the review) or a "
            "reference of its own (mapping.reference) can tell into new and wrong"
        )
    return {**counts, "detections": len(account), "what": legend}


def _scores(
    pixels: PixelCounts,
    matches: Matches,
    detections: np.ndarray,
    references: np.ndarray,
    match_iou: float,
    *,
    unseen: bool = False,
) -> dict[str, object]:
    table = pixels.confusion(unseen=unseen)
    tp, fp, fn = table["true_positive"], table["false_positive"], table["false_negative"]
    pixel_scores = {
        **table,
        "iou": ratio(tp, tp + fp + fn),
        **precision_recall_f1(ratio(tp, tp + fp), ratio(tp, tp + fn)),
    }
    return {"pixels": pixel_scores, "polygons": polygon_scores(matches, detections, references, match_iou)}


def _cases(
    frame: gpd.GeoDataFrame, inside: gpd.GeoDataFrame, matches: Matches, match_iou: float
) -> dict[str, gpd.GeoDataFrame]:
    """Return hits and false alarms (detections) and misses (reference outlines) as layers."""
    matched = matches.above(match_iou)
    detections = frame[["detection", "mean", "account", "unseen", "geometry"]].to_crs(LONLAT)
    detections.insert(1, "area_m2", geodesic_area_m2(detections).round(1))
    detections.insert(1, "best_iou", matches.best_detection.round(4))
    hits = detections.iloc[matched.detection].drop(columns="best_iou")
    hits.insert(1, "iou", matched.iou.round(4))
    hits.insert(1, "reference", inside["reference"].to_numpy(dtype=object)[matched.reference])
    misses = inside.assign(best_iou=matches.best_reference.round(4), area_m2=geodesic_area_m2(inside).round(1))
    misses = misses.drop(index=misses.index[matched.reference])
    return {
        "hits": hits.sort_index(),
        "misses": misses[["reference", "best_iou", "area_m2", "unseen", "geometry"]],
        "false_alarms": detections.drop(index=detections.index[matched.detection]),
    }


def _log_scores(result: dict, landform: str) -> None:
    log.info("Reference: %s.", result["reference"]["what"])
    log.info(
        "%d of %d reference outlines lie outside the mapped area and are left out.",
        result["reference"]["outside_mapped_area"],
        result["reference"]["outlines"],
    )
    for area, scores in (("All mapped ground", result), ("Ground unseen in training", result["unseen"])):
        pixels, polygons = scores["pixels"], scores["polygons"]
        log.info(
            "%s, %s: pixel IoU %s; %s of %s detections right, %s of %s outlines found, F1 %s.",
            area,
            landform,
            *(pixels["iou"], polygons["right"], polygons["detections"]),
            *(polygons["found"], polygons["references"], polygons["f1"]),
        )


@dataclass(frozen=True)
class PixelCounts:
    """Mapped pixels by the outlines that cover them, ``counts[detected, reference, trained]`` (2, 2, 2), and their area."""

    counts: np.ndarray
    mapped_km2: float

    def confusion(self, *, unseen: bool = False) -> dict[str, int]:
        """Return the confusion matrix in pixels; with ``unseen`` outside all training footprints only."""
        table = self.counts[..., 0] if unseen else self.counts.sum(axis=-1)
        return {
            "true_positive": int(table[1, 1]),
            "false_positive": int(table[1, 0]),
            "false_negative": int(table[0, 1]),
            "true_negative": int(table[0, 0]),
        }


def pixel_counts(
    valid_areas: Sequence[ValidArea], detected: np.ndarray, reference: np.ndarray, trained: np.ndarray
) -> PixelCounts:
    """Count the pixels of all tiles by three layers of outlines (EPSG:4326) that cover their centres."""
    counts, mapped_m2 = np.zeros(8, dtype=np.int64), 0.0
    indexed = [(outlines, shapely.STRtree(outlines)) for outlines in (trained, reference, detected)]
    for number, valid_area in enumerate(valid_areas):
        near = [outlines[tree.query(valid_area.footprint)] for outlines, tree in indexed]
        layers = [_LocalOutlines.reproject(outlines, valid_area) for outlines in near]
        tile_counts = np.zeros(8, dtype=np.int64)
        with _first_seen_blocks(valid_area, valid_areas[:number]) as blocks:
            for grid, first_seen in blocks:
                code = reduce(np.bitwise_or, (layer.rasterize(grid) << bit for bit, layer in enumerate(layers)))
                tile_counts += np.bincount(code[first_seen], minlength=8)
        counts += tile_counts
        mapped_m2 += tile_counts.sum() * valid_area.grid.resolution_m**2
    return PixelCounts(counts.reshape(2, 2, 2), mapped_m2 / 1e6)


@dataclass(frozen=True)
class _LocalOutlines:
    """Outlines near a tile, in its CRS, with their bounds (n, 4)."""

    outlines: np.ndarray
    bounds: np.ndarray

    @classmethod
    def reproject(cls, outlines: np.ndarray, valid_area: ValidArea) -> _LocalOutlines:
        local = from_lonlat(outlines, valid_area.grid.crs)
        return cls(local, shapely.bounds(local).reshape(-1, 4))

    def rasterize(self, grid: Grid) -> np.ndarray:
        """Return 1 where an outline covers a pixel's centre, else 0; uint8 of the grid's shape."""
        left, bottom, right, top = grid.bounds
        west, south, east, north = self.bounds.T
        near = (west < right) & (east > left) & (south < top) & (north > bottom)
        if not near.any():
            return np.zeros(grid.shape, dtype=np.uint8)
        return rasterio.features.rasterize(
            self.outlines[near], out_shape=grid.shape, transform=grid.transform, dtype="uint8"
        )


@contextmanager
def _first_seen_blocks(
    valid_area: ValidArea, earlier: Sequence[ValidArea]
) -> Iterator[Iterator[tuple[Grid, np.ndarray]]]:
    """Give blocks of rows of a tile: their grid, and the pixels with data in this tile and in no earlier one (bool)."""
    neighbours = [tile for tile in earlier if shapely.intersects(tile.footprint, valid_area.footprint)]
    with ExitStack() as stack:
        dataset = stack.enter_context(open_raster(valid_area.probability))
        warped = [stack.enter_context(_warp_to_grid(tile, valid_area.grid)) for tile in neighbours]
        yield _iterate_blocks(dataset, warped, valid_area.grid)


def _iterate_blocks(
    dataset: DatasetReader, earlier: Sequence[WarpedVRT], grid: Grid
) -> Iterator[tuple[Grid, np.ndarray]]:
    for start, stop in row_blocks(grid.height):
        window = Window(0, start, grid.width, stop - start)
        first_seen = dataset.read(1, window=window) != PROBABILITY_NODATA
        for warped in earlier:
            first_seen &= warped.read(1, window=window) == PROBABILITY_NODATA
        yield grid.crop(start, 0, stop - start, grid.width), first_seen


@contextmanager
def _warp_to_grid(valid_area: ValidArea, grid: Grid) -> Iterator[WarpedVRT]:
    with (
        open_raster(valid_area.probability) as dataset,
        WarpedVRT(
            dataset,
            **grid.profile(),
            src_nodata=PROBABILITY_NODATA,
            nodata=PROBABILITY_NODATA,
            resampling=Resampling.nearest,
        ) as warped,
    ):
        yield warped


def case_styles() -> dict[str, list[Element]]:
    """Return the QGIS style of each layer of the cases."""
    return {
        "hits": [
            single_symbol_renderer(HIT_STYLE),
            labeling('format_number("iou", 2)', "0,230,150,255", LABEL_SCALE),
            element("mapTip", '[% "detection" %] is [% "reference" %], IoU [% format_number("iou", 2) %]'),
        ],
        "misses": [
            single_symbol_renderer(MISS_STYLE),
            labeling('"reference"', "86,190,255,255", LABEL_SCALE),
            element("mapTip", '[% "reference" %], best IoU [% format_number("best_iou", 2) %]'),
        ],
        "false_alarms": [
            categorized_renderer('"account"', FALSE_ALARM_STYLES),
            labeling('format_number("mean", 2)', "255,255,255,255", LABEL_SCALE),
            element("mapTip", '[% "detection" %]: [% "account" %], best IoU [% format_number("best_iou", 2) %]'),
        ],
    }
