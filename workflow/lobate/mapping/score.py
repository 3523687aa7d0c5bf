"""How good the map is: pixels and polygons against a reference, within the mapped area, and told honestly.

Most of what a reference holds may have been shown to the network in training; so everything is told twice, on all of
the mapped area and on ground that no patch covered, neither of the training side nor of the negatives that were mined.

How QGIS shows the score's cases: what was found, what was missed, and what was found wrongly.

Pixels of detections against pixels of reference outlines, on the tiles' own grids, each piece of ground once.

Tiles overlap: ground that several tiles see counts in the first of them only. Everything goes by bands of rows, so
memory does not depend on a tile's height.
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
from lobate.io.qgis.symbols import OutlineStyle, alike, categories, labels
from lobate.io.raster import open_raster, row_bands
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

HIT = OutlineStyle("", "found", "0,230,150,255", 0.6)
MISS = OutlineStyle("", "missed", "86,190,255,255", 0.7, "dash")
FALSE_ALARM_STYLES = (
    OutlineStyle("wrong", "wrong: no outline is there", "255,90,220,255", 0.6),
    OutlineStyle("new", "new: overlaps an outline of the reference", "255,242,0,255", 0.6),
    OutlineStyle("known", "known: overlaps an outline given to labels", "255,176,0,255", 0.6),
    OutlineStyle("", "open: nobody knows yet", "255,255,255,255", 0.6, "dot"),
)
"""Detections that match no reference outline well enough, by the paper's account."""

LABELLED_FROM = 100_000
"""Labels are shown from this scale on."""


def case_styles() -> dict[str, list[Element]]:
    """Return the style of each layer of the score's cases."""
    return {
        "hits": [
            alike(HIT),
            labels('format_number("iou", 2)', "0,230,150,255", LABELLED_FROM),
            element("mapTip", '[% "detection" %] is [% "reference" %], IoU [% format_number("iou", 2) %]'),
        ],
        "misses": [
            alike(MISS),
            labels('"reference"', "86,190,255,255", LABELLED_FROM),
            element("mapTip", '[% "reference" %], best IoU [% format_number("best_iou", 2) %]'),
        ],
        "false_alarms": [
            categories('"account"', FALSE_ALARM_STYLES),
            labels('format_number("mean", 2)', "255,255,255,255", LABELLED_FROM),
            element("mapTip", '[% "detection" %]: [% "account" %], best IoU [% format_number("best_iou", 2) %]'),
        ],
    }


@dataclass(frozen=True)
class PixelCounts:
    """Mapped pixels by what covers them: ``counts[detected, reference, trained]`` (2, 2, 2), and their ground."""

    counts: np.ndarray
    mapped_km2: float

    def confusion(self, *, unseen: bool = False) -> dict[str, int]:
        """Return counts of pixels; with ``unseen`` those outside all training footprints only."""
        table = self.counts[..., 0] if unseen else self.counts.sum(axis=-1)
        return {
            "true_positive": int(table[1, 1]),
            "false_positive": int(table[1, 0]),
            "false_negative": int(table[0, 1]),
            "true_negative": int(table[0, 0]),
        }


def pixel_counts(
    grounds: Sequence[ValidArea], detected: np.ndarray, reference: np.ndarray, trained: np.ndarray
) -> PixelCounts:
    """Count the pixels of all tiles by three layers of outlines (EPSG:4326); a pixel is covered when its centre is."""
    counts, mapped_m2 = np.zeros(8, dtype=np.int64), 0.0
    drawn = [(outlines, shapely.STRtree(outlines)) for outlines in (trained, reference, detected)]
    for seat, ground in enumerate(grounds):
        layers = [_Layer.on(ground, outlines[tree.query(ground.footprint)]) for outlines, tree in drawn]
        own = np.zeros(8, dtype=np.int64)
        with _fresh_bands(ground, grounds[:seat]) as bands:
            for grid, fresh in bands:
                code = reduce(np.bitwise_or, (layer.burn(grid) << place for place, layer in enumerate(layers)))
                own += np.bincount(code[fresh], minlength=8)
        counts += own
        mapped_m2 += own.sum() * ground.grid.resolution_m**2
    return PixelCounts(counts.reshape(2, 2, 2), mapped_m2 / 1e6)


@dataclass(frozen=True)
class _Layer:
    """Outlines near a tile, in its CRS, with their bounds (n, 4)."""

    outlines: np.ndarray
    bounds: np.ndarray

    @classmethod
    def on(cls, ground: ValidArea, outlines: np.ndarray) -> _Layer:
        local = from_lonlat(outlines, ground.grid.crs)
        return cls(local, shapely.bounds(local).reshape(-1, 4))

    def burn(self, grid: Grid) -> np.ndarray:
        """Return 1 where an outline covers a pixel's centre, else 0; uint8 of the grid's shape."""
        left, bottom, right, top = grid.bounds
        box = self.bounds
        near = (box[:, 0] < right) & (box[:, 2] > left) & (box[:, 1] < top) & (box[:, 3] > bottom)
        if not near.any():
            return np.zeros(grid.shape, dtype=np.uint8)
        return rasterio.features.rasterize(
            self.outlines[near], out_shape=grid.shape, transform=grid.transform, dtype="uint8"
        )


@contextmanager
def _fresh_bands(ground: ValidArea, earlier: Sequence[ValidArea]) -> Iterator[Iterator[tuple[Grid, np.ndarray]]]:
    """Give bands of rows of a tile: their grid, and which pixels this tile sees and no earlier one does (bool)."""
    neighbours = [other for other in earlier if shapely.intersects(other.footprint, ground.footprint)]
    with ExitStack() as stack:
        dataset = stack.enter_context(open_raster(ground.probability))
        others = [stack.enter_context(_on_grid(other, ground.grid)) for other in neighbours]
        yield _bands(dataset, others, ground.grid)


def _bands(dataset: DatasetReader, others: Sequence[WarpedVRT], grid: Grid) -> Iterator[tuple[Grid, np.ndarray]]:
    for start, stop in row_bands(grid.height):
        window = Window(0, start, grid.width, stop - start)
        fresh = dataset.read(1, window=window) != PROBABILITY_NODATA
        for other in others:
            fresh &= other.read(1, window=window) == PROBABILITY_NODATA
        yield grid.crop(start, 0, stop - start, grid.width), fresh


@contextmanager
def _on_grid(other: ValidArea, grid: Grid) -> Iterator[WarpedVRT]:
    with (
        open_raster(other.probability) as dataset,
        WarpedVRT(
            dataset,
            **grid.profile(),
            src_nodata=PROBABILITY_NODATA,
            nodata=PROBABILITY_NODATA,
            resampling=Resampling.nearest,
        ) as warped,
    ):
        yield warped


log = logging.getLogger(__name__)


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

    ``reference`` is read as ``reference_file`` says, or is the cleaned labels when that is None. Reference outlines are
    clipped to the mapped area (where any of the ``probabilities`` has a value); those outside are left out and counted.
    ``mined`` are the negatives that the chosen round was trained with. UserError when no reference lies within the area.
    """
    grounds = [ValidArea.of(probability) for probability in probabilities]
    frame, footprints = read_layer(detections, "kept"), training_footprints(split, mined)
    truth = read_reference(reference, reference_file)
    inside, account_of_reference = _clipped(truth, grounds, reference)
    found, there = _plain(frame), _plain(inside)
    matches = match_outlines(found, there)
    frame["unseen"], inside["unseen"] = ~touches_any(found, footprints), ~touches_any(there, footprints)
    frame["account"] = _account(found, there, known_outlines(known), judged=reference_file is not None)
    pixels = pixel_counts(grounds, found, _plain(truth.outlines), footprints)
    result = {
        "landform": landform,
        "reference": account_of_reference,
        "mapped_km2": round(pixels.mapped_km2, 4),
        "account": _counted(frame["account"].tolist(), judged=reference_file is not None),
        **_scores(pixels, matches, np.ones(len(found), bool), np.ones(len(there), bool), match_iou),
        "unseen": {
            "what": "outside all training patches" + (", mined negatives included" if mined else ""),
            **_scores(pixels, matches, _flags(frame), _flags(inside), match_iou, unseen=True),
        },
    }
    write_json(scores, result)
    write_layers(cases, _cases(frame, inside, matches, match_iou))
    add_styles(cases, case_styles())
    _tell(result, landform)


def _plain(frame: gpd.GeoDataFrame) -> np.ndarray:
    return np.asarray(frame.to_crs(LONLAT).geometry.values, dtype=object)


def _flags(frame: gpd.GeoDataFrame) -> np.ndarray:
    return frame["unseen"].to_numpy(dtype=bool)


def _clipped(truth: Reference, grounds: list[ValidArea], path: Path) -> tuple[gpd.GeoDataFrame, dict[str, object]]:
    """Return the reference outlines clipped to the mapped area, and how many were given, clipped and left out."""
    outlines = _plain(truth.outlines)
    seen = valid_in_any(outlines, grounds)
    share = shapely.area(seen) / shapely.area(outlines)
    mapped = share > 1e-6
    if not mapped.any():
        raise UserError(
            f"None of the {len(outlines)} reference outlines in {path} ({truth.what}) lies on the mapped area. Check their "
            "coordinate reference system, and that mapping.reference names outlines of this region."
        )
    inside = truth.outlines[mapped].set_geometry(
        gpd.GeoSeries(seen[mapped], index=truth.outlines.index[mapped], crs=LONLAT)
    )
    told = {
        "what": truth.what,
        "outlines": len(outlines) + truth.unusable,
        "without_area": truth.unusable,
        "outside_mapped_area": int((~mapped).sum()),
        "clipped_to_mapped_area": int((share[mapped] < 0.999).sum()),
        "scored": int(mapped.sum()),
    }
    return inside.reset_index(drop=True), told


def _account(found: np.ndarray, there: np.ndarray, known: np.ndarray, *, judged: bool) -> np.ndarray:
    """Return the paper's account of each detection: known, new or wrong; open where nothing can tell new from wrong."""
    rest = np.where(overlaps_any(found, there), "new", "wrong") if judged else np.full(len(found), "open")
    return np.where(overlaps_any(found, known), "known", rest).astype(object)


def _counted(account: list[str], *, judged: bool) -> dict[str, object]:
    counts: dict[str, int | None] = {kind: account.count(kind) for kind in ("known", "new", "wrong", "open")}
    what = "known: overlaps a positive outline given to labels; new: overlaps the reference only; wrong: neither"
    if not judged:
        counts |= {"new": None, "wrong": None}
        what = (
            "known: overlaps a positive outline given to labels; open: the rest, which only a person (the review) or a "
            "reference of its own (mapping.reference) can tell into new and wrong"
        )
    return {**counts, "detections": len(account), "what": what}


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
    hit, alarm, miss = table["true_positive"], table["false_positive"], table["false_negative"]
    by_pixel = {
        **table,
        "iou": ratio(hit, hit + alarm + miss),
        **precision_recall_f1(ratio(hit, hit + alarm), ratio(hit, hit + miss)),
    }
    return {"pixels": by_pixel, "polygons": polygon_scores(matches, detections, references, match_iou)}


def _cases(
    frame: gpd.GeoDataFrame, inside: gpd.GeoDataFrame, matches: Matches, match_iou: float
) -> dict[str, gpd.GeoDataFrame]:
    """Return hits and false alarms (detections) and misses (reference outlines) as layers to look at in QGIS."""
    right = matches.above(match_iou)
    told = frame[["detection", "mean", "account", "unseen", "geometry"]].to_crs(LONLAT)
    told.insert(1, "area_m2", geodesic_area_m2(told).round(1))
    told.insert(1, "best_iou", matches.best_detection.round(4))
    hits = told.iloc[right.detection].drop(columns="best_iou")
    hits.insert(1, "iou", right.iou.round(4))
    hits.insert(1, "reference", inside["reference"].to_numpy(dtype=object)[right.reference])
    missed = inside.assign(best_iou=matches.best_reference.round(4), area_m2=geodesic_area_m2(inside).round(1))
    missed = missed.drop(index=missed.index[right.reference])
    return {
        "hits": hits.sort_index(),
        "misses": missed[["reference", "best_iou", "area_m2", "unseen", "geometry"]],
        "false_alarms": told.drop(index=told.index[right.detection]),
    }


def _tell(result: dict, landform: str) -> None:
    log.info("Reference: %s.", result["reference"]["what"])
    log.info(
        "%d of %d reference outlines lie outside the mapped area and are left out.",
        result["reference"]["outside_mapped_area"],
        result["reference"]["outlines"],
    )
    for where, part in (("All mapped ground", result), ("Ground unseen in training", result["unseen"])):
        pixels, polygons = part["pixels"], part["polygons"]
        log.info(
            "%s, %s: pixel IoU %s; %s of %s detections right, %s of %s outlines found, F1 %s.",
            where,
            landform,
            *(pixels["iou"], polygons["right"], polygons["detections"]),
            *(polygons["found"], polygons["references"], polygons["f1"]),
        )
