"""The same pixels have no data for every verb that reads what people bring, however their files say it."""

from __future__ import annotations

from itertools import product

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import ColorInterp

from lobate.cli.main import main
from lobate.errors import UserError
from lobate.imagery.compose_rgb import compose_rgb
from lobate.imagery.measure_stretch import measure_stretch
from lobate.inventory.describe import describe
from lobate.io.grid import Grid
from lobate.io.jsonfile import read_json
from lobate.io.vector import read_polygons, write_layers
from lobate.labels.rasterize_labels import rasterize_labels
from lobate.mapping.predict import predict
from lobate.network import modelfile
from lobate.network.deeplab import build
from lobate.settings.imagery import Clouds, Percentiles, Stretch
from lobate.settings.inventory import OtherInventory
from lobate.settings.mapping import Predict
from lobate.settings.training import Network

SIDE, BANDS = 32, ["B04", "B03", "B02"]
GRID = Grid(SIDE, SIDE, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
DTYPES = ("uint8", "uint16", "int16", "float32")
NO_CLASSES = Clouds(invalid_classes=[])


CANNOT_SAY = {("NaN", dtype): "integers have no NaN" for dtype in DTYPES if dtype != "float32"}
"""What no file can say, with the reason."""
CANNOT_TAKE = {
    ("predict", dtype): "a network maps 8-bit images, so compose-rgb comes before it"
    for dtype in DTYPES
    if dtype != "uint8"
}
"""Numbers that a verb refuses by their type, with the reason: what compose-rgb makes of them is tested instead."""


@pytest.fixture
def invalid():
    """Where nothing is known: a corner with soft edges, holes of a pixel, and most of a row."""
    hidden = np.random.default_rng(4).random((SIDE, SIDE)) < 0.1
    hidden[:9, :12] = hidden[20, :30] = True
    return hidden


def numbers(dtype, count):
    """Numbers of all types that are no nodata anywhere: 10 to 200, or as reflectance 0.01 to 0.2."""
    made = np.random.default_rng(7).integers(10, 200, (count, SIDE, SIDE)).astype(dtype)
    return made / np.float32(1000) if made.dtype.kind == "f" else made


def largest(dtype):
    return 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max


def nodata_value(pixels, invalid):
    value = {"uint8": 250, "uint16": 65535, "int16": -9999, "float32": -3.4028234663852886e38}[str(pixels.dtype)]
    pixels[:, invalid] = value
    return {"nodata": value}


def internal_mask(pixels, invalid):
    return {"mask": invalid, "internal": True}


def msk(pixels, invalid):
    return {"mask": invalid, "internal": False}


def alpha(pixels, invalid):
    return {"alpha": np.where(invalid, 0, largest(pixels.dtype)).astype(pixels.dtype)}


def soft_alpha(pixels, invalid):
    """It fades from row to row down to the least that is not 0."""
    steps = np.linspace(1 / 255, 1, SIDE)[:, np.newaxis] * np.ones((1, SIDE)) * largest(pixels.dtype)
    least = 1e-3 if np.dtype(pixels.dtype).kind == "f" else 1
    return {"alpha": np.where(invalid, 0, np.maximum(steps, least)).astype(pixels.dtype)}


def not_a_number(pixels, invalid):
    pixels[:, invalid] = np.nan
    return {}


KINDS = {
    "nodata": nodata_value, "internal mask": internal_mask, ".msk": msk, "alpha": alpha, "soft alpha": soft_alpha,
    "NaN": not_a_number,
}  # fmt: skip
CASES = [(kind, dtype) for kind, dtype in product(KINDS, DTYPES) if (kind, dtype) not in CANNOT_SAY]


def write(path, kind, dtype, invalid, count=3):
    """Write a raster of ``count`` bands that says by ``kind`` where nothing is known."""
    pixels = numbers(dtype, count)
    said = KINDS[kind](pixels, invalid)
    if "alpha" in said:
        pixels = np.concatenate([pixels, said["alpha"][np.newaxis]])
    options = {"count": len(pixels), "dtype": dtype, "nodata": said.get("nodata"), **GRID.profile()}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=said.get("internal", False)),
        rasterio.open(path, "w", driver="GTiff", **options) as target,
    ):
        colours = [ColorInterp.red, ColorInterp.green, ColorInterp.blue][:count] if count == 3 else [ColorInterp.gray]
        target.colorinterp = [*colours, *[ColorInterp.alpha] * (len(pixels) - count)]
        target.write(pixels)
        if "mask" in said:
            target.write_mask(~said["mask"])
    assert (path.with_name(path.name + ".msk")).exists() == (kind == ".msk")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    small = Network(backbone="resnet18", weights="none", aspp_channels=16, low_level_channels=8)
    network = build(small, seed=1)
    with torch.no_grad():
        network.decoder.logits.weight.mul_(300)
    modelfile.save(path, network, {"threshold": 0.5})
    return path


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def composed(image, folder, _model=None):
    settings = {"bands": BANDS, "stretch": Stretch(), "clouds": NO_CLASSES, "offset": "none"}
    compose_rgb([image], folder / "image.tif", folder / "record.tif", folder / "facts.json", **settings)
    pixels, record = read(folder / "image.tif"), read(folder / "record.tif")[0]
    assert np.array_equal((pixels == 0).any(axis=0), (pixels == 0).all(axis=0))
    assert np.array_equal(record == 0, (pixels == 0).all(axis=0))
    return record == 0


def predicted(image, folder, model):
    predict(image, model, folder / "map.tif", predict_settings=Predict(window=32, overlap=0, batch=1))
    return read(folder / "map.tif")[0] == 255


def mapped(image, folder, model):
    words = ["--model", model, "--out", folder / "out.gpkg", "--keep", folder / "kept", "--window", 32, "--overlap", 0]
    assert main(["map", *map(str, [image, *words, "--offset", "none", "--invalid-classes"])]) == 0
    return read(folder / f"kept/{image.stem}_probability.tif")[0] == 255


def labelled(image, folder, _model=None):
    nothing = gpd.GeoDataFrame({"class": [], "reason": [], "listed": np.empty(0, bool)}, geometry=[], crs="EPSG:4326")
    write_layers(folder / "polygons.gpkg", {"kept": nothing, "removed": nothing})
    rasterize_labels(image, folder / "polygons.gpkg", folder / "label.tif", ring_m=0.0)
    return read(folder / "label.tif")[0] == 255


def described(dem, folder, _model=None, rows=3):
    """An outline in each cell of some rows; where nothing is known none of it has an elevation."""
    cells = [GRID.crop(row, col, 1, 1).footprint.buffer(-1) for row in range(rows) for col in range(SIDE)]
    outlines = gpd.GeoDataFrame({"name": [f"{n:04d}" for n in range(len(cells))]}, geometry=cells, crs=GRID.crs)
    write_layers(folder / "others.gpkg", {"outlines": outlines.to_crs("EPSG:4326")})
    others = {"other": OtherInventory(path="x", id_field="name")}
    describe(folder / "others.gpkg", folder / "described.gpkg", dem, source="other", others_settings=others)
    share = read_polygons(folder / "described.gpkg", "described").sort_values("source_id")["dem_share"]
    return share.to_numpy().reshape(rows, SIDE) == 0


VERBS = {
    "compose_rgb": composed,
    "map": mapped,
    "predict": predicted,
    "rasterize_labels": labelled,
    "describe": described,
}
TABLE = [(verb, *case) for verb, case in product(VERBS, CASES)]


@pytest.mark.parametrize(("verb", "kind", "dtype"), TABLE)
def test_the_same_pixels_have_no_data_for_all(tmp_path, monkeypatch, model, invalid, verb, kind, dtype):
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    image = write(tmp_path / "scene.tif", kind, dtype, invalid)
    if (verb, dtype) in CANNOT_TAKE:
        with pytest.raises(UserError, match=r"8-bit images, but this one is .* `compose-rgb`"):
            VERBS[verb](image, tmp_path, model)
        composed(image, tmp_path, model)
        image = tmp_path / "image.tif"
    if verb == "describe":
        invalid[2, :] |= invalid[20, :]
        image, invalid = write(tmp_path / "dem.tif", kind, dtype, invalid, 1), invalid[:3]
    assert np.array_equal(VERBS[verb](image, tmp_path, model), invalid)


def test_the_table_is_whole():
    """Each kind in each type for each verb: 120 cells, of which 15 cannot be, since integers have no NaN."""
    left_out = [(verb, *case) for verb, case in product(VERBS, CANNOT_SAY)]
    assert len(TABLE) == 105
    assert {*TABLE, *left_out} == {*product(VERBS, KINDS, DTYPES)}
    for (_, dtype), reason in CANNOT_SAY.items():
        assert np.dtype(dtype).kind in "iu", reason


@pytest.mark.parametrize(("kind", "dtype"), [case for case in CASES if case[1] != "uint8"])
def test_a_range_is_measured_on_pixels_with_data_only(tmp_path, invalid, kind, dtype):
    """Finished 8-bit images have no range."""
    image = write(tmp_path / "scene.tif", kind, dtype, invalid)
    settings = {"bands": BANDS, "percentiles": Percentiles(), "clouds": NO_CLASSES, "offset": "none"}
    measure_stretch([image], tmp_path / "stretch.json", tiles=["A"], **settings)
    assert read_json(tmp_path / "stretch.json", "ranges")["pixels"] == {"A": int((~invalid).sum())}


@pytest.mark.parametrize("kind", ["alpha", "soft alpha", "internal mask"])
def test_masks_and_nodata_of_one_file_both_count(tmp_path, invalid, kind):
    """GDAL obeys one of them; what is hidden by either has no data."""
    path = write(tmp_path / "scene.tif", kind, "uint16", invalid)
    with rasterio.open(path, "r+") as scene:
        pixels = scene.read([1, 2, 3])
        pixels[:, 30:] = 65535
        scene.write(pixels, [1, 2, 3])
        scene.nodata = 65535
    invalid[30:] = True
    assert np.array_equal(composed(path, tmp_path), invalid)
    assert np.array_equal(labelled(path, tmp_path), invalid)
