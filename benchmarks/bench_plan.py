"""How long a region of many tiles takes to plan, and to find that there is nothing to do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import yaml
from rasterio.transform import from_origin
from shapely.geometry import box

from benchmarks.figures import Figure, measures, seconds
from benchmarks.products import SIDE, write_products

PROJECT = Path(__file__).resolve().parent.parent
PARTS = ("Snakefile", "workflow", "profiles", "config", "envs")
HASTY = "import time; time.sleep = lambda _: None; from snakemake.cli import main; main()"
"""To touch five thousand results, Snakemake sleeps five hundred seconds, so that their times differ everywhere."""


@measures
def plan(folder: Path) -> dict[str, Figure]:
    """`snakemake -n` on fresh regions of 100 and 1,000 tiles, and on the same regions when all is made."""
    found = {}
    for tiles, limits in ((100, ("", "")), (1000, ("20 s on 2 cores", "60 s on 2 cores"))):
        region = _region(folder / str(tiles), tiles)
        fresh = seconds(lambda region=region: _snakemake(region, "--dry-run"))
        _pretend(region)
        done = seconds(lambda region=region: _insist_nothing(_snakemake(region)))
        found[f"plan_{tiles}_tiles_s"] = Figure(fresh, "s", f"snakemake -n, {tiles} tiles, nothing made", limits[0])
        found[f"noop_{tiles}_tiles_s"] = Figure(done, "s", f"snakemake, {tiles} tiles, all made", limits[1])
        shutil.rmtree(region)
    return found


@measures
def plan_products(folder: Path) -> dict[str, Figure]:
    """`snakemake -n` on a region of 1,000 tiles of three `.SAFE` folders each, and when all is made."""
    region = _region(folder / "products", 1000, write_products)
    fresh = seconds(lambda: _snakemake(region, "--dry-run"))
    _pretend(region)
    done = seconds(lambda: _insist_nothing(_snakemake(region)))
    return {
        "plan_3000_products_s": Figure(fresh, "s", "snakemake -n, 1,000 tiles of 3 .SAFE folders, nothing made", ""),
        "noop_3000_products_s": Figure(done, "s", "snakemake, 1,000 tiles of 3 .SAFE folders, all made", ""),
    }


def _write_image(tile: Path, x: float, y: float) -> list[Path]:
    tile.mkdir(parents=True)
    path = tile / "image.tif"
    shape = {"width": SIDE, "height": SIDE, "count": 3, "dtype": "uint8", "nodata": 0}
    with rasterio.open(path, "w", driver="GTiff", crs=32644, transform=from_origin(x, y, 10, 10), **shape) as image:
        image.write(np.full((3, SIDE, SIDE), 90, "uint8"))
    return [path]


def _region(folder: Path, tiles: int, write_scenes: Callable[[Path, float, float], list[Path]] = _write_image) -> Path:
    """Make a clone of the project with a region of tiny images or products side by side.

    ``write_scenes`` writes the scenes of a tile into its folder, with the western and northern border, in metres.
    """
    folder.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copy if (PROJECT / part).is_file() else shutil.copytree
        copy(PROJECT / part, folder / part)
    scenes = {}
    for number in range(tiles):
        place = 400_000 + 320 * (number % 40), 4_000_000 - 320 * (number // 40)
        paths = write_scenes(folder / f"tiles/T{number:04d}", *place)
        scenes[f"T{number:04d}"] = [str(path.relative_to(folder)) for path in paths]
    outline = gpd.GeoDataFrame({"id": [1]}, geometry=[box(400_050, 3_999_800, 400_150, 3_999_900)], crs=32644)
    outline.to_file(folder / "outlines.gpkg")
    config = {
        "region": "wide",
        "imagery": {"tiles": scenes},
        "labels": {"positives": [{"path": "outlines.gpkg"}]},
    }
    (folder / "wide.yaml").write_text(yaml.safe_dump(config))
    return folder


def _pretend(region: Path) -> None:
    """Make every file that a command names as an empty one, and let Snakemake take them for made."""
    said = _snakemake(region, "--dry-run", "--printshellcmds")
    for path in sorted(set(re.findall(r"\bresults/[^\s'\"]+", said))):
        (region / path).parent.mkdir(parents=True, exist_ok=True)
        (region / path).touch()
    _snakemake(region, "--touch", "--forceall", code=HASTY)


def _snakemake(region: Path, *words: str, code: str = "from snakemake.cli import main; main()") -> str:
    env = {**os.environ, "PYTHONPATH": str(region / "workflow"), "LOBATE_STORE": str(region / "store")}
    command = [sys.executable, "-c", code, "--cores", "2", "--configfile", "wide.yaml", *words]
    done = subprocess.run(command, cwd=region, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return done.stdout + done.stderr


def _insist_nothing(said: str) -> None:
    if "Nothing to be done" not in said:
        raise RuntimeError(f"there was something to do:\n{said[-3000:]}")
