"""`lobate map`: scenes in, detections out, and one paragraph for whatever is wrong."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from rasterio.crs import CRS

from lobate.cli.main import main
from lobate.cli.map import _names
from lobate.io.grid import Grid
from lobate.io.raster import CogWriter
from lobate.io.vector import read_layer
from lobate.network import modelfile
from lobate.network.deeplab import build
from lobate.settings.training import Network

SMALL = Network(backbone="resnet18", weights="none", aspp_channels=16, low_level_channels=8)
QUICK = ["--window", "96", "--overlap", "32", "--min-area-km2", "0.01"]


@pytest.fixture(autouse=True)
def at_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    network = build(SMALL, seed=1)
    with torch.no_grad():
        network.decoder.logits.weight.mul_(300)
    modelfile.save(path, network, {"threshold": 0.5})
    return path


def pixels(height, width, bands=3, seed=0):
    """Smooth noise, which a random network answers with bodies of some size."""
    coarse = np.random.default_rng(seed).integers(1, 255, (bands, height // 16 + 1, width // 16 + 1))
    return coarse.repeat(16, axis=1).repeat(16, axis=2)[:, :height, :width].astype(np.uint8)


def write(path, values, x=500_000.0, **options):
    count, *shape = values.shape
    grid = Grid(*shape, Affine(10, 0, x, 0, -10, 4_000_000), CRS.from_epsg(32644))
    with CogWriter(path, grid, dtype=str(values.dtype), count=count, nodata=0, **options) as writer:
        writer.write(values, 0)
    return path


def mapped(*words, status=0):
    assert main(["map", *map(str, words)]) == status


def test_neighbouring_images_become_one_layer_of_detections(tmp_path, model, capfd):
    whole = pixels(150, 250)
    west = write(tmp_path / "west.tif", whole[:, :, :160])
    east = write(tmp_path / "east.tif", whole[:, :, 100:], x=501_000.0)
    mapped(west, east, "--model", model, "--out", "detections.gpkg", *QUICK)
    told = capfd.readouterr()
    kept, removed = (read_layer(tmp_path / "detections.gpkg", layer) for layer in ("kept", "removed"))
    assert f"kept: {len(kept)}, removed: {len(removed)}, from scenes: 2. They are in detections.gpkg" in told.out
    assert len(kept) > 0 and (kept["area_m2"] >= 10_000).all() and (removed["area_m2"] < 10_000).all()
    assert {"west", "east"} <= set(",".join(kept["tiles"]).split(","))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["detections.gpkg", "east.tif", "store", "west.tif"]
    assert len(list((tmp_path / "store/links").glob("*/*"))) == 0, "what lies in between goes with the job"
    assert told.err.count("computed ") == 8

    mapped(west, east, "--model", model, "--out", "again.gpkg", *QUICK)
    assert (tmp_path / "again.gpkg").read_bytes() == (tmp_path / "detections.gpkg").read_bytes()
    assert capfd.readouterr().err.count("computed ") == 0  # the name of what comes out is part of no step


def test_a_product_of_reflectances_is_composed_first(tmp_path, model, capfd):
    path = tmp_path / "S2A_20180711.tif"
    values = pixels(96, 128).astype(np.uint16) * 10
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint16", "width": 128, "height": 96, "crs": "EPSG:32644"}
    with rasterio.open(path, "w", **profile, transform=Affine(10, 0, 5e5, 0, -10, 4e6)) as dataset:
        dataset.write(values)
        dataset.descriptions = ("B04", "B03", "B02")
        dataset.scales = (0.0001,) * 3
        dataset.offsets = (0.0,) * 3
    mapped(path, "--model", model, "--out", "found.gpkg", "--threshold", "0.4", "--keep", "parts", *QUICK)
    with rasterio.open(tmp_path / "parts/S2A_20180711.tif") as image:
        assert (image.dtypes[0], image.descriptions) == ("uint8", ("B04", "B03", "B02"))
        assert image.read(1).std() > 20
    with rasterio.open(tmp_path / "parts/S2A_20180711_probability.tif") as probability:
        assert probability.shape == (96, 128)
    assert "from scenes: 1. They are in found.gpkg" in capfd.readouterr().out


def test_a_product_is_shown_as_the_training_images_were(tmp_path, model, capfd):
    """Ranges that were measured for the training, bands and offset that the file does not tell."""
    path, numbers = tmp_path / "raw.tif", pixels(96, 128).astype(np.uint16) * 10 + 1000
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint16", "width": 128, "height": 96, "crs": "EPSG:32644"}
    with rasterio.open(path, "w", **profile, transform=Affine(10, 0, 5e5, 0, -10, 4e6)) as dataset:
        dataset.write(numbers)
    ranges = {"B02": (0.01, 0.11), "B03": (0.02, 0.22), "B04": (0.05, 0.2)}
    text = {"ranges": {band: {"lowest": low, "highest": high} for band, (low, high) in ranges.items()}}
    (tmp_path / "stretch.json").write_text(json.dumps(text))
    words = [
        path,
        "--model",
        model,
        "--out",
        "found.gpkg",
        "--stretch",
        "stretch.json",
        "--band-order",
        *ranges,
        *QUICK,
    ]
    assert "--offset none" in refused(capfd, tmp_path, *words)
    mapped(*words, "--offset", "1000", "--keep", "parts")
    with rasterio.open(tmp_path / "parts/raw.tif") as image:
        for index, band in enumerate(image.descriptions, 1):
            (low, high), reflectance = ranges[band], numbers[list(ranges).index(band)] / 10_000 - 0.1
            wanted = np.clip(1 + np.floor((reflectance - low) * 254 / (high - low) + 0.5 + 1e-9), 1, 255)
            np.testing.assert_array_equal(image.read(index), wanted, err_msg=band)


@pytest.mark.parametrize(
    ("known", "words", "meant"),
    [
        ([(0.0, 0.4)] * 3, [], [(0.0, 0.4)] * 3),
        ([(0.02, 0.31), (0.01, 0.28), (0.0, 0.25)], [], [(0.02, 0.31), (0.01, 0.28), (0.0, 0.25)]),
        ([(0.02, 0.31), (0.01, 0.28), (0.0, 0.25)], ["--highest", "0.2"], [(0.02, 0.2), (0.01, 0.2), (0.0, 0.2)]),
        (None, [], [(0.0, 0.3)] * 3),
    ],
)
def test_a_product_is_shown_as_the_model_says_it_was_trained(tmp_path, capfd, known, words, meant):
    """By its own ranges, one for all bands or one for each; what is asked for goes before; a guess is told."""
    path, numbers, bands = tmp_path / "raw.tif", pixels(96, 128).astype(np.uint16) * 10, ["B04", "B03", "B02"]
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint16", "width": 128, "height": 96, "crs": "EPSG:32644"}
    with rasterio.open(path, "w", **profile, transform=Affine(10, 0, 5e5, 0, -10, 4e6)) as dataset:
        dataset.write(numbers)
    named = known and {band: {"lowest": low, "highest": high} for band, (low, high) in zip(bands, known, strict=True)}
    taught = tmp_path / "taught.safetensors"
    modelfile.save(taught, build(SMALL, seed=1), {"threshold": 0.5, "bands": bands, "stretch": named})
    mapped(path, "--model", taught, "--out", "found.gpkg", "--offset", "none", "--keep", "parts", *words, *QUICK)
    with rasterio.open(tmp_path / "parts/raw.tif") as image:
        for index, (low, high) in enumerate(meant, 1):
            wanted = np.clip(
                1 + np.floor((numbers[index - 1] / 10_000 - low) * 254 / (high - low) + 0.5 + 1e-9), 1, 255
            )
            np.testing.assert_array_equal(image.read(index), wanted)
    assert ("does not record which reflectances were 1 and 255 in its training" in capfd.readouterr().err) is (
        known is None
    )


def test_an_8_bit_image_asks_for_no_range(model, good, capfd):
    mapped(good, "--model", model, "--out", "found.gpkg", *QUICK)
    assert "reflectance" not in capfd.readouterr().err


def test_which_classes_are_masked(tmp_path, model, capfd):
    path, numbers = tmp_path / "classed.tif", np.full((4, 96, 96), 1500, np.uint16)
    numbers[3], numbers[3, :40] = 4, 9
    profile = {"driver": "GTiff", "count": 4, "dtype": "uint16", "width": 96, "height": 96, "crs": "EPSG:32644"}
    with rasterio.open(path, "w", **profile, transform=Affine(10, 0, 5e5, 0, -10, 4e6)) as dataset:
        dataset.write(numbers)
        dataset.descriptions = ("B04", "B03", "B02", "SCL")
    words = [path, "--model", model, "--out", "found.gpkg", "--offset", "none", *QUICK, "--keep"]
    mapped(*words, "masked")
    mapped(*words, "whole", "--invalid-classes")
    for folder, empty in (("masked", 40 * 96), ("whole", 0)):
        with rasterio.open(tmp_path / folder / "classed.tif") as image:
            assert (image.read(1) == 0).sum() == empty


def test_names_of_scenes(tmp_path):
    paths = [tmp_path / name for name in ("a/x.tif", "b/x.tif", "c/x.SAFE", "my scene (1).tif", "_.tif")]
    assert _names(paths) == ["x", "x-2", "x-3", "my_scene_1", "scene"]


@pytest.fixture
def good(tmp_path):
    return write(tmp_path / "good.tif", pixels(64, 64))


def refused(capfd, tmp_path, *words):
    """Return what was said; nothing was made but what the store keeps of good steps."""
    before = {path.name for path in tmp_path.iterdir()}
    mapped(*words, status=2)
    told = capfd.readouterr().err
    assert "Traceback" not in told
    assert {path.name for path in tmp_path.iterdir()} <= before | {"store"}
    work = tmp_path / "store/work"
    assert not work.exists() or list(work.iterdir()) == []
    return told


def test_images_that_cannot_be_mapped(tmp_path, model, capfd):
    cut = write(tmp_path / "cut.tif", np.random.default_rng(0).integers(1, 255, (3, 600, 600)).astype(np.uint8))
    cut.write_bytes(cut.read_bytes()[:-200_000])
    four = write(tmp_path / "four.tif", pixels(64, 64, bands=4))
    deep = write(tmp_path / "deep.tif", pixels(64, 64).astype(np.uint16))
    real = write(tmp_path / "real.tif", pixels(64, 64).astype(np.float32))
    (tmp_path / "text.tif").write_text("this is no image")
    for path, words in [
        (cut, "cut.tif"),
        (four, "four.tif"),
        (deep, "deep.tif"),
        (real, "real.tif"),
        (tmp_path / "text.tif", "text.tif"),
        (tmp_path / "none.tif", "does not exist"),
    ]:
        told = refused(capfd, tmp_path, path, "--model", model, "--out", "out.gpkg", *QUICK)
        assert words in told
        assert len([line for line in told.splitlines() if line.startswith("Error")]) == 1


def test_models_that_cannot_map(tmp_path, model, good, capfd):
    short = tmp_path / "short.safetensors"
    short.write_bytes(model.read_bytes()[:-100])
    flipped = tmp_path / "flipped.safetensors"
    content = bytearray(model.read_bytes())
    content[-50] ^= 0xFF
    flipped.write_bytes(content)
    other = tmp_path / "other.safetensors"
    modelfile.save(other, build(SMALL, channels=4), {"threshold": 0.5})
    for path, words in [
        (short, "damaged"),
        (flipped, "damaged"),
        (other, "band"),
        (tmp_path / "none.safetensors", "no such model"),
    ]:
        assert words in refused(capfd, tmp_path, good, "--model", path, "--out", "out.gpkg", *QUICK)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "out.gpkg"], "No scene was given"),
        (["good.tif", "--out", "out.tif"], ".gpkg, .geojson, .parquet or .shp"),
        (["good.tif", "--out", "out.gpkg", "--window", "100"], "window"),
        (["good.tif", "--out", "out.gpkg", "--overlap", "300"], "overlap"),
        (["good.tif", "--out", "out.gpkg", "--threshold", "2"], "threshold"),
        (["good.tif", "--out", "out.gpkg", "--batch", "many"], "batch"),
        (["good.tif", "--out", "out.gpkg", "--lowest", "0.5"], "lowest"),
        (["good.tif", "--out", "out.gpkg", "--max-slope-deg", "20"], "--dem"),
        (["good.tif", "--out", "out.gpkg", "--dem", "none.tif"], "none.tif does not exist"),
        (["good.tif", "--out", "out.gpkg", "--stretch", "none.json"], "none.json does not exist"),
        (
            ["good.tif", "--out", "out.gpkg", "--stretch", "good.tif"],
            "It should be a file of ranges written by `measure-stretch`",
        ),
        (["good.tif", "--out", "out.gpkg", "--stretch", "good.tif", "--lowest", "0"], "--lowest both set"),
        (["good.tif", "--out", "out.gpkg", "--lowest", "0.5"], "highest must be greater"),
    ],
)
def test_wishes_that_cannot_be_met(tmp_path, model, good, capfd, words, told):
    assert told in refused(capfd, tmp_path, *words, "--model", model)


def test_an_input_is_never_overwritten(tmp_path, model, capfd):
    scene = write(tmp_path / "scene.gpkg", pixels(64, 64))
    before = scene.read_bytes()
    assert "would overwrite" in refused(capfd, tmp_path, scene, "--model", model, "--out", scene)
    assert scene.read_bytes() == before


def test_killed_in_the_middle_nothing_half_written_is_left(tmp_path, model, capfd):
    image = write(tmp_path / "large.tif", pixels(900, 900))
    words = ["map", str(image), "--model", str(model), "--out", "out.gpkg", "--threshold", "0.5"]
    (tmp_path / "out.gpkg").write_text("an older result")
    job = subprocess.Popen([sys.executable, "-m", "lobate", *words], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "store/work").glob("predict*/**/*.part.tif")):
            assert job.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(job.pid, signal.SIGKILL)
        job.wait()
    assert (tmp_path / "out.gpkg").read_text() == "an older result"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.tif", "out.gpkg", "store"]
    assert all(path.suffix != ".tif" for path in (tmp_path / "store/objects").rglob("*"))
    assert main(words) == 0
    assert len(read_layer(tmp_path / "out.gpkg", "kept")) >= 0
    assert "restored compose_rgb" in capfd.readouterr().err


def test_a_model_that_learnt_nothing_is_told_before_it_maps(tmp_path, capfd):
    network = Network(backbone="mobilenetv2_050", weights="none", aspp_channels=8, low_level_channels=8)
    path = tmp_path / "tampered.safetensors"
    modelfile.save(path, build(network, seed=0), {"threshold": 0.5, "learnt_nothing": "its IoU is low"})
    mapped(tmp_path / "none.tif", "--model", path, "--out", tmp_path / "out.gpkg", status=2)
    assert "THE MODEL LEARNT NOTHING: its IoU is low." in capfd.readouterr().out
