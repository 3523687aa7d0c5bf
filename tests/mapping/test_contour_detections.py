"""Contours of detections at two calibrated shares, in the words of what they are."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import shapely

from lobate.io.vector import read_layer
from lobate.mapping.contour_detections import MEANING, contour_detections, level_of

X, Y = 500_000, 3_800_000
CURVE = [[0.1, 0.0], [0.4, 0.25], [0.9, 0.75], [0.95, 1.0]]
"""0.25 lies at 0.4, and 0.75 at 0.9."""


@pytest.mark.parametrize(
    ("share", "curve", "level"),
    [
        (0.25, [(0.1, 0.0), (0.5, 0.5)], 0.3),
        (0.25, [(0.1, 0.25), (0.5, 0.5)], 0.1),
        (0.75, [(0.1, 0.0), (0.5, 0.75), (0.7, 0.75), (0.9, 1.0)], 0.5),
        (0.25, [(0.1, 0.0), (0.2, 0.0), (0.6, 1.0)], 0.3),
        (0.25, [(0.1, 0.3), (0.5, 0.5)], None),
        (0.75, [(0.1, 0.3), (0.5, 0.5)], None),
        (0.25, [], None),
        (0.75, [(0.5, 0.75)], 0.5),
    ],
)
def test_the_level_of_a_share(share, curve, level):
    assert level_of(share, curve) == (pytest.approx(level) if level is not None else None)


def square(left, top, side):
    return shapely.box(X + left, Y - top - side, X + left + side, Y - top)


@pytest.fixture
def run(workshop):
    """Contour detections (squares of metres) on tiles of 1 km, each a list of (row, column, size, level)."""

    def call(found, *tiles, curve=CURVE):
        rasters = []
        for number, cones in enumerate(tiles):
            values = np.zeros((100, 100), np.uint8)
            for row, column, size, level in cones:
                block = values[row : row + size, column : column + size]
                np.maximum(block, round(254 * level), out=block)
            rasters.append(workshop.probability(f"T{number}", workshop.grid(X + 800 * number, Y, 100, 100), values))
        names = np.array([f"d{k}" for k in range(len(found))], dtype=object)
        kept = workshop.layers("d.gpkg", kept=workshop.lonlat(found, detection=names))
        threshold, target = workshop.folder / "threshold.json", workshop.folder / "contours.gpkg"
        threshold.write_text(json.dumps({"calibration": {"curve": curve}}))
        contour_detections(kept, rasters, threshold, target)
        return read_layer(target, "contours").to_crs(32644)

    return call


def test_each_detection_has_a_wide_and_a_narrow_contour(run):
    cone = [(10, 10, 30, 0.45), (15, 15, 20, 0.7), (20, 20, 10, 0.92)]
    table = run([square(150, 150, 200)], [*cone, (70, 70, 10, 0.9)])
    assert table[["detection", "share", "probability"]].to_numpy().tolist() == [
        ["d0", "0.25", 0.4],
        ["d0", "0.75", 0.9],
    ]
    assert table.area.tolist() == pytest.approx([90_000, 10_000], rel=1e-3)
    assert set(table["meaning"]) == {MEANING}
    assert "no confidence interval" in MEANING


def test_a_contour_crosses_the_seam_of_tiles(run):
    left, right = [(10, 70, 30, 0.5)], [(10, 0, 30, 0.5)]
    table = run([square(750, 150, 200)], left, right)
    assert table["detection"].tolist() == ["d0"]
    assert table.geometry.iloc[0].bounds == pytest.approx((X + 700, Y - 400, X + 1100, Y - 100), abs=0.1)


def test_what_touches_no_detection_and_what_has_no_such_ground_is_left_away(run):
    table = run([square(100, 100, 100), square(700, 700, 100)], [(10, 10, 10, 0.95), (50, 50, 10, 0.95)])
    assert table["detection"].tolist() == ["d0", "d0"]


def test_without_calibration_there_are_none_and_it_is_said(run, caplog):
    with caplog.at_level(logging.WARNING):
        table = run([square(100, 100, 100)], [(10, 10, 10, 0.95)], curve=[])
    assert table.empty
    assert (
        "The map has no calibration, since there is no ground to judge it on, so there are no contours at 0.25"
        in caplog.text
    )


def test_a_curve_that_does_not_reach_a_share_gives_the_other_alone(run, caplog):
    table = run([square(100, 100, 100)], [(10, 10, 10, 0.95)], curve=[[0.2, 0.1], [0.9, 0.6]])
    assert table["share"].tolist() == ["0.25"]
    assert "runs from a share of 0.1 to 0.6, so there are no contours at 0.75" in caplog.text


def test_noise_at_a_level_is_told_and_ends_nothing(run, monkeypatch, caplog):
    monkeypatch.setattr("lobate.network.polygonize.MAX_RUNS", 15)
    table = run([square(100, 100, 100)], [(10, 10, 10, 0.95), (50, 50, 20, 0.5)])
    assert table["share"].tolist() == ["0.75"]
    assert "is noise at a probability of 0.4" in caplog.text


def test_no_detections(run):
    assert run([], [(10, 10, 10, 0.95)]).empty
