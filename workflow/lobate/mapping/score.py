"""Scores the map against reference outlines, by pixels and by polygons, within the mapped area.

The reference of a region is incomplete unless it is declared complete, so precision has two ends: all unknown detections
wrong, and all right (see `judgement`). Decisions of the review move a detection from unknown to right or wrong.

The network may have been trained on much of the reference. So all scores are given twice: on the whole mapped area, and on
unseen ground, outside all training and validation patches and mined negatives.

Pixels are counted on the tiles' own grids. Tiles overlap; shared ground counts in the first tile only. Rows are processed
in blocks, so memory does not depend on a tile's height.

The cases (hits, misses, unmatched detections) are written as layers with styles for QGIS.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated
from xml.etree.ElementTree import Element

import geopandas as gpd
import numpy as np
import shapely

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.decisions import decided_view
from lobate.io.jsonfile import write_json
from lobate.io.places import read_areas
from lobate.io.qgis.markup import element
from lobate.io.qgis.package import add_styles
from lobate.io.qgis.symbols import OutlineStyle, categorized_renderer, labeling, single_symbol_renderer
from lobate.io.vector import LONLAT, geodesic_area_m2, read_layer, write_layers
from lobate.mapping.judgement import Decisions, Judgement
from lobate.mapping.matching import Matches, match_outlines, matched_at, overlaps_any, touches_any
from lobate.mapping.object_scores import Objects, Selection, block_numbers
from lobate.mapping.pixel_scores import PixelLayers, pixel_counts
from lobate.mapping.reference import Reference, known_outlines, read_reference, removed_outlines, seen_footprints
from lobate.mapping.terrain_rule import NO_CELLS, NO_DEM, fit_rule
from lobate.mapping.valid_area import ValidArea, valid_in_any
from lobate.settings.mapping import ReferenceFile

log = logging.getLogger(__name__)

HIT_STYLE = OutlineStyle("", "found", "0,230,150,255", 0.6)

MISS_STYLE = OutlineStyle("", "missed", "86,190,255,255", 0.7, "dash")

UNMATCHED_STYLES = (
    OutlineStyle("wrong", "wrong: rejected, or no landform is there", "255,90,220,255", 0.6),
    OutlineStyle("right", "right: accepted in the review", "0,230,150,255", 0.6),
    OutlineStyle("left out", "left out: on a removed outline", "160,160,160,255", 0.6, "dash"),
    OutlineStyle("", "unknown: nobody has judged it", "255,255,255,255", 0.6, "dot"),
)
"""By the value of `status`, the detections that match no reference outline."""

SCORES_MEANING = (
    "precision, IoU and F1 count unknown detections as wrong; precision_if_unknown_right counts them as right, and the true "
    "precision lies between the two; recall is of the known outlines, those of the reference"
)

ACCOUNT = ("known", "new", "wrong", "unknown", "left out")

ACCOUNT_MEANING = (
    "known: overlaps a positive outline given to labels. Of the others, new: overlaps an outline of the reference, or was "
    "accepted or mended in the review; wrong: was rejected, or lies on completely mapped ground; unknown: nobody has judged "
    "it; left out: lies on an outline that was removed from the labels"
)

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
    decisions: Annotated[list[Path] | None, Input(view=decided_view)] = None,
    complete: Annotated[Path | None, Input()] = None,
    dem: Annotated[Path | None, Input()] = None,
    *,
    reference_file: Annotated[ReferenceFile | None, Setting("mapping.reference")],
    match_iou: Annotated[float, Setting("mapping.match_iou")],
    landform: Annotated[str, Setting("landform")],
) -> None:
    """Write ``scores`` (JSON) and ``cases`` (layers `hits`, `misses`, `unmatched`, EPSG:4326) of the kept detections.

    ``reference`` holds the outlines selected by ``reference_file``, or the cleaned labels when that is None. Reference
    outlines are clipped to the mapped area (where any of the ``probabilities`` has data); those outside are left out and
    counted. ``decisions`` are those of the review, ``complete`` areas in which all landforms are
    outlined. ``mined`` are the negatives in the training data of the chosen round. With a ``dem`` a rule of slope and elevation
    is scored beside the map (see ``terrain_rule``). Raises UserError when no reference
    outline lies within the mapped area.
    """
    valid_areas = [ValidArea.of(probability) for probability in probabilities]
    frame, footprints = read_layer(detections, "kept"), seen_footprints(split, mined)
    full_reference = read_reference(reference, reference_file)
    inside, reference_counts = _clip_to_mapped_area(full_reference, valid_areas, reference)
    detected, expected = _outlines_of(frame), _outlines_of(inside)
    matches, decided = match_outlines(detected, expected), Decisions.read(decisions or [])
    removed = np.concatenate([removed_outlines(known), full_reference.unmended])
    judged = Judgement.of(detected, expected, removed, decided, _complete_ground(complete, reference_file))
    frame["status"] = judged.status(matched_at(match_iou, matches, len(frame)))
    frame["unseen"], inside["unseen"] = ~touches_any(detected, footprints), ~touches_any(expected, footprints)
    layers = PixelLayers(
        trained=footprints,
        reference=np.concatenate([_outlines_of(full_reference.outlines), decided.edited]),
        detected=detected,
        left_out=np.concatenate([removed, decided.accepted]),
        unknown=detected[(frame["status"] == "unknown").to_numpy()],
    )
    rule = fit_rule(dem, split, known) if dem else None
    pixels = pixel_counts(valid_areas, layers, rule)
    everything = Selection(np.ones(len(frame), bool), np.ones(len(inside), bool))
    unseen = Selection(_unseen_mask(frame), _unseen_mask(inside))
    objects = Objects(
        frame, inside, matches, judged, match_iou, [block_numbers(part, valid_areas) for part in (frame, inside)]
    )
    result = {
        "landform": landform,
        "reference": {**reference_counts, "complete": _completeness(complete, reference_file)},
        "mapped_km2": round(pixels.mapped_km2, 4),
        "account": _count_account(judged.account(overlaps_any(detected, known_outlines(known)))),
        "what": SCORES_MEANING,
        "rule": rule.facts() if rule else {"what": NO_CELLS if dem else NO_DEM},
        "pixels": pixels.scores(unseen=False),
        "polygons": objects.scores(everything),
        "unseen": {
            "what": "outside all training and validation patches" + (", mined negatives included" if mined else ""),
            "pixels": pixels.scores(unseen=True),
            "polygons": objects.scores(unseen),
        },
    }
    write_json(scores, result)
    write_layers(cases, _cases(frame, inside, matches, match_iou))
    add_styles(cases, case_styles())
    _log_scores(result, landform)


def _complete_ground(complete: Path | None, reference_file: ReferenceFile | None) -> np.ndarray | None:
    """Return the areas (n,) in which all landforms are outlined; None: all ground is such."""
    if reference_file is not None and reference_file.complete:
        return None
    return read_areas(complete).to_numpy() if complete else np.zeros(0, dtype=object)


def _completeness(complete: Path | None, reference_file: ReferenceFile | None) -> str:
    if reference_file is not None and reference_file.complete:
        return "everywhere (mapping.reference.complete)"
    return "inside labels.complete" if complete else "nowhere declared"


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
        "outlines": len(outlines) + reference.without_area + len(reference.unmended),
        "without_area": reference.without_area,
        **({"unmended": len(reference.unmended)} if len(reference.unmended) else {}),
        "outside_mapped_area": int((~mapped).sum()),
        "clipped_to_mapped_area": int((share[mapped] < 0.999).sum()),
        "scored": int(mapped.sum()),
    }
    return inside.reset_index(drop=True), counts


def _count_account(account: np.ndarray) -> dict[str, object]:
    """Return the paper's account in numbers: known, new and wrong detections, and those that nobody has judged."""
    counts = {kind.replace(" ", "_"): int((account == kind).sum()) for kind in ACCOUNT}
    return {**counts, "detections": len(account), "what": ACCOUNT_MEANING}


def _cases(
    frame: gpd.GeoDataFrame, inside: gpd.GeoDataFrame, matches: Matches, match_iou: float
) -> dict[str, gpd.GeoDataFrame]:
    """Return hits and unmatched detections, and misses (reference outlines) as layers."""
    matched = matches.above(match_iou)
    detections = frame[["detection", "mean", "status", "unseen", "geometry"]].to_crs(LONLAT)
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
        "unmatched": detections.drop(index=detections.index[matched.detection]),
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
            "%s, %s: pixel IoU %s (all landform %s, rule of terrain %s); %s of %s detections right, %s unknown; %s of %s outlines found, F1 %s.",
            area,
            landform,
            *(pixels["iou"], pixels["iou_all_landform"], pixels["iou_rule"]),
            *(polygons["right"], polygons["detections"], polygons["unknown"]),
            *(polygons["found"], polygons["references"], polygons["f1"]),
        )


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
        "unmatched": [
            categorized_renderer('"status"', UNMATCHED_STYLES),
            labeling('format_number("mean", 2)', "255,255,255,255", LABEL_SCALE),
            element("mapTip", '[% "detection" %]: [% "status" %], best IoU [% format_number("best_iou", 2) %]'),
        ],
    }
