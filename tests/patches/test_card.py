from __future__ import annotations

import json
import re

import pytest

from lobate.errors import Mistake
from lobate.patches.card import describe_dataset, sources_of
from lobate.patches.split import split_patches
from lobate.settings.patches import Crop, Split
from lobate.vectors import read_layer, write_layers

CROP = Crop(core=16, margin=16, buffer_m=100)


@pytest.fixture
def described(made):
    """A function that splits and describes, and returns the card's text."""

    def describe(licence="", table=None, scenes=None, **settings):
        split, leakage, card = (made.folder / name for name in ("split.gpkg", "leakage.json", "README.md"))
        if settings or not split.exists():
            split_patches(made.files("gpkg"), split, leakage, split_settings=Split(**settings), seed=0)
        describe_dataset(
            split, leakage, made.files("gpkg"), made.polygons, card, table,
            scenes=scenes or {}, bands=["B04", "B03", "B02"], crop=CROP, licence=licence, region="r", landform="moraine",
        )  # fmt: skip
        return card.read_text()

    return describe


def test_every_number_is_true(described, made):
    text = described(licence="CC BY 4.0", scenes={"t2": ["x/S2B.SAFE"], "t1": ["x/S2A.SAFE", "y/S2C.SAFE"]})
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
    assert "| t1 | `S2A.SAFE`, `S2C.SAFE` |" in text
    assert "gave no patches: 1 (off the image); 1 (valid share)." in text
    assert "## Licence\n\nCC BY 4.0\n" in text


def test_the_same_bytes_every_time(described):
    assert described() == described()


def test_without_a_licence_it_says_so(described):
    assert "Not stated" in described()


def test_scenes_of_a_table(described, tmp_path):
    table = tmp_path / "scenes.tsv"
    table.write_text("scene\ttile\nS2B_x\tt1\nS2A_x\tt1\nS2A_y\tt2\n")
    assert "| t1 | `S2A_x`, `S2B_x` |\n| t2 | `S2A_y` |" in described(table=table)


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
        with pytest.raises(Mistake, match="leakage"):
            described()
    rows = read_layer(made.folder / "split.gpkg", "split")
    for wrong, what in ((rows.iloc[:0], "is empty"), (rows.drop(columns="side"), "no column side")):
        write_layers(made.folder / "split.gpkg", {"split": wrong})
        with pytest.raises(Mistake, match=what):
            described()


def test_what_is_no_table_of_scenes(described, tmp_path):
    for content in (b"", b"\xff\x00", b"scene,tile\n"):
        (tmp_path / "scenes.tsv").write_bytes(content)
        with pytest.raises(Mistake, match="no table of scenes"):
            described(table=tmp_path / "scenes.tsv")


def test_the_lens_shows_where_outlines_come_from_and_not_where_they_lie(made, tmp_path):
    frame = read_layer(made.polygons, "kept")
    for name, table in (("a", frame), ("b", frame.iloc[::-1].set_geometry(frame.translate(1e-5)))):
        write_layers(tmp_path / f"{name}.gpkg", {"kept": table})
        sources_of(tmp_path / f"{name}.gpkg", tmp_path / f"{name}_seen.gpkg")
    assert (tmp_path / "a_seen.gpkg").read_bytes() == (tmp_path / "b_seen.gpkg").read_bytes()
