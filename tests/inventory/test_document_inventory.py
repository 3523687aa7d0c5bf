"""What stands beside an inventory, for people and for programs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from lobate.errors import UserError
from lobate.inventory.compile_inventory import summarize
from lobate.inventory.document_inventory import document_inventory, is_synthetic
from lobate.io.vector import write_layers
from lobate.settings.inventory import OtherInventory

from .conftest import square
from .test_translate_inventory import compiled

THRESHOLD = {"threshold": 0.6, "reason": "its IoU is the best", "learnt_nothing": None}
HEADER = {
    "architecture": {"backbone": "xception71", "output_stride": 16, "weights": "none"},
    "bands": ["B04", "B03", "B02"],
    "channels": 3,
    "classes": 2,
    "preprocessing": {"mean": [0.5] * 3, "std": [0.5] * 3},
    "digest": "abc",
    "round": 2,
    "lobate": "1",
}


@pytest.fixture
def folder(tmp_path):
    """An inventory of two records, its summary, a model and the facts of two images of three scenes."""
    records = compiled([square(0), square(1)], area_km2=[0.2, 0.4], elevation_mean_m=[4500.0, None])
    write_layers(tmp_path / "inventory.gpkg", {"inventory": records})
    summary = summarize(
        records,
        records.assign(status=["edited", "pending"], source_id=["d00001", "d00002"]),
        rejected=3,
        dropped=1,
        repeated=0,
    )
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    save_file({"w": np.zeros(1)}, tmp_path / "model.safetensors", metadata={"lobate": json.dumps(HEADER)})
    for tile, scenes in {
        "A": [("s2", "2018-08-02T05:06:59.000Z", 5), ("s9", "2018-08-09", 0)],
        "B": [("s1", "2018-07-11", 9)],
    }.items():
        facts = [{"name": name, "date": date, "pixels": pixels} for name, date, pixels in scenes]
        (tmp_path / f"{tile}.json").write_text(json.dumps({"scenes": facts}))
    (tmp_path / "threshold.json").write_text(json.dumps(THRESHOLD))
    return tmp_path


def documented(folder, **settings):
    document_inventory(
        folder / "inventory.gpkg",
        folder / "summary.json",
        folder / "README.md",
        folder / "metadata.json",
        folder / "model.safetensors",
        [folder / "A.json", folder / "B.json"],
        folder / "threshold.json",
        **settings,
    )
    return (folder / "README.md").read_text(), json.loads((folder / "metadata.json").read_text())


def test_elevation_of_several_files(folder):
    text, metadata = documented(folder, dem=["west.tif", "east.tif"])
    assert metadata["elevation"] == ["west.tif", "east.tif"]
    assert "Elevation: `west.tif`, `east.tif`." in text


def test_sources_scenes_model_licence_and_citation(folder):
    others = {"insar": OtherInventory(path="resources/x.shp", licence="CC BY 4.0", citation="Somebody 2023")}
    text, metadata = documented(
        folder, region="kunlun", others=others, licence="CC0", citation="Us 2026", dem="dem.tif"
    )
    assert (metadata["licence"], metadata["citation"], metadata["region"], metadata["elevation"]) == (
        "CC0",
        "Us 2026",
        "kunlun",
        "dem.tif",
    )
    assert [source["name"] for source in metadata["sources"]] == ["insar", "reviewed"]
    assert metadata["sources"][0]["citation"] == "Somebody 2023"
    assert [scene["name"] for scene in metadata["scenes"]] == ["s1", "s2"]  # s9 gave no pixel
    assert metadata["dates"] == ["2018-07-11", "2018-08-02"]
    assert (metadata["model"]["digest"], metadata["model"]["round"]) == ("abc", 2)
    for part in (
        "Licence: CC0",
        "Citation: Us 2026",
        "| insar | insar | resources/x.shp | CC BY 4.0 | Somebody 2023 |",
        "xception71",
    ):
        assert part in text


def test_the_threshold_of_the_map_stands_with_its_reason(folder):
    text, metadata = documented(folder)
    assert "| threshold of the map | 0.6: its IoU is the best |" in text
    assert metadata["threshold"] == THRESHOLD
    assert "LEARNT NOTHING" not in text


def test_a_map_of_a_model_that_learnt_nothing_says_so_first(folder):
    nothing = THRESHOLD | {"learnt_nothing": "its map calls all ground landform"}
    (folder / "threshold.json").write_text(json.dumps(nothing))
    text, _ = documented(folder)
    assert "**THE MODEL LEARNT NOTHING**: its map calls all ground landform." in text
    assert text.index("LEARNT NOTHING") < text.index("What the detections turned out to be")


def test_so_does_one_whose_model_s_header_says_it(folder):
    assert "learnt_nothing" not in documented(folder)[1]["model"]
    header = json.dumps(HEADER | {"learnt_nothing": "its IoU is low"})
    save_file({"w": np.zeros(1)}, folder / "model.safetensors", metadata={"lobate": header})
    text, metadata = documented(folder)
    assert metadata["model"]["learnt_nothing"] == "its IoU is low"
    assert '<span style="color:red">**THE MODEL LEARNT NOTHING**: its IoU is low.' in text


def test_the_papers_table_as_text(folder):
    text, _ = documented(folder)
    for row in ("in another inventory too | 2", "rejected in the review | 3", "**total** | 6"):
        assert f"| {row} |" in text
    assert "| of the first two: outline edited by a person | 1 |" in text
    assert "| mean slope (degrees) | unknown |" in text
    assert "Licence: not said; set `inventory.licence`" in text


def test_the_example_is_called_synthetic(folder):
    assert "SYNTHETIC" in documented(folder, synthetic=True)[0]
    assert "SYNTHETIC" not in documented(folder)[0]
    assert not is_synthetic(None)


def test_no_model_no_scenes_nothing_found(tmp_path):
    records = compiled([])
    write_layers(tmp_path / "inventory.gpkg", {"inventory": records})
    (tmp_path / "summary.json").write_text(json.dumps(summarize(records, records, 0, 0, 0)))
    document_inventory(*(tmp_path / name for name in ("inventory.gpkg", "summary.json", "README.md", "metadata.json")))
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert (metadata["bounds"], metadata["model"], metadata["scenes"]) == (None, None, [])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("summary.json", "{", "should be a summary.json written by `compile-inventory`"),
        ("A.json", "[]", "is not an image's facts written by `compose-rgb`"),
        ("threshold.json", "{}", "is not a threshold.json written by `choose-threshold`"),
        ("model.safetensors", "x", "the model file is damaged"),
    ],
)
def test_files_that_are_something_else(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(UserError, match=message):
        documented(folder)


ACCURACY = {
    "sample": "abc123",
    "level": 0.95,
    "imagery": ["Pleiades 2021"],
    "tables": [{"cannot_say_counts_as": "landform", "rows": [["user's accuracy", "0.92 (0.85 to 0.96)"]]}],
    "notes": ["Nobody has looked twice."],
    "estimates": [],
}


def test_accuracy_from_a_sample_where_people_have_judged_one(folder):
    plain = documented(folder)
    (folder / "accuracy.json").write_text(json.dumps(ACCURACY))
    text, metadata = documented(folder, accuracy=folder / "accuracy.json")
    assert metadata["accuracy"] == ACCURACY
    section = text.split("## Accuracy of the map")[1].split("## ")[0]
    assert "(sample abc123) that people judged on Pleiades 2021, without sight of the map" in section
    assert "| user's accuracy | 0.92 (0.85 to 0.96) |" in section
    assert "| 'cannot say' counted as landform | estimate |" in section
    assert section.index("- Nobody has looked twice.") < section.index("| user's accuracy"), (
        "a note may forbid the numbers"
    )
    del metadata["accuracy"]
    assert (text.replace(f"## Accuracy of the map{section}", ""), metadata) == plain, "all else keeps its bytes"


@pytest.mark.parametrize("lost", ["sample", "imagery", "tables", "notes"])
def test_another_file_is_no_accuracy(folder, lost):
    (folder / "accuracy.json").write_text(json.dumps({name: ACCURACY[name] for name in ACCURACY if name != lost}))
    with pytest.raises(UserError, match=r"accuracy\.json written by `estimate-accuracy`"):
        documented(folder, accuracy=folder / "accuracy.json")


def test_identifiers_since_the_published_inventory(folder):
    assert "Identifiers since" not in documented(folder)[0]
    summary = json.loads((folder / "summary.json").read_text())
    summary["identifiers"] = {"kept": 2, "appeared": 1, "vanished": 0, "unmapped": 4, "split": 3}
    summary["identifiers"] |= {"merged": 0, "rearranged": 0}
    (folder / "summary.json").write_text(json.dumps(summary))
    text, metadata = documented(folder)
    assert metadata["account"]["identifiers"]["split"] == 3
    assert "| published identifiers that are kept, with their markers | 2 |" in text
    assert "| unmapped: published, on ground that was not mapped now | 4 |" in text


def test_ground_that_was_not_mapped(folder):
    assert "## Mapped ground" not in documented(folder)[0]
    summary = json.loads((folder / "summary.json").read_text())
    summary["ground"] = {"at_the_border": 3, "not_mapped": 79, "not_mapped_by_source": {"rgi": 79}}
    (folder / "summary.json").write_text(json.dumps(summary))
    text, metadata = documented(folder)
    assert metadata["account"]["ground"]["not_mapped"] == 79
    assert "| **left out: outlines of other inventories on ground that was not mapped** | 79 |" in text
    assert "| of these, by rgi | 79 |" in text
    assert "| landforms across the border of the mapped ground (`mapped_share` below 1) | 3 |" in text
