"""The paper's run can be planned as soon as its files are there: stand-ins of their shape and number, synthetic all of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_bounds
from shapely.geometry import box

from lobate.cli.main import main
from lobate.imagery.scene_table import COLUMNS
from lobate.settings.load import load

WEST, SOUTH, EAST, NORTH = 78.0, 35.0, 82.0, 37.0
TILES = ("T43SGV", "T44SKE", "T44SLE")
CONFIG = "config/west_kunlun.yaml"


@pytest.fixture(scope="module")
def clone(tmp_path_factory, project) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    for part in ("Snakefile", "workflow", "profiles", "envs"):
        (folder / part).symlink_to(project / part)
    shutil.copytree(project / "config", folder / "config")
    home = folder / "resources/west_kunlun"
    home.mkdir(parents=True)
    gpd.GeoDataFrame(geometry=[box(WEST, SOUTH, EAST, NORTH)], crs=4326).to_file(home / "area.gpkg")
    facts = {"velocity": 23.4, "vel_error": 2.1, "upslope": "talus"}
    outlines("wkl", 290, 0.006).assign(**facts).to_file(home / "rock_glaciers.shp")
    outlines("neg", 145, 0.01).to_file(home / "negatives.shp")
    removed = "".join(f"wkl{number:03d},cloud\n" for number in range(1, 119))
    (home / "removed.csv").write_text("id,reason\n" + removed)
    lines = [
        "\t".join(
            (f"S2A_{tile}_201807{day}_0_L2A", tile, f"2018-07-{day}", "1.0", "02.08", "https://stac.example/x", "")
        )
        for tile in TILES
        for day in ("11", "21")
    ]
    (home / "scenes.tsv").write_text("\n".join(["\t".join(COLUMNS), *lines]) + "\n")
    elevation(folder / "resources/dem/west_kunlun.tif")
    return folder


def outlines(prefix: str, count: int, side: float) -> gpd.GeoDataFrame:
    chance = np.random.default_rng(0)
    lefts, bottoms = chance.uniform(WEST, EAST - side, count), chance.uniform(SOUTH, NORTH - side, count)
    shapes = [box(left, bottom, left + side, bottom + side) for left, bottom in zip(lefts, bottoms, strict=True)]
    return gpd.GeoDataFrame(
        {"id": [f"{prefix}{number:03d}" for number in range(1, count + 1)]}, geometry=shapes, crs=4326
    )


def elevation(file: Path) -> None:
    file.parent.mkdir(parents=True)
    profile = {"driver": "GTiff", "height": 20, "width": 40, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(file, "w", transform=from_bounds(WEST, SOUTH, EAST, NORTH, 40, 20), **profile) as dem:
        dem.write(np.full((1, 20, 40), 5000, np.float32))


@pytest.fixture(scope="module")
def plan(clone) -> subprocess.CompletedProcess[str]:
    command = [*["snakemake", "-n", "--cores", "2", "--resources", "gpu=1", "--configfile"], CONFIG]
    env = {**os.environ, "LOBATE_STORE": str(clone / "store")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=clone, env=env, capture_output=True, text=True, check=False, timeout=300
    )


def counts(text: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", text, re.M)}


def test_the_papers_run_is_planned_to_its_end(plan):
    assert plan.returncode == 0, plan.stdout + plan.stderr
    jobs = counts(plan.stdout + plan.stderr)
    assert {name: jobs[name] for name in ("fetch_scene", "compose_rgb", "predict", "train", "compile_inventory")} == {
        "fetch_scene": 6,
        "compose_rgb": 3,
        "predict": 3,
        "train": 3,
        "compile_inventory": 1,
    }
    assert "fetch_dem" not in jobs


def test_every_value_of_the_method_is_in_place(project):
    """METHOD, sections 2 and 3, also where it is not lobate's default."""
    region = load([project / CONFIG])
    mapping, schedule = region.mapping, region.training.schedule
    assert (mapping.vectorize.threshold, mapping.match_iou, mapping.filter.min_area_km2) == (0.5, 0.5, 0.03)
    assert (mapping.predict.blend, mapping.predict.output_stride) == ("crop", 8)
    assert mapping.predict.tta.scales == [0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    assert not mapping.predict.tta.symmetries
    assert (mapping.predict.window, mapping.predict.overlap) == (480, 160)
    assert schedule.scales == [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
    assert (schedule.optimizer, schedule.learning_rate, schedule.batch, schedule.batch_norm) == (
        "sgd",
        0.007,
        8,
        "frozen",
    )
    assert (schedule.weight_decay, schedule.decay, schedule.iterations) == (4e-5, "poly", 30000)
    assert (region.patches.split.method, region.training.target_iou) == ("random", 0.8)


def test_check_tells_the_papers_counts_and_about_as_many_jobs_as_are_planned(clone, plan, monkeypatch, capsys):
    monkeypatch.chdir(clone)
    assert main(["check", CONFIG]) == 0
    said = capsys.readouterr().out
    outlines, patches = re.search(r"outlines +(\d+), cut into about ([\d,]+) patches", said).groups()
    assert outlines == "317"  # 290 - 118 + 145
    patches = int(patches.replace(",", ""))
    assert 0.7 * 2230 < patches < 1.3 * 2230
    jobs = int(re.search(r"jobs +about (\d+)", said)[1])
    assert jobs == pytest.approx(counts(plan.stdout + plan.stderr)["total"], rel=0.2)


@pytest.mark.parametrize("name", ["rock_glaciers.shp", "negatives.shp", "removed.csv"])
def test_what_is_not_brought_is_told(clone, tmp_path, monkeypatch, capsys, name):
    shutil.copytree(clone / "resources", tmp_path / "resources")
    (tmp_path / "resources/west_kunlun" / name).unlink()
    shutil.copytree(clone / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    assert main(["check", CONFIG]) == 2
    assert f"resources/west_kunlun/{name}, which does not exist" in capsys.readouterr().err
