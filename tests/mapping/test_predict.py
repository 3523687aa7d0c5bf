"""Probability maps by one model and by several, with test-time augmentation; wrong images and models are mistakes."""

from itertools import product

import numpy as np
import pytest
import rasterio
import torch

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.qgis.rasters import probability_style, raster_qml
from lobate.io.raster import CogWriter
from lobate.io.vector import read_layer
from lobate.mapping.predict import predict, without_ensemble_paths
from lobate.mapping.vectorize import vectorize
from lobate.network import inference_graph, modelfile, sliding_window
from lobate.network.deeplab import build, landform_probability, set_output_stride
from lobate.settings.mapping import Predict, Tta, Vectorize
from lobate.settings.training import Network

X, Y = 500_000.0, 4_000_000.0
SMALL = Network(backbone="resnet18", weights="none", aspp_channels=16, low_level_channels=8)
WHOLE = Predict(window=96, overlap=0, batch=1)


def save(path, seed, channels=3, **header):
    """Write a small model whose answers are spread over 0..1, as a trained one's are."""
    network = build(SMALL, seed=seed, channels=channels)
    with torch.no_grad():
        network.decoder.logits.weight.mul_(300)
    modelfile.save(path, network, {"threshold": 0.5, **header})
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model") / "model.safetensors", seed=1)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return save(tmp_path_factory.mktemp("other") / "model.safetensors", seed=2)


def image(workshop, pixels):
    path = workshop.folder / "image.tif"
    count, height, width = pixels.shape
    with CogWriter(path, workshop.grid(X, Y, height, width), dtype=str(pixels.dtype), count=count, nodata=0) as writer:
        writer.write(pixels, 0)
    return path


def noise(*shape, dtype="uint8"):
    return np.random.default_rng(0).integers(1, 255, shape).astype(dtype)


def predicted(workshop, path, model, settings=WHOLE, more_models=None):
    target = workshop.folder / "probability.tif"
    predict(path, model, target, more_models, predict_settings=settings)
    with rasterio.open(target) as dataset:
        return dataset.read(1), dataset


def answer(model, pixels):
    """Return the plain network's values (H, W) for an image (C, H, W)."""
    network, _ = modelfile.load(model)
    with torch.inference_mode():
        return landform_probability(network)(torch.from_numpy(np.ascontiguousarray(pixels))[None])[0].numpy()


def test_the_colours_of_the_map_lie_beside_it(workshop, model):
    style = workshop.folder / "probability.qml"
    predict(
        image(workshop, noise(3, 40, 40)),
        model,
        workshop.folder / "probability.tif",
        style=style,
        predict_settings=WHOLE,
    )
    assert style.read_text() == raster_qml(probability_style())


@pytest.mark.parametrize("stride", ["model", 8])
def test_one_window_gives_what_the_network_gives(workshop, model, stride):
    pixels = noise(3, 96, 96)
    pixels[:, :10] = 0
    values, dataset = predicted(
        workshop, image(workshop, pixels), model, WHOLE.model_copy(update={"output_stride": stride})
    )
    network, _ = modelfile.load(model)
    set_output_stride(network, 16 if stride == "model" else stride)
    with torch.inference_mode():
        expected = 254 * landform_probability(network)(torch.from_numpy(pixels[np.newaxis]))[0].numpy()
    assert (values[:10] == 255).all()
    assert np.abs(values[10:] - expected[10:]).max() <= 0.51
    assert (dataset.nodata, dataset.dtypes, dataset.shape) == (255, ("uint8",), (96, 96))


def test_windows_cover_an_image_of_any_size_on_its_own_grid(workshop, model):
    path = image(workshop, noise(3, 70, 130))
    values, _ = predicted(workshop, path, model, Predict(window=64, overlap=32, batch=3))
    assert (values != 255).all()
    with rasterio.open(workshop.folder / "probability.tif") as probability, rasterio.open(path) as source:
        assert Grid.from_raster(probability).same_as(Grid.from_raster(source))


def test_bands_that_the_model_does_not_know_are_a_mistake(workshop, model):
    with pytest.raises(UserError, match="4 bands"):
        predicted(workshop, image(workshop, noise(4, 64, 64)), model)
    assert list(workshop.folder.glob("probability*")) == []


def test_sixteen_bits_are_a_mistake(workshop, model):
    with pytest.raises(UserError, match=r"8-bit.*uint16"):
        predicted(workshop, image(workshop, noise(3, 64, 64, dtype="uint16")), model)


def test_a_truncated_image_is_a_mistake_and_leaves_nothing(workshop, model):
    path = image(workshop, noise(3, 600, 600))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="cannot be read"):
        predicted(workshop, path, model, Predict(window=480, overlap=0))
    assert list(workshop.folder.glob("probability*")) == []


def test_a_damaged_model_is_a_mistake(workshop, model):
    damaged = workshop.folder / "model.safetensors"
    damaged.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        predicted(workshop, image(workshop, noise(3, 64, 64)), damaged)


def test_a_damaged_model_among_several_is_a_mistake(workshop, model):
    damaged = workshop.folder / "other.safetensors"
    damaged.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"other\.safetensors.*damaged"):
        predicted(workshop, image(workshop, noise(3, 64, 64)), model, more_models=[damaged])


def test_symmetries_are_the_mean_of_eight_looks(workshop, model):
    pixels = noise(3, 96, 96)
    values, _ = predicted(
        workshop, image(workshop, pixels), model, WHOLE.model_copy(update={"tta": Tta(symmetries=True)})
    )
    looks = []
    for quarters, mirrored in product(range(4), (False, True)):
        seen = np.rot90(pixels, quarters, (1, 2))
        values_seen = answer(model, seen[:, :, ::-1] if mirrored else seen)
        looks.append(np.rot90(values_seen[:, ::-1] if mirrored else values_seen, -quarters))
    assert np.ptp(looks, axis=0).mean() > 0.02
    assert np.abs(values - 254 * np.mean(looks, axis=0)).max() <= 0.51


def test_scales_are_averaged(workshop, model):
    pixels = noise(3, 96, 96)
    path = image(workshop, pixels)
    plain, _ = predicted(workshop, path, model)
    values, _ = predicted(workshop, path, model, WHOLE.model_copy(update={"tta": Tta(scales=[0.5, 1.0])}))
    small, _ = predicted(workshop, path, model, WHOLE.model_copy(update={"tta": Tta(scales=[0.5])}))
    assert np.abs(small.astype(int) - plain).mean() > 2
    assert np.abs(values - (small.astype(float) + plain) / 2).max() <= 1.01


def test_several_models_give_their_mean_and_spread(workshop, model, other):
    pixels = noise(3, 96, 96)
    pixels[:, 20:30, 40:50] = 0
    values, dataset = predicted(workshop, image(workshop, pixels), model, more_models=[other])
    with rasterio.open(workshop.folder / "probability.tif") as written:
        spread = written.read(2)
        assert (written.count, written.descriptions) == (2, ("probability", "spread"))
    one, two = answer(model, pixels), answer(other, pixels)
    valid = pixels.any(axis=0)
    assert (values[~valid] == 255).all() and (spread[~valid] == 255).all()
    assert np.abs(values - 127 * (one + two))[valid].max() <= 0.51
    assert np.abs(spread - 127 * np.abs(one - two))[valid].max() <= 0.51
    assert spread[valid].mean() > 2
    assert dataset.nodata == 255


def test_outlines_come_from_the_mean_of_several_models(workshop, model, other):
    path = image(workshop, noise(3, 96, 96))
    values, _ = predicted(workshop, path, model, more_models=[other])
    target = workshop.folder / "detections.gpkg"
    settings = Vectorize(threshold=0.5)
    vectorize(workshop.folder / "probability.tif", target, tile="T", vectorize_settings=settings)
    assert read_layer(target, "detections")["pixels"].sum() == (values >= 127).sum() > 0


def test_models_of_other_bands_do_not_go_together(workshop, model):
    four = save(workshop.folder / "four.safetensors", seed=3, channels=4)
    with pytest.raises(UserError, match=r"four\.safetensors was trained on other bands .*channels: 4; 3"):
        predicted(workshop, image(workshop, noise(3, 64, 64)), model, more_models=[four])


def test_models_that_were_shown_other_reflectances_do_not_go_together(workshop, model):
    """The image can be made for one of them only. A model that does not say goes with any."""
    dark, bright = (
        save(workshop.folder / f"{high}.safetensors", seed=3, stretch={"B04": {"lowest": 0.0, "highest": high}})
        for high in (0.2, 0.3)
    )
    tile = image(workshop, noise(3, 64, 64))
    predicted(workshop, tile, model, more_models=[dark])
    with pytest.raises(
        UserError, match=r"0\.3\.safetensors was trained on another range of reflectance than .*0\.2\.safetensors"
    ):
        predicted(workshop, tile, dark, more_models=[bright])


def test_the_order_of_bands_counts(workshop):
    path = save(workshop.folder / "model.safetensors", seed=3, bands=["B08", "B04", "B03"])
    pixels = noise(3, 64, 64)
    target = workshop.folder / "image.tif"
    grid = workshop.grid(X, Y, 64, 64)
    with CogWriter(target, grid, count=3, nodata=0, descriptions=["B04", "B03", "B02"]) as writer:
        writer.write(pixels, 0)
    with pytest.raises(UserError, match="B04, B03, B02, but the model was trained on B08, B04, B03"):
        predicted(workshop, target, path)


def test_the_names_of_an_ensemble_s_files_do_not_count():
    settings = Predict(ensemble=["resources/models/other.safetensors"], batch=2)
    assert without_ensemble_paths(settings) == Predict(batch=2)


def test_the_image_is_opened_to_be_described_and_to_be_read(workshop, model, other, monkeypatch):
    opened, open_raster = [], sliding_window.open_raster
    monkeypatch.setattr(sliding_window, "open_raster", lambda path: opened.append(path) or open_raster(path))
    path = image(workshop, noise(3, 64, 64))
    predicted(workshop, path, model, more_models=[other])
    assert opened == [path, path]


@pytest.mark.parametrize(("asked", "expected"), [(True, 1), (False, 0), ("auto", 0)])
def test_a_small_network_is_compiled_only_when_asked_to(workshop, model, monkeypatch, asked, expected):
    compiled = []
    monkeypatch.setattr(inference_graph, "compile_model", lambda network: compiled.append(network) or network)
    predicted(workshop, image(workshop, noise(3, 64, 64)), model, WHOLE.model_copy(update={"compile": asked}))
    assert len(compiled) == expected


def test_scales_and_batches_out_of_range_are_refused():
    for wrong in (
        {"batch": 0},
        {"batch": "many"},
        {"tta": {"scales": []}},
        {"tta": {"scales": [9]}},
        {"output_stride": 4},
    ):
        with pytest.raises(ValueError):
            Predict.model_validate(wrong)
