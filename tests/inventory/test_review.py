"""The review sheet: everything a person needs, least certain first."""

from __future__ import annotations

from lobate.inventory.review import review_sheet
from lobate.vectors import read_polygons

from .conftest import square


def test_sheet_is_least_certain_first_and_pending(detections, tmp_path):
    review_sheet(detections([square(0), square(1), square(2)]), tmp_path / "review.gpkg")
    sheet = read_polygons(tmp_path / "review.gpkg", "review")
    assert list(sheet["detection"]) == ["d00002", "d00001", "d00000"]
    assert set(sheet["status"]) == {"pending"}
    assert sheet[["upslope_connection", "activity", "reviewer", "remark"]].isna().all().all()
    assert sheet["confidence"].is_monotonic_increasing
    assert sheet.crs.to_epsg() == 4326


def test_sheet_shows_what_was_removed(detections, tmp_path):
    review_sheet(detections([square(0)]), tmp_path / "review.gpkg")
    assert list(read_polygons(tmp_path / "review.gpkg", "removed")["reason"]) == ["too small"]


def test_sheet_of_nothing_has_its_columns(detections, tmp_path):
    review_sheet(detections([]), tmp_path / "review.gpkg")
    sheet = read_polygons(tmp_path / "review.gpkg", "review")
    assert sheet.empty
    assert {"status", "reviewer", "confidence", "seen"} <= set(sheet.columns)


def test_same_bytes_twice(detections, tmp_path):
    source = detections([square(0), square(1)])
    review_sheet(source, tmp_path / "a.gpkg")
    review_sheet(source, tmp_path / "b.gpkg")
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
