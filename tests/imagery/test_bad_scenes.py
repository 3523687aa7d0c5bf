"""Bad scenes through the command line: one paragraph that names the file, exit status 2, and no result."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lobate.cli.main import main


def no_crs(products, folder):
    return [products.write_safe(folder, products.ground() + 1000, crs=None, suffix=".tif")], "no coordinate reference"


def different_grids(products, folder):
    other = {"origin": (500_010.0, 4_000_000.0)}
    return [
        products.write_safe(folder, products.ground() + 1000),
        products.write_safe(folder, products.ground() + 1000, date="20180820", grid=other),
    ], "different grids"


def tags_of_no_reflectance(products, folder):
    reflectance = (products.ground() / 10000).astype(np.float32)
    described = {"descriptions": ["B04", "B03", "B02"], "scales": [0.5] * 3, "offsets": [0.0] * 3}
    return [products.write_raster(folder / "scene.tif", reflectance, **described)], "float32"


def per_cent_without_a_unit(products, folder):
    numbers = (products.ground() / 100).astype(np.float32)
    return [products.write_raster(folder / "scene.tif", numbers)], "imagery.quantification"


def per_cent_in_a_product(products, folder):
    """The product's metadata are about the integers that were there."""
    return [products.write_safe(folder, (products.ground() / 100).astype(np.float32), suffix=".tif")], "no ground is"


def complex_numbers(products, folder):
    numbers = products.ground().astype(np.complex64)
    described = {"descriptions": ["B04", "B03", "B02"], "scales": [0.0001] * 3, "offsets": [0.0] * 3}
    return [products.write_raster(folder / "scene.tif", numbers, **described)], "complex64"


def all_nodata(products, folder):
    return [products.write_safe(folder, np.zeros((3, 40, 60), np.uint16))], "show nothing"


def all_cloud(products, folder):
    classes = np.full((20, 30), 9, np.uint8)
    return [products.write_safe(folder, products.ground() + 1000, classes=classes)], "show nothing"


def truncated_band(products, folder):
    scene = products.write_safe(folder, products.ground(600, 600) + 1000, suffix=".tif")
    [band] = scene.rglob("*_B03_10m.tif")
    band.write_bytes(band.read_bytes()[: band.stat().st_size // 2])
    return [scene], "B03_10m.tif"


def truncated_classification(products, folder):
    scene = products.write_safe(folder, products.ground(600, 600) + 1000, suffix=".tif")
    [band] = scene.rglob("*_SCL_20m.tif")
    band.write_bytes(band.read_bytes()[: band.stat().st_size // 2])
    return [scene], "SCL_20m.tif"


def truncated_zip(products, folder):
    packed = products.zip_safe(products.write_safe(folder, products.ground() + 1000))
    packed.write_bytes(packed.read_bytes()[:5000])
    return [packed], "cannot be read as a zip"


def zip_without_a_band(products, folder):
    safe = products.write_safe(folder, products.ground() + 1000)
    return [products.zip_safe(safe, without="B03")], "lacks B03 (bands found: B02, B04, SCL)"


def zip_that_escapes(products, folder):
    return [
        products.zip_safe(products.write_safe(folder, products.ground() + 1000), extra="../../out.jp2")
    ], "leaves the archive"


def no_classification(products, folder):
    return [products.write_safe(folder, products.ground() + 1000, with_classes=False)], "imagery.clouds.invalid_classes"


def unknown_offset(products, folder):
    return [products.write_safe(folder, products.ground() + 1000, offset=None)], "imagery.offset"


def too_cloudy(products, folder):
    return [products.write_safe(folder, products.ground() + 1000, cloud=70.6)], "70.6 % is over the limit of 5 %"


def damaged_metadata(products, folder):
    scene = products.write_safe(folder, products.ground() + 1000)
    (scene / "MTD_MSIL2A.xml").write_text("<n1:Level")
    return [scene], "not readable XML"


def nothing_there(products, folder):
    return [folder / "nowhere.SAFE"], "does not exist"


BAD = [
    no_crs, different_grids, tags_of_no_reflectance, per_cent_without_a_unit, per_cent_in_a_product, complex_numbers, all_nodata, all_cloud, truncated_band,
    truncated_classification, truncated_zip, zip_without_a_band, zip_that_escapes, no_classification, unknown_offset,
    too_cloudy, damaged_metadata, nothing_there,
]  # fmt: skip
ASKS_ONLY_NUMBERS = (all_nodata, all_cloud)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A place to call verbs from, with a store and settings of its own; returns settings and log as words."""
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    settings = {
        "region": "bad", "imagery": {"tiles": {"T": ["scene"]}}, "labels": {"positives": [{"path": "p.gpkg"}]}
    }  # fmt: skip
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    return ["--settings", str(tmp_path / "settings.json"), "--log", str(tmp_path / "log")]


def check_told(status, stderr, expected, folder):
    paragraph = stderr.strip()
    assert status == 2, stderr
    assert paragraph.startswith("Error: ")
    assert "\n" not in paragraph
    assert expected in paragraph
    assert not (folder / "out").exists()
    assert not list((folder / "store").glob("objects/*/*"))
    assert not list((folder / "store/work").iterdir())


@pytest.mark.parametrize("write", BAD, ids=lambda write: write.__name__)
def test_composing_ends_in_one_paragraph(products, tmp_path, desk, capfd, write):
    scenes, expected = write(products, tmp_path / "in")
    words = ["compose-rgb", "--scenes", *map(str, scenes), *desk]
    for name, file in (("image", "T.tif"), ("record", "T_scene.tif"), ("facts", "T.json")):
        words += [f"--{name}", str(tmp_path / "out" / file)]
    status = main(words)
    check_told(status, capfd.readouterr().err, expected, tmp_path)


@pytest.mark.parametrize("write", BAD, ids=lambda write: write.__name__)
def test_measuring_ends_in_one_paragraph(products, tmp_path, desk, capfd, write):
    scenes, expected = write(products, tmp_path / "in")
    words = ["measure-stretch", "--scenes", *map(str, scenes), "--tiles", *["T"] * len(scenes), *desk]
    status = main([*words, "--stretch", str(tmp_path / "out" / "stretch.json")])
    check_told(status, capfd.readouterr().err, "nodata or masked" if write in ASKS_ONLY_NUMBERS else expected, tmp_path)
