"""The chain on real input: glaciers on a Landsat scene of Mt Everest. It runs where the data lies, and skips elsewhere."""

from __future__ import annotations

import json
import math
from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
import yaml
from tests.chain.clone import Clone

pytestmark = pytest.mark.xdist_group("real")


@pytest.fixture(scope="module")
def everest(real_data: Path, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = real_data / "everest_glaciers"
    clone = Clone(tmp_path_factory.mktemp("real") / "clone", project, tmp_path_factory.mktemp("store"))
    config = yaml.safe_load((project / "tests/real/everest.yaml").read_text())
    config["imagery"]["tiles"] = {"everest": [str(folder / name) for name in config["imagery"]["tiles"]["everest"]]}
    for outlines in config["labels"]["positives"]:
        outlines["path"] = str(folder / outlines["path"])
    (clone.folder / "everest.yaml").write_text(yaml.safe_dump(config))
    done = clone.run(config="everest.yaml")
    assert done.status == 0, done.text[-5000:]
    return clone.folder / "results/everest"


def test_map_covers_the_image(everest, real_data):
    with (
        rasterio.open(everest / "mapping/everest_probability.tif") as map_,
        rasterio.open(real_data / "everest_glaciers/LE71400412000304SGS00_RGB.tif") as image,
    ):
        assert (map_.shape, map_.transform, map_.crs) == (image.shape, image.transform, image.crs)
        assert ((map_.read(1) == 255) == (image.read() == 0).all(axis=0)).all()


def test_image_passed_through_unchanged(everest, real_data):
    with (
        rasterio.open(everest / "imagery/everest.tif") as made,
        rasterio.open(real_data / "everest_glaciers/LE71400412000304SGS00_RGB.tif") as image,
    ):
        assert (made.read() == image.read()).all()


def test_all_outlines_are_kept_or_told(everest):
    kept, removed = (gpd.read_file(everest / "labels/polygons.gpkg", layer=layer) for layer in ("kept", "removed"))
    assert (len(kept), len(removed)) == (86, 0)


def test_grouped_split_does_not_leak(everest):
    leakage = json.loads((everest / "patches/leakage.json").read_text())
    assert leakage["used"] == "grouped"
    assert leakage["grouped"]["leaked_share"] == 0
    assert leakage["random"]["leaked_share"] > 0.9


def test_validation_iou_of_glaciers_beats_calling_everything_glacier(everest):
    """Three quarters of this validation ground are glacier, so a network that has learnt nothing can have an IoU of 0.77."""
    split = gpd.read_file(everest / "patches/split.gpkg", layer="split").query("side == 'validation'")
    pixels = split["height"] * split["width"]
    everything = (split["positive"] * pixels).sum() / ((1 - split["ignored"]) * pixels).sum()
    assert 0.5 < everything < 1
    selection = json.loads((everest / "training/selection.json").read_text())
    chosen = next(one for one in selection["rounds"] if one["trained_in"] == selection["chosen"])
    assert chosen["validation_iou"]["landform"] > everything + 0.02
    assert chosen["validation_iou"]["background"] > 0.3, "what calls everything glacier has none"


def test_scores_are_finite(everest):
    scores = json.loads((everest / "mapping/scores.json").read_text())
    values = [scores["pixels"]["iou"], *(scores["polygons"][name] for name in ("precision", "recall", "f1"))]
    assert all(value is not None and math.isfinite(value) for value in values)
    assert 0 < scores["pixels"]["iou"] <= 1


def test_the_whole_report_is_made(everest):
    """All figures, and one page that tells of this run."""
    figures = {path.stem for path in (everest / "figures").glob("*.png")}
    assert figures == {path.stem for path in (everest / "figures").glob("*.pdf")}
    assert {"map", "iou", "leakage", "reliability", "precision_recall", "outlines", "attributes"} <= figures
    total = json.loads((everest / "inventory/summary.json").read_text())["inventory"]["total"]
    page = (everest / "report.html").read_text()
    assert f"{total} landforms." in page
    assert all(words in page for words in ("everest", "grouped", "glacier"))
