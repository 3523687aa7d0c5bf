"""A file inside a folder from outside is replaced: `snakemake -n` plans the work again, but not for a file that nobody reads.

All results are pretended; nothing is made by these tests.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from pathlib import Path

import geopandas as gpd
import pytest
import yaml
from shapely.geometry import box

pytestmark = pytest.mark.xdist_group("faults")

PRODUCT = "tiles/T0000/S2A_MSIL2A_20180710T051651_N0500_R062_T0000.SAFE"
RASTERS = f"{PRODUCT}/GRANULE/L2A_T0000_A015942/IMG_DATA"
FETCHED = "resources/scenes/fetched"
READ = {
    "a table of a geodatabase": ("outlines.gdb/a00000009.gdbtable", "Cleaning the outlines"),
    "a band of a product": (f"{RASTERS}/R10m/T0000_B04_10m.tif", "Composing the image of tile T0000"),
    "a band of a fetched scene": (f"{FETCHED}/red.tif", "Composing the image of tile T0001"),
    "a band in a linked folder": ("elsewhere/B03.tif", "Composing the image of tile T0002"),
}
UNREAD = [
    f"{PRODUCT}/preview.jpg",
    f"{PRODUCT}/HTML/file_1.xml",
    f"{PRODUCT}/GRANULE/L2A_T0000_A015942/QI_DATA/file_2.xml",
    f"{RASTERS}/R10m/T0000_TCI_10m.tif",
    f"{RASTERS}/R60m/T0000_B04_60m.tif",
    f"{FETCHED}/thumbnail.jpg",
    "elsewhere/notes.html",
]


@pytest.fixture(scope="module")
def bench(project):
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(project))
        yield importlib.import_module("benchmarks.bench_plan"), importlib.import_module("benchmarks.products")


@pytest.fixture(scope="module")
def region(bench, tmp_path_factory):
    """A region where all is made: tiles of products, of a fetched scene and of a linked folder; outlines in a .gdb."""
    plan, products = bench
    folder = tmp_path_factory.mktemp("brought") / "region"

    def write_fetched(x: float, y: float) -> list[Path]:
        assets = {name: {"href": f"https://archive.test/{name}.tif"} for name in ("red", "green", "blue", "scl")}
        for name in assets:
            products.write_band(folder / FETCHED / f"{name}.tif", x, y)
        item = {"type": "Feature", "properties": {"s2:processing_baseline": "02.08"}, "assets": assets}
        (folder / FETCHED / "item.json").write_text(json.dumps(item))
        (folder / FETCHED / "thumbnail.jpg").touch()
        (folder / FETCHED / "checksums.json").write_text("{}")
        return [folder / FETCHED / "checksums.json"]

    def write_linked(x: float, y: float) -> list[Path]:
        for name in ("B04", "B03", "B02", "SCL"):
            products.write_band(folder / f"elsewhere/{name}.tif", x, y)
        (folder / "elsewhere/MTD_MSIL2A.xml").write_text(products.METADATA)
        (folder / "elsewhere/notes.html").touch()
        (folder / "linked").symlink_to("elsewhere")
        return [folder / "linked"]

    others = {"T0001": write_fetched, "T0002": write_linked}

    def write(tile: Path, x: float, y: float) -> list[Path]:
        return others[tile.name](x, y) if tile.name in others else products.write_products(tile, x, y, count=1)

    plan._region(folder, 3, write)
    outlines = gpd.GeoDataFrame({"name": ["a"]}, geometry=[box(400_050, 3_999_800, 400_150, 3_999_900)], crs=32644)
    outlines.to_file(folder / "outlines.gdb", driver="OpenFileGDB")
    settings = yaml.safe_load((folder / "wide.yaml").read_text())
    settings["labels"]["positives"] = [{"path": "outlines.gdb"}]
    (folder / "wide.yaml").write_text(yaml.safe_dump(settings))
    plan._pretend(folder)
    plan._insist_nothing(plan._snakemake(folder, "--dry-run"))
    return folder


@pytest.fixture(scope="module")
def plans(bench, region):
    """Plans after the unread files were replaced, and then one after the other those that are read, by older ones."""

    def plan() -> str:
        return bench[0]._snakemake(region, "--dry-run")

    for name in UNREAD:
        (region / name).write_bytes(b"other bytes")
    found = {"unread": plan()}
    for case, (name, _) in READ.items():
        replace_by_older(region / name)
        found[case] = plan()
    return found


def replace_by_older(path: Path) -> None:
    """Change the last byte of a file, and set its time back by an hour; the folders above keep their times."""
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 3_600_000_000_000))


def test_nothing_is_planned_when_files_that_nobody_reads_are_replaced(plans):
    assert "Nothing to be done" in plans["unread"]


@pytest.mark.parametrize("case", READ)
def test_the_work_is_planned_again_when_a_file_that_is_read_is_replaced(plans, case):
    assert re.search(rf"^Job \d+: {READ[case][1]}\nReason: Params have changed", plans[case], re.M), plans[case]
