import numpy as np
import pytest
import rasterio
import torch

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.mapping.predict import predict
from lobate.network import modelfile
from lobate.network.deeplab import build, landform_probability, set_output_stride
from lobate.rasters import CogWriter
from lobate.settings.mapping import Predict
from lobate.settings.training import Network

X, Y = 500_000.0, 4_000_000.0
SMALL = Network(backbone="resnet18", weights="none", aspp_channels=16, low_level_channels=8)
WHOLE = Predict(window=96, overlap=0, batch=1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    modelfile.save(path, build(SMALL, seed=1), {"threshold": 0.5})
    return path


def image(workshop, pixels):
    path = workshop.folder / "image.tif"
    count, height, width = pixels.shape
    with CogWriter(path, workshop.grid(X, Y, height, width), dtype=str(pixels.dtype), count=count, nodata=0) as writer:
        writer.write(pixels, 0)
    return path


def noise(*shape, dtype="uint8"):
    return np.random.default_rng(0).integers(1, 255, shape).astype(dtype)


def predicted(workshop, path, model, settings=WHOLE):
    target = workshop.folder / "probability.tif"
    predict(path, model, target, predict_settings=settings)
    with rasterio.open(target) as dataset:
        return dataset.read(1), dataset


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
    assert Grid.of(workshop.folder / "probability.tif").same_as(Grid.of(path))


def test_bands_that_the_model_does_not_know_are_a_mistake(workshop, model):
    with pytest.raises(Mistake, match="4 bands"):
        predicted(workshop, image(workshop, noise(4, 64, 64)), model)
    assert list(workshop.folder.glob("probability*")) == []


def test_sixteen_bits_are_a_mistake(workshop, model):
    with pytest.raises(Mistake, match=r"8-bit.*uint16"):
        predicted(workshop, image(workshop, noise(3, 64, 64, dtype="uint16")), model)


def test_a_truncated_image_is_a_mistake_and_leaves_nothing(workshop, model):
    path = image(workshop, noise(3, 600, 600))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Mistake, match="cannot be read"):
        predicted(workshop, path, model, Predict(window=480, overlap=0))
    assert list(workshop.folder.glob("probability*")) == []


def test_a_damaged_model_is_a_mistake(workshop, model):
    damaged = workshop.folder / "model.safetensors"
    damaged.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(Mistake, match="damaged"):
        predicted(workshop, image(workshop, noise(3, 64, 64)), damaged)
