"""What stands in a decisions file, beyond what apply-review's tests show."""

from __future__ import annotations

import pytest

from lobate.inventory.decisions import read_decisions
from lobate.settings.load import parse

from .conftest import frame, square


def written(tmp_path, *outlines, **columns):
    frame(list(outlines), **columns).to_file(tmp_path / "said.geojson")
    return tmp_path / "said.geojson"


def test_an_accepted_outline_that_was_redrawn_is_edited(tmp_path):
    shown = square(0).wkt
    said = read_decisions(written(tmp_path, square(0), square(0, side=0.8), status=["accepted"] * 2, seen=[shown] * 2))
    assert said["status"].tolist() == ["accepted", "edited"]


@pytest.mark.parametrize(
    "seen", ["POINT (1 1)", "POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))", "POLYGON EMPTY", "drawn by hand"]
)
def test_a_spoilt_memory_of_what_was_shown_does_no_harm(tmp_path, seen):
    assert read_decisions(written(tmp_path, square(0), status=["accepted"], seen=[seen]))["seen"].isna().all()


def test_two_ids_alike_are_told(tmp_path, caplog):
    read_decisions(written(tmp_path, square(0), square(1), status=["accepted"] * 2, detection=["d1", "d1"]))
    assert "1 ids stand there more than once (d1); outlines count, not ids" in caplog.text


@pytest.mark.parametrize("value", [None, "a.geojson", ["a.geojson", "b.gpkg"], []])
def test_the_setting_takes_a_path_or_a_list(value):
    region = {"region": "r", "imagery": {"tiles": {"T": ["t.tif"]}}, "labels": {"positives": [{"path": "p.shp"}]}}
    assert parse({**region, "inventory": {"decisions": value}}).inventory.decisions == value
