"""The rules of the room: images wait for a measured range only where they need it; outlines are drawn on images."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

IMAGES = [f"results/tiny/imagery/{tile}.tif" for tile in ("T44SPC", "T44SQC")]


@pytest.fixture
def snakemake(project, tmp_path):
    """Run Snakemake on the tiny example in a folder of its own; returns what it says."""

    def run(method: str, *words: str) -> str:
        (tmp_path / "stretch.yaml").write_text(json.dumps({"imagery": {"stretch": {"method": method}}}))
        command = [
            *(sys.executable, "-m", "snakemake", "--snakefile", project / "Snakefile", "--directory", tmp_path),
            *("--configfile", project / "tests/conf/tiny.yaml", tmp_path / "stretch.yaml", *words, "--", *IMAGES),
        ]
        environment = {**os.environ, "LOBATE_STORE": str(tmp_path / "store")}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_a_measured_range_is_made_once_and_shared(snakemake, tmp_path):
    stderr = snakemake("percentiles", "--cores", "1")
    assert stderr.count("computed measure_stretch") == 1
    measured = json.loads((tmp_path / "results/tiny/imagery/stretch.json").read_text())
    assert sorted(measured["pixels"]) == ["T44SPC", "T44SQC"]
    facts = [json.loads((tmp_path / image).with_suffix(".json").read_text()) for image in IMAGES]
    assert [fact["stretch"] for fact in facts] == [{"method": "percentiles", "ranges": measured["ranges"]}] * 2
    assert "measure_stretch" not in snakemake("fixed", "--dry-run", "--forceall")


def test_elevation_in_several_files_is_joined_for_those_who_need_it(project, tmp_path):
    grid = {"driver": "GTiff", "height": 50, "width": 60, "crs": "EPSG:32644"}
    with rasterio.open(
        tmp_path / "ready.tif", "w", dtype="uint8", count=3, transform=Affine(10, 0, 5e5, 0, -10, 4e6), **grid
    ) as image:
        image.write(np.full((3, 50, 60), 9, np.uint8))
    for name, left, height in (("west", 5e5, 4000), ("east", 5e5 + 600, 4500)):
        place = Affine(10, 0, left, 0, -10, 4e6)
        with rasterio.open(tmp_path / f"{name}.tif", "w", dtype="int16", count=1, transform=place, **grid) as dem:
            dem.write(np.full((1, 50, 60), height, np.int16))
    outline = gpd.GeoDataFrame(geometry=[box(500_100, 3_999_600, 500_400, 3_999_900)], crs="EPSG:32644")
    outline.to_file(tmp_path / "p.gpkg")

    def run(*words: str, dem: str | list[str]) -> subprocess.CompletedProcess[str]:
        settings = {"region": "hill", "imagery": {"tiles": {"T": ["ready.tif"]}}, "inventory": {"dem": dem}}
        (tmp_path / "hill.yaml").write_text(json.dumps(settings | {"labels": {"positives": [{"path": "p.gpkg"}]}}))
        command = [sys.executable, "-m", "snakemake", "--snakefile", project / "Snakefile", "--directory", tmp_path]
        command += ["--configfile", tmp_path / "hill.yaml", "--cores", "1", *words]
        environment = {**os.environ, "LOBATE_STORE": str(tmp_path / "store")}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    needy = ["--dry-run", "results/hill/mapping/detections.gpkg", "results/hill/inventory/described/reviewed.gpkg"]
    assert "mosaic_dem" in run(*needy, dem=["west.tif", "east.tif"])
    assert "mosaic_dem" not in run(*needy, dem="west.tif")
    run("results/hill/imagery/dem.tif", dem=["west.tif", "east.tif"])
    with rasterio.open(tmp_path / "results/hill/imagery/dem.tif") as dem:
        assert np.array_equal(dem.read(1), np.repeat([[4000] * 60 + [4500] * 60], 50, axis=0))


def test_an_image_is_made_before_the_outlines_that_are_drawn_on_it(project, tmp_path):
    grid = {"height": 50, "width": 60, "count": 3, "crs": "EPSG:32644", "transform": Affine(10, 0, 5e5, 0, -10, 4e6)}
    with rasterio.open(tmp_path / "ready.tif", "w", driver="GTiff", dtype="uint8", **grid) as image:
        image.write(np.full((3, 50, 60), 9, np.uint8))
    settings = {
        "region": "hill",
        "imagery": {"tiles": {"T": ["ready.tif"]}},
        "labels": {"positives": [{"path": "p.shp"}]},
    }
    (tmp_path / "hill.yaml").write_text(json.dumps(settings))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", "--snakefile", project / "Snakefile", "--directory", tmp_path]
        command += ["--configfile", tmp_path / "hill.yaml", "--cores", "1", "--", *words]
        environment = {**os.environ, "LOBATE_STORE": str(tmp_path / "store")}
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)

    image = run("results/hill/imagery/T.tif")
    assert image.returncode == 0, image.stderr
    assert (tmp_path / "results/hill/imagery/T.tif").exists()
    whole = run()
    assert whole.returncode == 2
    assert "Setting labels.positives[0].path names p.shp, which does not exist." in whole.stderr
    assert "Traceback" not in whole.stderr
    assert not (tmp_path / "results/hill/labels").exists()
