"""The exported data set: read back by the rules of its formats, and by their own readers where they are installed."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.coords import disjoint_bounds
from rasterio.features import rasterize
from rasterio.merge import merge
from rasterio.transform import from_origin
from shapely import Polygon, box
from tests.needs import lacking
from tests.servers.tokens import PYTHON

from lobate.cli.main import main
from lobate.errors import UserError
from lobate.io.vector import write_layers
from lobate.labels.annotations.outlines import import_labels
from lobate.patches.dataset_files import USE, DatasetNames, coco_annotations, export_dataset, run_lengths

SIDE = 32
NAMES = DatasetNames("r", "rock glacier", "CC-BY-4.0", is_synthetic=False)


def rows(sides, tile="T"):
    count = len(sides)
    columns = {
        "patch": [f"{tile}_{n:05d}" for n in range(count)],
        "tile": tile,
        "row": range(count),
        "side": sides,
        "fold": [0, *[1] * (count - 1)],
        "clash": "",
        "window_row": [10 * n for n in range(count)],
        "window_col": 5,
        "height": [SIDE, *[SIDE - 8] * (count - 1)],
        "width": SIDE,
    }
    return gpd.GeoDataFrame(columns, geometry=[box(83, 33, 83.1, 33.1)] * count, crs=4326)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A region with one tile, a patch with a ring and an ignored strip, a validation patch, a dropped and a test patch."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/r"
    (folder / "imagery").mkdir(parents=True)
    (folder / "patches/test").mkdir(parents=True)
    profile = {"driver": "GTiff", "height": 100, "width": 120, "count": 3, "dtype": "uint8", "crs": "EPSG:32644"}
    with rasterio.open(
        folder / "imagery/T.tif", "w", transform=from_origin(500000, 4000000, 10, 10), **profile
    ) as image:
        image.write(np.random.default_rng(1).integers(1, 256, (3, 100, 120), dtype=np.uint8))
    patches = np.random.default_rng(2).integers(1, 256, (3, SIDE, SIDE, 4), dtype=np.uint8)
    patches[..., 3] = 0
    patches[0, 4:20, 4:20, 3] = 1
    patches[0, 8:12, 8:12, 3] = 0  # a hole
    patches[0, 25:28, 3:9, 3] = 1
    patches[0, :, 30:, 3] = 255
    patches[1:, SIDE - 8 :] = (0, 0, 0, 255)
    np.save(folder / "patches/T.npy", patches)
    np.save(folder / "patches/test/T.npy", patches[:1])
    write_layers(folder / "patches/split.gpkg", {"split": rows(["training", "validation", "dropped"])})
    write_layers(folder / "patches/test/T.gpkg", {"patches": rows(["test"])})
    return folder


def painted(annotation, shape):
    """Return the pixels of an annotation, by the rules of the format."""
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, dict):
        values = np.repeat(np.arange(len(segmentation["counts"])) % 2, segmentation["counts"])
        return values.reshape(segmentation["size"], order="F").astype(bool)
    rings = [Polygon(np.reshape(ring, (-1, 2))) for ring in segmentation]
    return rasterize(rings, out_shape=shape, dtype=np.uint8).astype(bool)


def mask_of(annotations, shape):
    mask = np.zeros(shape, np.uint8)
    for one in annotations:
        mask[painted(one, shape)] = 255 if one["iscrowd"] else 1
    return mask


def test_images_and_masks_lie_where_the_patches_were_cut(results, tmp_path):
    counts = export_dataset(results, tmp_path / "out", NAMES)
    assert counts == {"training": 1, "validation": 1, "test": 1}
    patches = np.load(results / "patches/T.npy")
    for side, row, name in (("training", 0, "T_00000"), ("validation", 1, "T_00001"), ("test", 0, "T_00000")):
        height = SIDE if row == 0 else SIDE - 8
        with (
            rasterio.open(tmp_path / f"out/{side}/images/{name}.tif") as image,
            rasterio.open(tmp_path / f"out/{side}/masks/{name}.tif") as mask,
        ):
            assert (image.read() == np.moveaxis(patches[row, :height, :, :3], -1, 0)).all()
            assert (mask.read(1) == patches[row, :height, :, 3]).all()
            assert image.transform == mask.transform == from_origin(500050, 4000000 - 100 * row, 10, 10)
            assert (image.crs, image.shape) == (mask.crs, mask.shape)
            assert (image.nodata, mask.nodata) == (0, 255)


def test_coco_annotations_are_the_masks(results, tmp_path):
    export_dataset(results, tmp_path / "out", NAMES)
    for side in ("training", "validation", "test"):
        content = json.loads((tmp_path / f"out/annotations/{side}.json").read_text())
        assert content["categories"] == [{"id": 1, "name": "rock glacier", "supercategory": "landform"}]
        assert content["licenses"][0]["name"] == "CC-BY-4.0"
        assert len({one["id"] for one in content["annotations"]}) == len(content["annotations"])
        for image in content["images"]:
            with rasterio.open(tmp_path / "out" / image["file_name"].replace("/images/", "/masks/")) as file:
                mask = file.read(1)
            own = [one for one in content["annotations"] if one["image_id"] == image["id"]]
            assert (image["height"], image["width"]) == mask.shape
            assert (mask_of(own, mask.shape) == mask).all()


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 255])))
def test_any_mask_comes_back_from_its_annotations(mask):
    found = [*coco_annotations(mask)]
    assert (mask_of(found, mask.shape) == mask).all()
    for one in found:
        pixels = painted(one, mask.shape)
        rows_of, columns = np.nonzero(pixels)
        left, top, width, height = one["bbox"]
        assert one["area"] == pixels.sum()
        assert (left, top) == (columns.min(), rows_of.min())
        assert (left + width, top + height) == (columns.max() + 1, rows_of.max() + 1)


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_runs_fill_the_mask(pixels):
    runs = run_lengths(pixels)
    assert sum(runs) == pixels.size
    assert all(run > 0 for run in runs[1:])
    assert (np.repeat(np.arange(len(runs)) % 2, runs).reshape(pixels.shape, order="F") == pixels).all()


def test_what_was_exported_can_be_imported(results, tmp_path, caplog):
    export_dataset(results, tmp_path / "out", NAMES)
    assert import_labels(tmp_path / "out/annotations/training.json", tmp_path / "back.gpkg") == {"rock glacier": 2}
    found = gpd.read_file(tmp_path / "back.gpkg").to_crs("EPSG:32644")
    assert sorted(found.area.round().tolist()) == [1800, 24000]
    assert "1 crowds" in caplog.text


def test_folds_have_their_own_sides_and_no_test_side(results, tmp_path):
    assert export_dataset(results, tmp_path / "out", NAMES, fold=0) == {"training": 2, "validation": 1}
    with pytest.raises(UserError, match="no fold 7"):
        export_dataset(results, tmp_path / "more", NAMES, fold=7)
    assert not (tmp_path / "more").exists()


def test_the_same_bytes_on_every_run(results, tmp_path):
    for name in ("one", "two"):
        export_dataset(results, tmp_path / name, NAMES)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 10
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_synthetic_world_says_so(results, tmp_path):
    export_dataset(results, tmp_path / "out", DatasetNames("r", "rock glacier", "", is_synthetic=True))
    content = json.loads((tmp_path / "out/annotations/training.json").read_text())
    assert content["info"]["description"].startswith("SYNTHETIC")
    assert content["licenses"] == []


@pytest.mark.parametrize("lost", ["patches/split.gpkg", "patches/T.npy", "imagery/T.tif"])
def test_a_missing_result_is_a_paragraph_and_nothing_is_written(results, tmp_path, lost):
    (results / lost).unlink()
    with pytest.raises(UserError, match=Path(lost).name):
        export_dataset(results, tmp_path / "out", NAMES)
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_command_writes_it_once(results, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text("{region: r, imagery: {tiles: {T: a.tif}}, labels: {positives: p.gpkg}}")
    assert main(["export-dataset", "r.yaml", "--out", "out"]) == 0
    assert "3 patches (1 training, 1 validation, 1 test)" in capsys.readouterr().out
    assert "RasterDataset" in Path("out/README.md").read_text()
    assert main(["export-dataset", "r.yaml", "--out", "out"]) == 2
    assert "is there already" in capsys.readouterr().err


READ_BY_PYCOCOTOOLS = """
import sys
import numpy as np
from pycocotools.coco import COCO
coco = COCO(sys.argv[1])
masks = {}
for image in coco.loadImgs(coco.getImgIds()):
    mask = np.zeros((image["height"], image["width"]), np.uint8)
    for one in coco.loadAnns(coco.getAnnIds(imgIds=image["id"], catIds=coco.getCatIds(["rock glacier"]))):
        mask[coco.annToMask(one) > 0] = 255 if one["iscrowd"] else 1
        assert one["area"] == coco.annToMask(one).sum()
    masks[image["file_name"].replace("/", "|")] = mask
np.savez(sys.argv[2], **masks)
"""


def test_pycocotools_reads_it(results, tmp_path):
    """The reference reader, in the environment of the tests' servers: it compiles against its own numpy."""
    if not PYTHON.exists():
        lacking("no pycocotools: .venv-servers is not there; run tests/servers/install.sh")
    export_dataset(results, tmp_path / "out", NAMES)
    for side in ("training", "validation", "test"):
        words = [PYTHON, "-c", READ_BY_PYCOCOTOOLS, tmp_path / f"out/annotations/{side}.json", tmp_path / "masks.npz"]
        subprocess.run([*map(str, words)], check=True, capture_output=True)
        with np.load(tmp_path / "masks.npz") as found:
            assert len(found.files) == 1
            for name in found.files:
                file = tmp_path / "out" / name.replace("|", "/").replace("/images/", "/masks/")
                with rasterio.open(file) as mask:
                    assert (found[name] == mask.read(1)).all()


def torchgeo_sample(root, bounds):
    """What torchgeo's RasterDataset gives of a folder, by its documentation: all files below it in the CRS and cells of
    the first, and of those that a query meets the mosaic of rasterio.merge, (bands, h, w)."""
    files = sorted(root.rglob("*.tif"))
    with rasterio.open(files[0]) as first:
        crs, resolution = first.crs, first.res
    with ExitStack() as stack:
        opened = [stack.enter_context(rasterio.open(file)) for file in files]
        assert {(file.crs, file.res) for file in opened} == {(crs, resolution)}, "torchgeo would warp some of them"
        assert len({(file.count, *file.dtypes) for file in opened}) == 1
        met = [file for file in opened if not disjoint_bounds(file.bounds, bounds)]
        return merge(met, bounds=bounds, res=resolution)[0]


def test_torchgeo_pairs_images_and_masks_by_their_place(results, tmp_path):
    """torchgeo itself is left out of the tests: with lightning, kornia and torchvision it is several times lobate's size.

    A sample of ``Images & Masks`` is the same ground in both folders, so this is the layout that it documents.
    """
    export_dataset(results, tmp_path / "out", NAMES)
    patches = np.load(results / "patches/T.npy")
    for side, number, height in (("training", 0, SIDE), ("validation", 1, SIDE - 8), ("test", 0, SIDE)):
        folder = tmp_path / "out" / side
        with rasterio.open(next((folder / "images").rglob("*.tif"))) as image:
            bounds = image.bounds
        sample = {part: torchgeo_sample(folder / part, bounds) for part in ("images", "masks")}
        assert (sample["images"] == np.moveaxis(patches[number, :height, :, :3], -1, 0)).all()
        assert (sample["masks"] == patches[number, :height, :, 3]).all()
    assert 'filename_glob = "*.tif"' in USE
