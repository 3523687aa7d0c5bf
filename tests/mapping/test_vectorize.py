"""Bodies of a probability map with their names, statistics and threshold."""

import numpy as np
import pytest

from lobate.errors import UserError
from lobate.io.raster import CogWriter
from lobate.io.vector import read_layer
from lobate.mapping.vectorize import vectorize
from lobate.network import modelfile
from lobate.network.deeplab import build
from lobate.settings.mapping import Vectorize
from lobate.settings.training import Network

X, Y = 500_000.0, 4_000_000.0
COLUMNS = ["detection", "tile", "mean", "median", "minimum", "deviation", "pixels", "touches_edge", "touches_nodata"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Makes a model file with this header."""
    folder = tmp_path_factory.mktemp("model")
    network = build(Network(backbone="resnet18", weights="none", aspp_channels=16, low_level_channels=8), seed=1)

    def make(**header):
        path = folder / f"{'-'.join(header)}.safetensors"
        modelfile.save(path, network, header)
        return path

    return make


def vectorized(workshop, values, model, **settings):
    target = workshop.folder / "detections.gpkg"
    probability = workshop.probability("T", workshop.grid(X, Y, *values.shape), values)
    vectorize(probability, model, target, tile="T", vectorize_settings=Vectorize(**settings))
    return read_layer(target, "detections")


def test_bodies_get_the_tiles_name_and_their_probabilities(workshop, model):
    values = np.zeros((60, 80), dtype="uint8")
    values[10:20, 10:30] = 254
    values[40:50, 70:80] = 127
    values[20:25, 12:14] = 140
    frame = vectorized(workshop, values, model(threshold=0.5))
    assert frame.columns.drop("geometry").tolist() == COLUMNS
    assert frame["detection"].tolist() == ["T_00001", "T_00002"]
    assert frame["pixels"].sum() == 310
    assert frame.geometry.area.sum() == 31_000
    assert frame["touches_edge"].tolist().count(True) == 1
    assert frame.crs.to_epsg() == 32644


def test_the_setting_wins_over_the_models_threshold(workshop, model):
    values = np.full((20, 20), 100, dtype="uint8")
    values[5:9, 5:9] = 200
    assert vectorized(workshop, values, model(threshold=0.3))["pixels"].tolist() == [400]
    assert vectorized(workshop, values, model(threshold=0.3), threshold=0.7)["pixels"].tolist() == [16]


def test_a_model_without_threshold_is_a_mistake(workshop, model):
    with pytest.raises(UserError, match="no threshold of its own"):
        vectorized(workshop, np.zeros((20, 20), dtype="uint8"), model(seed=1))


def test_nothing_probable_gives_an_empty_layer_with_columns(workshop, model):
    frame = vectorized(workshop, np.zeros((20, 20), dtype="uint8"), model(threshold=0.5))
    assert len(frame) == 0
    assert set(COLUMNS) <= set(frame.columns)


def test_the_spread_of_several_models_comes_along(workshop, model):
    grid = workshop.grid(X, Y, 30, 30)
    values = np.zeros((2, 30, 30), dtype="uint8")
    values[0, 5:15, 5:15], values[1] = 200, 51
    probability, target = workshop.folder / "two.tif", workshop.folder / "detections.gpkg"
    with CogWriter(probability, grid, count=2, nodata=255) as writer:
        writer.write(values, 0)
    vectorize(probability, model(threshold=0.5), target, tile="T", vectorize_settings=Vectorize())
    frame = read_layer(target, "detections")
    assert frame[["pixels", "spread"]].to_numpy().tolist() == [[100, round(51 / 254, 4)]]


def test_a_raster_of_something_else_is_a_mistake(workshop, model):
    path = workshop.folder / "image.tif"
    with CogWriter(path, workshop.grid(X, Y, 30, 30), count=3, nodata=0) as writer:
        writer.write(np.zeros((3, 30, 30), dtype="uint8"), 0)
    with pytest.raises(UserError, match="this raster has 3 of uint8"):
        vectorize(path, model(threshold=0.5), path, tile="T", vectorize_settings=Vectorize())


def test_a_truncated_map_is_a_mistake(workshop, model):
    values = np.random.default_rng(0).integers(0, 255, (900, 900), dtype="uint8")
    path = workshop.probability("T", workshop.grid(X, Y, 900, 900), values)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(UserError, match=r"cannot be read.*truncated"):
        vectorize(path, model(threshold=0.5), workshop.folder / "x.gpkg", tile="T", vectorize_settings=Vectorize())
