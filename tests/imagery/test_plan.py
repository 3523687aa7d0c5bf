"""First steps of a new user: search settings, then a table of scenes, each with a plan or one clear error."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import geopandas as gpd
import pytest
import yaml
from shapely.geometry import box
from tests.servers.stac import real_items

from lobate.imagery.scene_table import COLUMNS

pytestmark = pytest.mark.xdist_group("stac")
LINE = "{scene}\t{tile}\t2023-08-13\t1.1\t05.09\thttps://stac.example/{scene}\t\n"


@pytest.fixture
def region(project, tmp_path):
    """A region with an area and outlines; call it with settings of imagery and words for snakemake."""
    for part in ("Snakefile", "workflow", "profiles", "envs"):
        (tmp_path / part).symlink_to(project / part)
    for name in ("area.gpkg", "outlines.gpkg"):
        gpd.GeoDataFrame({"id": ["a"]}, geometry=[box(15.4, 46.2, 15.6, 46.4)], crs=4326).to_file(tmp_path / name)

    def run(imagery, *words):
        config = {"region": "new", "imagery": imagery, "labels": {"positives": [{"path": "outlines.gpkg"}]}}
        (tmp_path / "new.yaml").write_text(yaml.safe_dump(config))
        command = [
            "snakemake",
            *words,
            "--cores",
            "1",
            "--resources",
            "gpu=1",
            "--printshellcmds",
            "--configfile",
            "new.yaml",
        ]
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env={**os.environ, "LOBATE_STORE": str(tmp_path / "store")},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def find():
    return {"area": "area.gpkg", "years": [2023], "months": [8]}


def counts(text):
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", text, re.M)}


def test_the_whole_chain_says_what_comes_first(region, find, tmp_path):
    (tmp_path / "outlines.gpkg").unlink()  # they may be drawn later, on the images
    status, text = region({"find": find, "scenes": "resources/new/scenes.tsv"}, "-n")
    assert status == 2
    assert "has no scenes yet" in text
    assert "First run snakemake find_scenes" in text
    assert "resources/new/scenes.tsv" in text
    assert "Traceback" not in text


def test_a_table_of_scenes_is_fetched_then_composed(region, tmp_path):
    rows = [("A1", "33TWM"), ("A2", "33TWM"), ("B1", "33TWL")]
    lines = ["\t".join(COLUMNS) + "\n", *(LINE.format(scene=scene, tile=tile) for scene, tile in rows)]
    (tmp_path / "scenes.tsv").write_text("".join(lines))
    status, text = region({"scenes": "scenes.tsv"}, "-n")
    assert status == 0, text
    planned = counts(text)
    assert (planned["fetch_scene"], planned["compose_rgb"], planned["rasterize_labels"]) == (3, 2, 2)
    assert "find_scenes" not in planned
    assert "--scenes resources/scenes/A1/checksums.json resources/scenes/A2/checksums.json" in text


def test_a_table_that_is_none_is_told_before_anything_runs(region, tmp_path):
    (tmp_path / "scenes.tsv").write_bytes(b"\xff\x00nothing")
    status, text = region({"scenes": "scenes.tsv"}, "-n")
    assert status == 2
    assert re.search(r"Setting imagery\.scenes: The scene table scenes\.tsv is not text in UTF-8\.", text)
    assert "Traceback" not in text


def test_scenes_are_found_looked_at_and_planned(region, find, stac_server, real_data, tmp_path):
    stac_server.load("plan", real_items(real_data, "http://files.example"))
    imagery = {"find": find, "catalogue": {"url": stac_server.url, "collection": "plan", "allow_private": True}}
    imagery["scenes"] = "resources/new/scenes.tsv"  # named from the start
    status, text = region(imagery, "find_scenes")
    assert status == 0, text
    made = tmp_path / "results/new/imagery"
    assert sorted(path.name for path in made.iterdir()) == ["coverage.png", "scenes.geojson", "scenes.tsv"]
    assert "cloud cover 70.6 %" in (tmp_path / "results/new/logs/find_scenes.log").read_text()
    (tmp_path / "resources/new").mkdir(parents=True)
    shutil.copy(made / "scenes.tsv", tmp_path / "resources/new/scenes.tsv")
    status, text = region(imagery, "-n")
    assert status == 0, text
    assert counts(text)["fetch_scene"] == 2
    assert counts(text)["compose_rgb"] == 1
