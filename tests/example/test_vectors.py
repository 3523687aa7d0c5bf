import csv

import geopandas as gpd
import numpy as np
import pytest

from lobate.example.vectors import KINEMATICS, UPSLOPE
from lobate.io.vector import geodesic_area_m2


@pytest.fixture(scope="module")
def files(world):
    names = {"positives": "positives.shp", "negatives": "negatives.shp", "insar": "insar.gpkg", "truth": "truth.gpkg"}
    return {name: gpd.read_file(world.folder / file) for name, file in names.items()}


def test_outlines_are_in_another_crs_than_the_scenes_and_marked_as_synthetic(files):
    for table in files.values():
        assert table.crs.to_epsg() == 4326
        assert set(table["synthetic"]) == {"yes"}
        assert table["id"].is_unique
        assert table.geometry.is_valid.all()


def test_truth_holds_all_and_positives_all_but_the_hidden(files):
    truth = files["truth"].set_index("id")
    assert len(truth) == 10
    assert set(files["positives"]["id"]) == set(truth.index[truth["hidden"] == 0])
    assert np.allclose(truth["area_m2"], geodesic_area_m2(files["truth"]), atol=0.1)


def test_drawn_outlines_follow_the_truth_closely(files):
    truth = files["truth"].set_index("id").geometry
    for identifier, outline in files["positives"].set_index("id").geometry.items():
        iou = outline.intersection(truth[identifier]).area / outline.union(truth[identifier]).area
        assert iou > (0.75 if identifier == "wkl002" else 0.9)


def test_insar_holds_a_part_of_both_slightly_shifted(files):
    truth, insar = files["truth"], files["insar"]
    assert len(insar) == truth["insar"].sum()
    assert 0 < truth.loc[truth["hidden"] == 1, "insar"].sum() < (truth["hidden"] == 1).sum()
    shapes = truth.loc[truth["insar"] == 1].geometry.reset_index(drop=True).to_crs(32644)
    insar = insar.to_crs(32644)
    iou = insar.intersection(shapes).area / insar.union(shapes).area
    assert (iou > 0.3).all()
    assert (iou < 0.999).all()


def test_insar_attributes_are_in_the_words_of_the_guideline(files):
    insar = files["insar"]
    assert (insar["velocity"] > insar["velocity_error"]).all()
    assert (insar["velocity_error"] > 0).all()
    assert set(insar["upslope"]) <= set(UPSLOPE)
    assert set(insar["kinematics"]) <= {word for _, word in KINEMATICS}


def test_removed_ids_are_positives_with_a_reason(world, files):
    with (world.folder / "removed.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert len(rows) == 2
    assert {row["id"] for row in rows} < set(files["positives"]["id"])
    assert all(row["reason"] for row in rows)
