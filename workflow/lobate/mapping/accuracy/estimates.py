"""Estimates of a map's accuracy from the answers to a frozen sample.

`cannot_say` is an answer: everything is estimated twice, with these units as landform and as none. The truth lies between the two
as far as imagery and people go.
"""

from __future__ import annotations

from math import isnan
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from lobate.mapping.accuracy.frozen import FrozenSample, Place
from lobate.mapping.accuracy.pixel_intervals import (
    PixelCounts,
    landform_area,
    producers_accuracy,
    stratum_share,
    users_accuracy,
)
from lobate.mapping.accuracy.response import CANNOT_SAY, DONE, YES, Answers
from lobate.mapping.accuracy.shares import Estimate, clustered_share, weighted_share, wilson
from lobate.mapping.accuracy.squares import markers
from lobate.mapping.accuracy.strata import DETECTED, STRATA
from lobate.mapping.accuracy.stratified import PointEstimate, StratifiedSample
from lobate.mapping.accuracy.stratified import area_share as stehman_area
from lobate.mapping.accuracy.stratified import overall_accuracy as stehman_overall
from lobate.mapping.accuracy.stratified import producers_accuracy as stehman_producers
from lobate.mapping.accuracy.stratified import users_accuracy as stehman_users
from lobate.mapping.matching import overlaps_any

DIGITS = 6


def estimate(sample: FrozenSample, answers: Answers) -> list[dict[str, Any]]:
    """Return the estimates: one set, or two where a person could not say, each with ``cannot_say_counts_as``."""
    unsure = CANNOT_SAY in answers.places.values() or bool(answers.landforms["unsure"].any())
    ways = ["no landform", "landform"] if unsure else ["nothing, since there is no such answer"]
    return [
        {"cannot_say_counts_as": way, **_estimate(sample, answers, unsure_is_landform=way == "landform")}
        for way in ways
    ]


def _estimate(sample: FrozenSample, answers: Answers, *, unsure_is_landform: bool) -> dict[str, Any]:
    positive = {YES, CANNOT_SAY} if unsure_is_landform else {YES}
    landform = {unit: answer in positive for unit, answer in answers.places.items()}
    outlines = answers.landforms if unsure_is_landform else answers.landforms[~answers.landforms["unsure"]]
    return {
        "detections": _detections(sample, landform),
        "pixels": _pixels(sample, landform),
        "landforms": _landforms(sample, answers, outlines.geometry),
    }


def _of_part(sample: FrozenSample, part: str) -> list[Place]:
    return [place for place in sample.places if place.part == part]


def _detections(sample: FrozenSample, landform: dict[str, bool]) -> dict[str, Any]:
    """Return the share of detections with landform at their marker, of all and by class."""
    places = _of_part(sample, "detections")
    real = [landform[place.unit] for place in places]
    by_class = []
    for stratum in sample.classes:
        own = [landform[place.unit] for place in places if place.stratum == stratum.name]
        low, high = wilson(sum(own), len(own))
        share: Estimate = {"value": sum(own) / len(own), "low": low, "high": high}
        by_class.append(
            {"class": stratum.name, "size": stratum.size, "sampled": len(own), "real": sum(own), **_round(share)}
        )
    overall = weighted_share(real, [1 / place.inclusion for place in places])
    return {"sampled": len(places), "real": sum(real), "share_real": _round(overall), "by_class": by_class}


def pixel_counts(sample: FrozenSample, landform: dict[str, bool]) -> PixelCounts:
    """Return the counts of the sampled pixels by stratum; ``landform``: for each unit whether it is landform."""
    places = _of_part(sample, "pixels")
    sizes, sampled, found = ([0, 0, 0] for _ in range(3))
    for stratum in sample.strata:
        number = STRATA.index(stratum.name)
        own = [landform[place.unit] for place in places if place.stratum == stratum.name]
        sizes[number], sampled[number], found[number] = stratum.size, len(own), sum(own)
    return PixelCounts(*((row[0], row[1], row[2]) for row in (sizes, sampled, found)))


def _pixels(sample: FrozenSample, landform: dict[str, bool]) -> dict[str, Any]:
    counts = pixel_counts(sample, landform)
    area = landform_area(counts)
    km2 = {name: None if pixels is None else pixels * sample.pixel_m2 / 1e6 for name, pixels in area.items()}
    rows = zip(STRATA, counts.sizes, counts.sampled, counts.landform, strict=True)
    return {
        "strata": [
            {"stratum": name, "size": size, "sampled": drawn, "landform": found, **_round(stratum_share(drawn, found))}
            for name, size, drawn, found in rows
        ],
        "users_accuracy": _round(users_accuracy(counts)),
        "producers_accuracy": _round(producers_accuracy(counts)),
        "area_km2": {name: None if value is None else round(value, DIGITS) for name, value in km2.items()},
        "mapped_area_km2": round(counts.sizes[DETECTED] * sample.pixel_m2 / 1e6, DIGITS),
        "limits_only": counts.is_coarse,
        "stehman_2014": _stehman(sample, landform),
    }


def _stehman(sample: FrozenSample, landform: dict[str, bool]) -> dict[str, Any]:
    """Return the plain stratified estimates and standard errors, for comparison with other software."""
    places = _of_part(sample, "pixels")
    strata = [stratum for stratum in sample.strata if stratum.size]
    number_of = {stratum.name: number for number, stratum in enumerate(strata)}
    design = StratifiedSample(
        np.array([number_of[place.stratum] for place in places]), np.array([stratum.size for stratum in strata])
    )
    mapped = np.array([place.stratum == STRATA[DETECTED] for place in places])
    reference = np.array([landform[place.unit] for place in places])
    return {
        "what": "plain estimates with standard errors; with few or no finds in a stratum the errors are too small",
        "overall_accuracy": _point(stehman_overall(design, mapped, reference)),
        "users_accuracy": _point(stehman_users(design, mapped, reference, True)),
        "producers_accuracy": _point(stehman_producers(design, mapped, reference, True)),
        "area_share": _point(stehman_area(design, reference, True)),
    }


def _point(estimate: PointEstimate) -> dict[str, float | None]:
    numbers = {"value": estimate.value, "standard_error": estimate.error}
    return {name: None if isnan(number) else round(number, DIGITS + 2) for name, number in numbers.items()}


def _landforms(sample: FrozenSample, answers: Answers, outlines: gpd.GeoSeries) -> dict[str, Any]:
    """Return the share of the landforms in the squares that the map has, with a landform in the square of its marker."""
    squares = [square for square in sample.squares if answers.squares[square.unit] == DONE]
    square_of = square_of_marker(outlines, [square.outline for square in squares])
    inside = square_of >= 0
    shapes = np.asarray(outlines.values, dtype=object)[inside]
    found = overlaps_any(shapes, np.asarray(sample.detections_near_squares.values, dtype=object))
    counts = np.bincount(square_of[inside], minlength=len(squares))
    found_in = np.bincount(square_of[inside], found.astype(float), minlength=len(squares))
    return {
        "squares": len(squares),
        "squares_left_out": len(sample.squares) - len(squares),
        "squares_in_region": sample.squares_in_region,
        "landforms": int(inside.sum()),
        "missed": int(inside.sum() - found.sum()),
        "marker_in_no_square": int((~inside).sum()),
        "share_found": _round(clustered_share(found_in, counts)),
    }


def square_of_marker(outlines: gpd.GeoSeries, squares: list[str]) -> np.ndarray:
    """Return the number of the square (WKT) that holds each outline's marker, -1 where none does; (n,)."""
    numbers = np.full(len(outlines), -1)
    if len(outlines) and squares:
        outline, square = shapely.STRtree(shapely.from_wkt(squares)).query(markers(outlines), predicate="intersects")
        numbers[outline] = square
    return numbers


def agreement(sample: FrozenSample, first: Answers, second: Answers) -> dict[str, Any]:
    """Return how far two looks at the same units agree: no accuracy can be told more exactly than this.

    Places agree if the answers are the same, `cannot_say` included. Landforms agree if the other look has an outline there.
    """
    units = list(second.places)
    same = sum(first.places[unit] == second.places[unit] for unit in units)
    low, high = wilson(same, len(units))
    squares = [
        square.outline
        for square in sample.squares
        if square.unit in second.squares and first.squares[square.unit] == second.squares[square.unit] == DONE
    ]
    drawn = [_inside(look.landforms.geometry, squares) for look in (first, second)]
    everything = [np.asarray(look.landforms.geometry.values, dtype=object) for look in (first, second)]
    matched = [overlaps_any(own, other) for own, other in zip(drawn, reversed(everything), strict=True)]
    return {
        "by": "unknown" if not (first.reviewers and second.reviewers) else _people(first, second),
        "places": len(units),
        "same_answer": same,
        "share": _round({"value": same / len(units), "low": low, "high": high}),
        "squares": len(squares),
        "landforms_first": len(drawn[0]),
        "landforms_second": len(drawn[1]),
        "also_drawn_by_the_other": int(sum(flags.sum() for flags in matched)),
    }


def _people(first: Answers, second: Answers) -> str:
    return "two people" if set(first.reviewers).isdisjoint(second.reviewers) else "one person twice"


def _inside(outlines: gpd.GeoSeries, squares: list[str]) -> np.ndarray:
    return np.asarray(outlines.values, dtype=object)[square_of_marker(outlines, squares) >= 0]


def _round(share: Estimate) -> dict[str, float | None]:
    return {name: None if value is None else round(value, DIGITS) for name, value in share.items()}
