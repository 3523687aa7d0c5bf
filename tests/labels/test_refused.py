"""What a person rejected is a negative like any other, and renames nothing."""

from __future__ import annotations

import geopandas as gpd
import pytest

from lobate.decided import OF_NO_FOLD
from lobate.labels.clean import clean_labels
from lobate.labels.refused import read_refused
from lobate.settings.base import PolygonFile
from lobate.settings.labels import Labels


@pytest.fixture
def clean(outlines, tmp_path):
    """Clean one positive at (10, 10) and these decisions; return the layers."""
    positive = outlines.write(tmp_path / "positives.gpkg", [outlines.square(10, 10)], id=["p"])
    image = outlines.write_image(tmp_path / "T1.tif")

    def run(shapes, statuses):
        said = outlines.write(tmp_path / "said.geojson", shapes, 4326, status=statuses)
        labels = Labels(positives=[PolygonFile(path=str(positive), id_field="id")])
        target = tmp_path / "polygons.gpkg"
        clean_labels([positive], [image], target, decisions=[said], tiles=["T1"], labels=labels)
        return [gpd.read_file(target, layer=name).set_index("polygon") for name in ("kept", "removed")]

    return run


def test_rejected_places_are_negatives(clean, outlines):
    kept, removed = clean([outlines.square(40, 40), outlines.square(70, 40)], ["rejected", "accepted"])
    negative = kept[kept["class"] == "negative"]
    assert len(negative) == 1
    assert negative["source"].iloc[0] == "said.geojson"
    assert negative["area_m2"].iloc[0] == pytest.approx(1e4, rel=0.01)
    assert removed.empty


def test_it_has_no_field_that_says_its_fold_and_says_so(clean, outlines, tmp_path):
    outlines.write(tmp_path / "said.geojson", [outlines.square(40, 40)], 4326, status=["rejected"])
    assert read_refused(tmp_path / "said.geojson", [])["fold"].tolist() == [OF_NO_FOLD]


def test_a_further_decision_renames_none(clean, outlines):
    first, _ = clean([outlines.square(40, 40)], ["rejected"])
    both, _ = clean([outlines.square(70, 40), outlines.square(40, 40)], ["rejected", "rejected"])
    assert set(first.index) < set(both.index)


def test_what_is_drawn_as_positive_wins(clean, outlines):
    kept, removed = clean([outlines.square(10, 10)], ["rejected"])
    assert list(kept["class"]) == ["positive"]
    assert "lies mostly in positives: p" in removed["reason"].iloc[0]


def test_nothing_rejected(clean, outlines, tmp_path):
    kept, _ = clean([outlines.square(40, 40)], ["accepted"])
    assert list(kept["class"]) == ["positive"]
    assert read_refused(tmp_path / "said.geojson", []).empty
