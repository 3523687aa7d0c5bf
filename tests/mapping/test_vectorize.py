"""Bodies of a probability map with their names, statistics and threshold."""

import json

import numpy as np
import pytest

from lobate.errors import UserError
from lobate.io.raster import CogWriter
from lobate.io.vector import read_layer
from lobate.mapping.vectorize import threshold_alone, vectorize
from lobate.settings.mapping import Vectorize

X, Y = 500_000.0, 4_000_000.0
COLUMNS = ["detection", "tile", "mean", "median", "minimum", "deviation", "pixels", "touches_edge", "touches_nodata"]


@pytest.fixture
def chosen(workshop):
    """Writes a file with a chosen threshold."""

    def write(threshold):
        path = workshop.folder / "threshold.json"
        path.write_text(json.dumps({"threshold": threshold, "reason": "it is the best"}))
        return path

    return write


def vectorized(workshop, values, chosen=None, **settings):
    target = workshop.folder / "detections.gpkg"
    probability = workshop.probability("T", workshop.grid(X, Y, *values.shape), values)
    vectorize(probability, target, chosen, tile="T", vectorize_settings=Vectorize(**settings))
    return read_layer(target, "detections")


def test_bodies_get_the_tiles_name_and_their_probabilities(workshop, chosen):
    values = np.zeros((60, 80), dtype="uint8")
    values[10:20, 10:30] = 254
    values[40:50, 70:80] = 127
    values[20:25, 12:14] = 140
    frame = vectorized(workshop, values, chosen(0.5))
    assert frame.columns.drop("geometry").tolist() == COLUMNS
    assert frame["detection"].tolist() == ["T_00001", "T_00002"]
    assert frame["pixels"].sum() == 310
    assert frame.geometry.area.sum() == 31_000
    assert frame["touches_edge"].tolist().count(True) == 1
    assert frame.crs.to_epsg() == 32644


def test_the_setting_wins_over_the_chosen_threshold(workshop, chosen):
    values = np.full((20, 20), 100, dtype="uint8")
    values[5:9, 5:9] = 200
    assert vectorized(workshop, values, chosen(0.3))["pixels"].tolist() == [400]
    assert vectorized(workshop, values, chosen(0.3), threshold=0.7)["pixels"].tolist() == [16]


def test_no_threshold_at_all_is_a_mistake(workshop):
    with pytest.raises(UserError, match=r"There is no threshold.*mapping\.vectorize\.threshold"):
        vectorized(workshop, np.zeros((20, 20), dtype="uint8"))


@pytest.mark.parametrize("threshold", [0, 1, -0.1, "high", None])
def test_a_threshold_that_cannot_be_is_a_mistake(workshop, chosen, threshold):
    with pytest.raises(UserError, match=r"threshold\.json is not a threshold\.json written by `choose-threshold`"):
        vectorized(workshop, np.zeros((20, 20), dtype="uint8"), chosen(threshold))


def test_outlines_depend_on_the_threshold_and_not_on_what_led_to_it(workshop, chosen):
    views = []
    for reason in ("it is the best", "0.5 stands"):
        path = chosen(0.5)
        path.write_text(json.dumps({"threshold": 0.5, "reason": reason}))
        threshold_alone(path, workshop.folder / "view.json")
        views.append((workshop.folder / "view.json").read_bytes())
    assert views[0] == views[1]


def test_nothing_probable_gives_an_empty_layer_with_columns(workshop, chosen):
    frame = vectorized(workshop, np.zeros((20, 20), dtype="uint8"), chosen(0.5))
    assert len(frame) == 0
    assert set(COLUMNS) <= set(frame.columns)


def test_the_spread_of_several_models_comes_along(workshop, chosen):
    grid = workshop.grid(X, Y, 30, 30)
    values = np.zeros((2, 30, 30), dtype="uint8")
    values[0, 5:15, 5:15], values[1] = 200, 51
    probability, target = workshop.folder / "two.tif", workshop.folder / "detections.gpkg"
    with CogWriter(probability, grid, count=2, nodata=255) as writer:
        writer.write(values, 0)
    vectorize(probability, target, chosen(0.5), tile="T", vectorize_settings=Vectorize())
    frame = read_layer(target, "detections")
    assert frame[["pixels", "spread"]].to_numpy().tolist() == [[100, round(51 / 254, 4)]]


def test_a_raster_of_something_else_is_a_mistake(workshop, chosen):
    path = workshop.folder / "image.tif"
    with CogWriter(path, workshop.grid(X, Y, 30, 30), count=3, nodata=0) as writer:
        writer.write(np.zeros((3, 30, 30), dtype="uint8"), 0)
    with pytest.raises(UserError, match="this raster has 3 of uint8"):
        vectorize(path, path, chosen(0.5), tile="T", vectorize_settings=Vectorize())


def test_a_truncated_map_is_a_mistake(workshop, chosen):
    values = np.random.default_rng(0).integers(0, 255, (900, 900), dtype="uint8")
    path = workshop.probability("T", workshop.grid(X, Y, 900, 900), values)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(UserError, match=r"cannot be read.*truncated"):
        vectorize(path, workshop.folder / "x.gpkg", chosen(0.5), tile="T", vectorize_settings=Vectorize())
