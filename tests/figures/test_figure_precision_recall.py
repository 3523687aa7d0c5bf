"""Precision and recall: exact where the numbers say something, nothing elsewhere, legible at any number of detections."""

from __future__ import annotations

from functools import partial

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from lobate.errors import UserError
from lobate.figures.figure_precision_recall import detection_curve, figure_precision_recall, overlap_curves, pixel_curve
from lobate.io.vector import write_layers

from .conftest import make_landforms
from .tables import same_bytes_twice, threshold_record, written

ASKED = [f"{n / 10:g}" for n in range(1, 10)]


def scores(count, *, precision=0.9):
    lines = {key: {"precision": precision, "recall": 1 - float(key) / 2} for key in ASKED}
    polygons = {"match_iou": 0.5, "detections": count, "references": count, "thresholds": lines}
    return {"polygons": polygons, "unseen": {"polygons": polygons | {"detections": count // 2}}}


def cases(count):
    rng = np.random.default_rng(count)
    table = make_landforms(count)[["geometry"]].to_crs(4326)
    table = table.assign(mean=rng.uniform(0.4, 1, count), unseen=np.arange(count) % 2 == 0)
    hits, unmatched = table[::2].assign(status="right"), table[3::4].assign(status="unknown")
    return {"hits": hits, "misses": table[1::4].drop(columns="mean"), "unmatched": unmatched}


def test_pixels_are_those_of_the_map_at_each_threshold():
    curve = pixel_curve(threshold_record())
    assert (len(curve.thresholds), curve.thresholds[0], curve.thresholds[-1]) == (21, 0.01, 0.99)
    assert curve.precision == pytest.approx(curve.thresholds)
    assert curve.recall == pytest.approx(1 - curve.thresholds / 2)


def test_a_rate_that_is_unknown_stays_so():
    row = {"threshold": 0.5, "precision": None, "recall": None}
    curve = pixel_curve(threshold_record(thresholds=[row]))
    assert np.isnan([curve.precision[0], curve.recall[0]]).all()


def test_detections_are_taken_surest_first():
    hits = pd.DataFrame({"mean": [0.9, 0.7, 0.7], "status": "right"})
    unmatched = pd.DataFrame({"mean": [0.8, np.nan], "status": ["unknown", "wrong"]})
    curve = detection_curve({"hits": hits, "misses": hits[:1], "unmatched": unmatched})
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.7]
    assert curve.precision == pytest.approx([1, 1 / 2, 3 / 4])
    assert curve.recall == pytest.approx([1 / 4, 1 / 4, 3 / 4])


def test_what_a_person_said_counts_and_removed_ground_does_not():
    hits = pd.DataFrame({"mean": [0.9, 0.8], "status": ["right", "wrong"]})
    unmatched = pd.DataFrame({"mean": [0.7, 0.6, 0.5], "status": ["right", "left out", "unknown"]})
    curve = detection_curve({"hits": hits, "misses": hits[:0], "unmatched": unmatched})
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.7, 0.5]
    assert curve.precision == pytest.approx([1, 1 / 2, 2 / 3, 2 / 4])
    assert curve.recall == pytest.approx([1 / 2, 1, 1, 1])


def test_scores_that_are_unknown_stay_so():
    overlaps = overlap_curves(scores(0, precision=None))
    assert np.isnan(overlaps["curves"]["all"].precision).all()
    assert overlaps["counts"] == {"all": (0, 0), "unseen": (0, 0)}


@pytest.mark.parametrize("count", [0, 1, 30, 400])
def test_no_text_overlaps(check_texts, count):
    from lobate.figures.drawing.precision_recall import draw_precision_recall
    from lobate.figures.drawing.style import styled

    detections = {name: detection_curve(cases(count)) for name in ("all", "unseen")}
    with styled():
        figure = draw_precision_recall(
            pixel_curve(threshold_record()),
            detections,
            overlap_curves(scores(count * 10_000)),
            "a landform of a long name " * 4,
        )
    check_texts(figure)


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path):
    chosen = written(tmp_path / "threshold.json", threshold_record())
    scored = written(tmp_path / "scores.json", scores(9))
    write_layers(tmp_path / "cases.gpkg", cases(9))
    same_bytes_twice(tmp_path, partial(figure_precision_recall, chosen, scored, tmp_path / "cases.gpkg"))


def test_cases_without_certainty_are_a_mistake(tmp_path):
    chosen = written(tmp_path / "threshold.json", threshold_record())
    scored = written(tmp_path / "scores.json", scores(9))
    layers = {name: gpd.GeoDataFrame(table.drop(columns="mean", errors="ignore")) for name, table in cases(9).items()}
    write_layers(tmp_path / "cases.gpkg", layers)
    with pytest.raises(UserError, match=r"hits of .*cases\.gpkg lacks mean"):
        figure_precision_recall(
            chosen, scored, tmp_path / "cases.gpkg", tmp_path / "a.png", tmp_path / "a.pdf", figures=None
        )
