"""Thousands of decisions on one place: the work grows with them, not with their pairs, or one paragraph says why not."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lobate.errors import UserError
from lobate.inventory import decisions, overlap
from lobate.inventory.decisions import read_decisions
from lobate.inventory.overlap import overlaps
from lobate.io.polygons import share_inside


def heap(count: int, seed: int = 0) -> np.ndarray:
    """Return outlines over one place, none the same as another."""
    draw = np.random.default_rng(seed)
    sizes = 0.005 * 1.0004 ** draw.permutation(np.arange(0, 100 * count, 100))[:count]
    return np.array([shapely.Point(80 + 1e-5 * size, 30).buffer(size) for size in sizes])


def written(path, outlines, statuses):
    table = {"detection": [f"d{n}" for n in range(len(outlines))], "status": statuses}
    gpd.GeoDataFrame(table, geometry=outlines, crs=4326).to_file(path, layer="review")
    return path


@pytest.fixture
def compared(monkeypatch):
    """Return the number of overlays of each call, as a list that grows."""
    counts: list[int] = []
    real = decisions._iou
    monkeypatch.setattr(
        decisions, "_iou", lambda shapes, left, right: counts.append(len(left)) or real(shapes, left, right)
    )
    return counts


@pytest.mark.parametrize("statuses", [["accepted"], ["rejected"], ["accepted", "rejected"]])
def test_overlays_grow_with_the_decisions_not_with_their_pairs(statuses, tmp_path, compared):
    work = []
    for count in (50, 100, 200):
        compared.clear()
        read_decisions(written(tmp_path / f"{count}.gpkg", heap(count), (statuses * count)[:count]))
        work.append(sum(compared))
    assert all(later <= 2.5 * earlier + 10 for earlier, later in pairwise(work)), work


def test_five_thousand_copies_that_contradict_one_another_end_in_a_paragraph(tmp_path, compared):
    outlines = np.repeat(heap(1), 5_000)
    path = written(tmp_path / "copies.gpkg", outlines, ["accepted", "rejected"] * 2_500)
    with pytest.raises(UserError, match=r"features 1 and 2 are the same outline.*\(1000 such pairs or more\)"):
        read_decisions(path)
    assert sum(compared) <= 2 * decisions.MAX_CLASHES


def test_all_contradictions_are_found_and_the_first_is_named(tmp_path):
    outlines = heap(30)
    outlines[[7, 20]] = outlines[[5, 3]]
    statuses = ["accepted" if number in (5, 20) else "rejected" for number in range(30)]
    with pytest.raises(UserError, match=r"features 4 and 21 are the same outline.*\(2 such pairs\)"):
        read_decisions(written(tmp_path / "a.gpkg", outlines, statuses))


def test_a_heap_that_must_be_compared_in_pairs_is_refused_before_any_overlay(monkeypatch):
    monkeypatch.setattr(overlap, "MAX_PAIRS", 5_000)
    series = gpd.GeoSeries(heap(100), crs=4326)
    assert len(overlaps(series.iloc[:60], series.iloc[:60])) == 60 * 60
    monkeypatch.setattr(shapely, "intersection", None)
    with pytest.raises(UserError, match=r"outline \d+ of 100, at 80\.0\d+ 30\.0000, overlaps with 100 others"):
        overlaps(series, series)


def test_scattered_outlines_are_never_a_heap(monkeypatch):
    monkeypatch.setattr(overlap, "MAX_PAIRS", 10)
    series = gpd.GeoSeries([shapely.box(n, 0, n + 1.5, 1) for n in range(500)], crs=4326)
    assert len(overlaps(series, series)) == 500 + 2 * 499


def test_shares_are_those_of_each_outline_by_itself():
    ours = gpd.GeoSeries([shapely.box(n, 0, n + 1, 1) for n in (5, 90, 3, 4)], crs=4326)
    cover = gpd.GeoSeries(
        [shapely.box(0, 0, 3.5, 1), shapely.box(3.25, 0, 3.75, 1), shapely.box(5, 0, 9, 0.5)], crs=4326
    )
    assert share_inside(ours.to_numpy(), cover.to_numpy()).tolist() == [0.5, 0, 0.75, 0]
