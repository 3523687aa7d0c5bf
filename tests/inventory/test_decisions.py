"""What stands in a decisions file, beyond what apply-review's tests show."""

from __future__ import annotations

import pytest

from lobate.inventory.decisions import read_decisions
from lobate.inventory.review_sheet import review_sheet
from lobate.io.decisions import confirmed_outlines, rejected_outlines
from lobate.settings.load import parse

from .conftest import frame, square


def written(tmp_path, *outlines, **columns):
    frame(list(outlines), **columns).to_file(tmp_path / "said.geojson")
    return tmp_path / "said.geojson"


def test_an_accepted_outline_that_was_redrawn_is_edited(tmp_path):
    shown = square(0).wkt
    decisions = read_decisions(
        written(tmp_path, square(0), square(0, side=0.8), status=["accepted"] * 2, seen=[shown] * 2)
    )
    assert decisions["status"].tolist() == ["accepted", "edited"]


@pytest.mark.parametrize(
    "seen", ["POINT (1 1)", "POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))", "POLYGON EMPTY", "drawn by hand"]
)
def test_a_spoilt_memory_of_what_was_shown_does_no_harm(tmp_path, seen):
    assert read_decisions(written(tmp_path, square(0), status=["accepted"], seen=[seen]))["seen"].isna().all()


def test_two_ids_alike_are_reported(tmp_path, caplog):
    read_decisions(written(tmp_path, square(0), square(1), status=["accepted"] * 2, detection=["d1", "d1"]))
    assert "1 ids stand there more than once (d1); outlines are matched, not ids" in caplog.text


def test_a_copy_of_an_empty_sheet_decides_nothing(detections, tmp_path):
    """When a model finds nothing, its sheet has no row; a person may have copied it all the same."""
    review_sheet(detections([]), tmp_path / "copy.gpkg")
    assert read_decisions(tmp_path / "copy.gpkg").empty
    assert (
        len(confirmed_outlines([tmp_path / "copy.gpkg"]))
        == len(rejected_outlines(tmp_path / "copy.gpkg", [tmp_path / "copy.gpkg"]))
        == 0
    )


def test_fields_that_a_shapefile_cut_short_are_found(tmp_path):
    decisions = frame([square(0)], status=["accepted"], upslope_connection=["talus"], activity=["relict"])
    decisions.to_file(tmp_path / "said.shp")
    assert read_decisions(tmp_path / "said.shp")[["upslope_connection", "activity"]].to_numpy().tolist() == [
        ["talus", "relict"]
    ]


@pytest.mark.parametrize("value", [None, "a.geojson", ["a.geojson", "b.gpkg"], []])
def test_the_setting_takes_a_path_or_a_list(value):
    region = {"region": "r", "imagery": {"tiles": {"T": ["t.tif"]}}, "labels": {"positives": [{"path": "p.shp"}]}}
    assert parse({**region, "inventory": {"decisions": value}}).inventory.decisions == value
