"""The card of a data set: every number, the code in it, and wrong inputs."""

from __future__ import annotations

import json
import re

import pytest

from lobate.errors import UserError
from lobate.io.vector import read_layer, write_layers
from lobate.patches.describe_dataset import describe_dataset, outline_sources
from lobate.patches.split_patches import split_patches
from lobate.settings.patches import Crop, Split

CROP = Crop(core=16, margin=16, buffer_m=100)


@pytest.fixture
def described(made):
    """A function that splits and describes, and returns the card's text."""
    images = [made.project / f"{tile}.json" for tile in ("t2", "t1")]
    for path in images:  # in any order
        scene = {
            "name": f"S2A_{path.stem}",
            "date": "2018-07-11T05:16:51.000Z",
            "baseline": None,
            "pixels": 2_100_000,
            "cloud_cover": 1.0,
        }
        path.write_text(json.dumps({"bands": ["B04", "B03", "B02"], "scenes": [scene], "left_out": []}))

    def describe(licence="", **settings):
        split, leakage, card = (made.folder / name for name in ("split.gpkg", "leakage.json", "README.md"))
        if settings or not split.exists():
            split_patches(made.files("gpkg"), split, leakage, split_settings=Split(**settings), seed=0)
        describe_dataset(
            split, leakage, made.files("gpkg"), made.polygons, images, card,
            crop=CROP, licence=licence, region="r", landform="moraine",
        )  # fmt: skip
        return card.read_text()

    return describe


def test_every_number_is_true(described, made):
    text = described(licence="CC BY 4.0")
    split = read_layer(made.folder / "split.gpkg", "split")
    found = json.loads((made.folder / "leakage.json").read_text())["grouped"]
    sides = split["side"].value_counts()
    assert f"{len(split)} patches for training" in text
    assert (
        f"| all | 6 | 2 | {len(split)} | {sides['training']} | {sides['validation']} | {sides.get('dropped', 0)} |"
        in text
    )
    pixels = split["height"] * split["width"]
    landform = 100 * (split["positive"] * pixels).sum() / pixels.sum()
    assert re.search(rf"\| all \| {len(split)} \|.*\| {landform:.1f} % \|", text)
    assert f"| **grouped** (used) | {len(split)} | {found['training']} | {found['validation']} |" in text
    assert "| `drawn.shp` | positive | 7 | 6 |" in text
    assert "| `drawn.shp` | negative | 3 | 2 |" in text
    assert "| t1 | `S2A_t1` | 2018-07-11 |  | 100.0 % |\n| t2 | `S2A_t2` |" in text
    assert (
        "2 outlines gave no patches, each with its reason and setting: 1 positive (valid share, patches.crop.min_valid); "
        in text
    )
    assert "1 negative (off the image, imagery.tiles)." in text
    assert "## Licence\n\nCC BY 4.0\n" in text


def test_the_same_bytes_every_time(described):
    assert described() == described()


def test_without_a_licence_it_says_so(described):
    assert "Not stated" in described()


def test_folds_are_told(described):
    text = described(folds=3, method="random")
    assert "## Folds for cross-validation" in text
    assert len(re.findall(r"^\| [012] \| \d+ \| \d+ \| 0 \|", text, re.M)) == 3
    assert "## Folds" not in described(method="random")


def test_an_impossible_split_is_told(described, made):
    text = described(method="random")
    leakage = json.loads((made.folder / "leakage.json").read_text())
    (made.folder / "leakage.json").write_text(json.dumps(leakage | {"grouped": {"impossible": "too dense"}}))
    assert "| grouped | impossible |" not in text
    assert "| grouped | impossible |" in described()


def test_the_lines_in_it_load_the_patches(described, made, monkeypatch):
    monkeypatch.chdir(made.project)
    plain, torch = re.findall(r"```python\n(.*?)```", described(), re.S)
    assert plain.count("\n") == torch.count("\n") == 5
    seen: dict = {}
    exec(plain, seen)
    assert seen["image"].shape == (seen["one"].height, seen["one"].width, 3)
    assert (seen["label"] == 1).mean() == pytest.approx(seen["one"].positive, abs=1e-6)
    exec(torch, seen)
    assert seen["image"].shape[1:] == (3, 48, 48)
    assert seen["mask"].shape[1:] == (48, 48)


def test_what_is_no_split_or_no_leakage(described, made):
    described()
    leakage = made.folder / "leakage.json"
    for content in ("", "[1]", "{}", '{"used": "random", "random": {}}', '{"used": "random", "random": 3}'):
        leakage.write_text(content)
        with pytest.raises(
            UserError, match=r"leakage\.json is not (valid JSON|a leakage\.json written by `split-patches`)"
        ):
            described()
    rows = read_layer(made.folder / "split.gpkg", "split")
    for wrong, what in ((rows.iloc[:0], "is empty"), (rows.drop(columns="side"), "no column side")):
        write_layers(made.folder / "split.gpkg", {"split": wrong})
        with pytest.raises(UserError, match=what):
            described()


def test_what_tells_nothing_of_an_image(described, made):
    described()
    for content in ("", "[]", "{}", '{"bands": [], "scenes": [{"name": 1}]}', "3"):
        (made.project / "t1.json").write_text(content)
        with pytest.raises(UserError, match="an image's facts written by `compose-rgb`"):
            described()


def test_the_lens_shows_where_outlines_come_from_and_not_where_they_lie(made, tmp_path):
    frame = read_layer(made.polygons, "kept")
    for name, table in (("a", frame), ("b", frame.iloc[::-1].set_geometry(frame.translate(1e-5)))):
        write_layers(tmp_path / f"{name}.gpkg", {"kept": table})
        outline_sources(tmp_path / f"{name}.gpkg", tmp_path / f"{name}_seen.gpkg")
    assert (tmp_path / "a_seen.gpkg").read_bytes() == (tmp_path / "b_seen.gpkg").read_bytes()
