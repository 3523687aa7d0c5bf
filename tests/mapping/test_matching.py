"""Detections and reference outlines are matched one to one; scores follow the thresholds."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lobate.io.vector import LONLAT
from lobate.mapping.judgement import Judgement
from lobate.mapping.matching import (
    match_outlines,
    overlaps_any,
    precision_recall_f1,
    ratio,
    touches_any,
)
from lobate.mapping.object_scores import Objects, Selection

NONE = np.array([], dtype=object)


def boxes(*places):
    return np.array([shapely.box(*place) for place in places], dtype=object)


def all_of(outlines):
    return np.ones(len(outlines), dtype=bool)


def layer(outlines):
    return gpd.GeoDataFrame(geometry=list(outlines), crs=LONLAT)


def polygon_scores(matches, detected, reference, match_iou=0.5):
    """The scores where all ground was mapped completely: a detection without a match is wrong."""
    no, yes = ~all_of(detected), all_of(detected)
    judged = Judgement(accepted=no, rejected=no, overlapping=no, mapped=yes, removed=no)
    blocks = [np.zeros(len(outlines), int) for outlines in (detected, reference)]
    objects = Objects(layer(detected), layer(reference), matches, judged, match_iou, blocks)
    return objects.scores(Selection(all_of(detected), all_of(reference)))


def test_an_inventory_against_itself_is_perfect():
    outlines = boxes((0, 0, 2, 2), (3, 0, 5, 2), (6, 0, 7, 1))
    scores = polygon_scores(match_outlines(outlines, outlines), outlines, outlines)
    assert (scores["precision"], scores["recall"], scores["f1"], scores["mean_f1"]) == (1, 1, 1, 1)
    assert scores["thresholds"]["0.9"]["right"] == 3


def test_each_is_matched_once_the_best_first():
    detected = boxes((0, 0, 10, 10), (0, 0, 10, 9))
    reference = boxes((0, 0, 10, 9))
    matches = match_outlines(detected, reference)
    assert (matches.detection.tolist(), matches.reference.tolist(), matches.iou.tolist()) == ([1], [0], [1])
    assert matches.best_detection.tolist() == pytest.approx([0.9, 1])


def test_scores_fall_with_the_threshold():
    detected, reference = boxes((0, 0, 10, 10)), boxes((0, 0, 10, 6))
    scores = polygon_scores(match_outlines(detected, reference), detected, reference)
    assert scores["f1"] == 1
    assert [scores["thresholds"][t]["f1"] for t in ("0.1", "0.5", "0.6", "0.9")] == [1, 1, 0, 0]
    assert scores["mean_f1"] == pytest.approx(5 / 9, abs=1e-6)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 9), st.integers(1, 9)), max_size=12),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 9), st.integers(1, 9)), max_size=12),
)
def test_no_outline_is_matched_twice_and_only_with_what_it_meets(left, right):
    detected, reference = (boxes(*[(x, y, x + w, y + h) for x, y, w, h in places]) for places in (left, right))
    matches = match_outlines(detected, reference)
    assert len(set(matches.detection)) == len(matches.detection) == len(set(matches.reference))
    assert np.all(np.diff(matches.iou) <= 0)
    for one, other, iou in zip(matches.detection, matches.reference, matches.iou, strict=True):
        union = shapely.union(detected[one], reference[other]).area
        assert iou == pytest.approx(shapely.intersection(detected[one], reference[other]).area / union)
    scores = polygon_scores(matches, detected, reference)
    assert scores["right"] == scores["found"] <= min(len(detected), len(reference))


def test_an_overlap_of_exactly_the_limit_is_not_above_it():
    detected, reference = boxes((0, 0, 2, 1)), boxes((0, 0, 1, 1))
    matches = match_outlines(detected, reference)
    assert matches.iou.tolist() == [0.5]
    assert len(matches.above(0.5).iou) == 0
    assert len(matches.above(np.nextafter(0.5, 0)).iou) == 1
    scores = polygon_scores(matches, detected, reference)
    assert (scores["right"], scores["thresholds"]["0.5"]["right"], scores["thresholds"]["0.4"]["right"]) == (0, 0, 1)


def test_exactly_a_tenth_of_the_smaller_is_an_overlap():
    assert overlaps_any(boxes((0, 0, 10, 1)), boxes((9, 0, 30, 1))).tolist() == [True]
    assert overlaps_any(boxes((0, 0, 10, 1)), boxes((9.25, 0, 30, 1))).tolist() == [False]


def test_nothing_against_something():
    reference = boxes((0, 0, 1, 1))
    scores = polygon_scores(match_outlines(NONE, reference), NONE, reference)
    assert (scores["precision"], scores["recall"], scores["f1"]) == (None, 0, 0)
    scores = polygon_scores(match_outlines(reference, NONE), reference, NONE)
    assert (scores["precision"], scores["recall"], scores["f1"], scores["mean_f1"]) == (0, None, None, None)


def test_a_sliver_in_common_is_no_overlap():
    detected = boxes((0, 0, 10, 10), (0, 0, 10, 10), (50, 0, 51, 1))
    assert overlaps_any(detected[:1], boxes((9.5, 0, 20, 10))).tolist() == [False]
    assert overlaps_any(detected, boxes((8, 0, 20, 10))).tolist() == [True, True, False]
    assert overlaps_any(detected, NONE).tolist() == [False] * 3


def test_touching_asks_for_any_footprint():
    assert touches_any(boxes((0, 0, 1, 1), (5, 5, 6, 6)), boxes((1, 1, 2, 2))).tolist() == [True, False]
    assert touches_any(boxes((0, 0, 1, 1)), NONE).tolist() == [False]


def test_rates():
    assert ratio(1, 0) is None
    assert precision_recall_f1(0.5, 1.0) == {"precision": 0.5, "recall": 1.0, "f1": 0.666667}
    assert precision_recall_f1(0.0, 0.0)["f1"] == 0
