"""The review sheet: least certain first, with earlier decisions; a new copy in place of the old one changes nothing."""

from __future__ import annotations

import pandas as pd
import pytest
import shapely
from shapely.geometry import Polygon

from lobate.errors import UserError
from lobate.inventory.apply_review import apply_review
from lobate.inventory.review_sheet import review_sheet
from lobate.io.vector import read_layer, read_polygons, write_layers

from .conftest import frame, square

LAYERS = ("reviewed", "rejected", "unmatched", "removed")


@pytest.fixture
def sheet_of(tmp_path):
    """Apply decisions and lay out the sheet again, as the workflow does."""

    def make(detections, decisions, name):
        apply_review(detections, tmp_path / f"{name}_reviewed.gpkg", decisions)
        sheet = tmp_path / f"{name}_review.gpkg"
        review_sheet(detections, sheet, reviewed=tmp_path / f"{name}_reviewed.gpkg")
        return sheet

    return make


@pytest.fixture
def decided(detections, sheet_of, tmp_path):
    """Detections d0..d4 in squares 0..4 and a person's file: d4 accepted, d3 mended, d2 rejected, one drawn at 7."""
    source = detections([square(number) for number in range(5)])
    sheet = read_polygons(sheet_of(source, [], "first"), "review").set_index("detection")
    assert list(sheet.index) == [f"d0000{number}" for number in (4, 3, 2, 1, 0)]
    sheet["reviewer"] = sheet["reviewer"].astype(object)
    sheet.loc["d00004", ["status", "reviewer"]] = ["accepted", "me"]
    sheet.loc["d00003", "status"] = "edited"
    sheet.loc["d00003", "geometry"] = square(3, side=0.6)
    sheet.loc["d00002", "status"] = "rejected"
    drawn = frame([square(7)], status=["edited"], detection=[None])
    rows = pd.concat([sheet.reset_index(), drawn], ignore_index=True)
    write_layers(tmp_path / "decisions.gpkg", {"review": rows})
    return source, tmp_path / "decisions.gpkg"


def test_pending_come_first_and_decisions_are_kept(decided, sheet_of):
    sheet = read_polygons(sheet_of(decided[0], [decided[1]], "second"), "review")
    assert list(sheet["status"]) == ["pending", "pending", "accepted", "edited", "rejected", "edited"]
    by_name = sheet.set_index("detection")
    assert by_name.loc["d00003", "geometry"].equals(square(3, side=0.6))
    assert by_name.loc["d00004", "reviewer"] == "me"
    assert by_name.loc["d00002", "status"] == "rejected"
    assert by_name["confidence"].notna().sum() == 5
    assert sheet["reviewer"].notna().sum() == 1, "nobody is called nan"
    drawn = sheet[sheet["detection"].isna()]
    assert list(drawn["status"]) == ["edited"]
    assert drawn["confidence"].isna().all()


def test_what_was_shown_is_the_detection_for_a_mended_outline_and_else_the_outline_itself(decided, sheet_of):
    sheet = read_polygons(sheet_of(decided[0], [decided[1]], "second"), "review").set_index("detection")
    assert shapely.from_wkt(sheet.loc["d00003", "seen"]).normalize().equals_exact(square(3).normalize(), 1e-6)
    for name in ("d00000", "d00002", "d00004"):
        assert shapely.from_wkt(sheet.loc[name, "seen"]).equals_exact(sheet.loc[name, "geometry"], 1e-6)


def test_the_new_copy_decides_the_same(decided, sheet_of, tmp_path):
    second = sheet_of(decided[0], [decided[1]], "second")
    sheet_of(decided[0], [second], "third")
    for layer in LAYERS:
        before, after = (read_layer(tmp_path / f"{name}_reviewed.gpkg", layer) for name in ("second", "third"))
        pd.testing.assert_frame_equal(decisions_of(before), decisions_of(after))


def test_nothing_is_lost_when_the_model_changes_its_mind_and_back(decided, detections, sheet_of, tmp_path):
    source, person = decided
    gone = detections(
        [square(0), square(1)], "retrained.gpkg"
    )  # what was accepted, mended and rejected is not found now
    away = sheet_of(gone, [person], "away")
    sheet_of(source, [away], "back")
    sheet_of(source, [person], "plain")
    for layer in ("reviewed", "rejected"):
        with_detour, without = (read_polygons(tmp_path / f"{name}_reviewed.gpkg", layer) for name in ("back", "plain"))
        pd.testing.assert_frame_equal(places(with_detour), places(without))


def test_what_apply_review_did_not_write_is_reported(detections, tmp_path):
    empty = frame([Polygon()])
    write_layers(tmp_path / "other.gpkg", {"reviewed": empty, "rejected": empty, "unmatched": empty})
    with pytest.raises(UserError, match="lacks the field"):
        review_sheet(detections([square(0)]), tmp_path / "review.gpkg", reviewed=tmp_path / "other.gpkg")


def decisions_of(frame):
    """Who said what of which outline."""
    texts = (
        frame[["status", "reviewer", "remark"]]
        .astype(object)
        .where(frame[["status", "reviewer", "remark"]].notna(), "")
    )
    table = texts.assign(outline=frame.geometry.normalize().to_wkt(rounding_precision=7))
    return pd.DataFrame(table).sort_values("outline").reset_index(drop=True)


def places(frame):
    return decisions_of(frame)[["status", "outline"]]


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
