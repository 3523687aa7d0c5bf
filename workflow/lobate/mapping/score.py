"""How good the map is: pixels and polygons against a reference, within the mapped area, and told honestly.

Most of what a reference holds may have been shown to the network in training; so everything is told twice, on all of
the mapped area and on ground that no patch covered, neither of the training side nor of the negatives that were mined.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import shapely

from lobate.errors import Mistake
from lobate.mapping.ground import Ground, seen_by_any
from lobate.mapping.look import styles
from lobate.mapping.matching import Matches, match, overlapping, polygon_scores, rates, ratio, touching
from lobate.mapping.pixels import Census, census
from lobate.mapping.reference import Reference, known_outlines, read_reference, training_footprints
from lobate.qgis.package import add_styles
from lobate.settings.base import PolygonFile
from lobate.signature import Input, Output, Setting
from lobate.vectors import LONLAT, geodesic_area_m2, read_layer, write_layers

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
    ``mined`` are the negatives that the chosen round was trained with. Mistake when no reference lies within the area.
    """
    grounds = [Ground.of(one) for one in probabilities]
    frame, footprints = read_layer(detections, "kept"), training_footprints(split, mined)
    truth = read_reference(reference, reference_file)
    inside, account_of_reference = _clipped(truth, grounds, reference)
    found, there = _plain(frame), _plain(inside)
    matches = match(found, there)
    frame["unseen"], inside["unseen"] = ~touching(found, footprints), ~touching(there, footprints)
    frame["account"] = _account(found, there, known_outlines(known), judged=reference_file is not None)
    pixels = census(grounds, found, _plain(truth.outlines), footprints)
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
    scores.write_text(json.dumps(result, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    write_layers(cases, _cases(frame, inside, matches, match_iou))
    add_styles(cases, styles())
    _tell(result, landform)


def _plain(frame: gpd.GeoDataFrame) -> np.ndarray:
    return np.asarray(frame.to_crs(LONLAT).geometry.values, dtype=object)


def _flags(frame: gpd.GeoDataFrame) -> np.ndarray:
    return frame["unseen"].to_numpy(dtype=bool)


def _clipped(truth: Reference, grounds: list[Ground], path: Path) -> tuple[gpd.GeoDataFrame, dict[str, object]]:
    """Return the reference outlines clipped to the mapped area, and how many were given, clipped and left out."""
    outlines = _plain(truth.outlines)
    seen = seen_by_any(outlines, grounds)
    share = shapely.area(seen) / shapely.area(outlines)
    mapped = share > 1e-6
    if not mapped.any():
        raise Mistake(
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
    rest = np.where(overlapping(found, there), "new", "wrong") if judged else np.full(len(found), "open")
    return np.where(overlapping(found, known), "known", rest).astype(object)


def _counted(account: list[str], *, judged: bool) -> dict[str, object]:
    counts = {kind: account.count(kind) for kind in ("known", "new", "wrong", "open")}
    what = "known: overlaps a positive outline given to labels; new: overlaps the reference only; wrong: neither"
    if not judged:
        counts |= {"new": None, "wrong": None}
        what = (
            "known: overlaps a positive outline given to labels; open: the rest, which only a person (the review) or a "
            "reference of its own (mapping.reference) can tell into new and wrong"
        )
    return {**counts, "detections": len(account), "what": what}


def _scores(
    pixels: Census,
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
        **rates(ratio(hit, hit + alarm), ratio(hit, hit + miss)),
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
