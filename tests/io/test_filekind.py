"""No pipe, socket or device is ever read, wherever a user may name one, and no ring of links is walked for ever."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from shapely.geometry import box

from lobate.cli.check import check_region
from lobate.errors import UserError
from lobate.imagery.reading.scene import SceneRequest
from lobate.imagery.reading.scenes import read_scene
from lobate.imagery.scene_table import read_table
from lobate.io import filekind
from lobate.io.decisions import read_decisions_layer
from lobate.io.digest import content_digest, files_of, quick_fingerprint
from lobate.io.filekind import files_below
from lobate.io.jsonfile import read_json
from lobate.io.raster import open_raster
from lobate.io.vector import read_layer
from lobate.labels.table import read_removed
from lobate.network.header import read_header
from lobate.settings.load import load, parse

WANTED = SceneRequest(("B04",), "none", needs_classes=False)


@pytest.fixture(autouse=True)
def _end_a_hang():
    signal.alarm(120)
    yield
    signal.alarm(0)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(
            f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}/{path.name}"
        )  # such paths have 108 bytes at most


MAKERS = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "loop": lambda path: path.symlink_to(path.name),
}
WITHOUT_END = [kind for kind in MAKERS if kind != "loop"]


def _open(path):
    with open_raster(path):
        pass


READERS = {
    "digest": ("a.bin", content_digest),
    "fingerprint": ("a.bin", quick_fingerprint),
    "raster": ("a.tif", _open),
    "scene": ("a.tif", lambda path: read_scene(path, WANTED)),
    "zipped product": ("a.zip", lambda path: read_scene(path, WANTED)),
    "outlines": ("a.gpkg", read_layer),
    "zipped outlines": ("a.zip", read_layer),
    "decisions": ("a.gpkg", read_decisions_layer),
    "json": ("a.json", lambda path: read_json(path, "a record")),
    "list of removed outlines": ("a.csv", read_removed),
    "scene table": ("a.tsv", read_table),
    "settings": ("a.yaml", lambda path: load([path])),
    "model": ("a.safetensors", read_header),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("reader", READERS)
def test_what_has_no_end_is_refused_before_it_is_read(reader, kind, tmp_path):
    name, read = READERS[reader]
    if reader == "fingerprint" and kind == "loop":
        return  # a missing file has the fingerprint ""
    MAKERS[kind](tmp_path / name)
    with pytest.raises(UserError, match=name):
        read(tmp_path / name)


@pytest.fixture
def product(tmp_path):
    """Return a folder with one band."""
    folder = tmp_path / "product"
    folder.mkdir()
    profile = {"height": 8, "width": 8, "count": 1, "crs": "EPSG:32644", "transform": Affine(10, 0, 5e5, 0, -10, 4e6)}
    with rasterio.open(folder / "B04.tif", "w", driver="GTiff", dtype="uint16", **profile) as band:
        band.write(np.ones((1, 8, 8), np.uint16))
    return folder


@pytest.mark.parametrize("kind", WITHOUT_END)
@pytest.mark.parametrize("name", ["B04.tif.aux.xml", "B04.tif.ovr", "B04.tif.msk", "B04.tfw", "b04.TAB", "B04_RPC.TXT"])
def test_a_side_file_without_end_is_refused(kind, name, product):
    MAKERS[kind](product / name)
    for read in (_open, content_digest, quick_fingerprint):
        with pytest.raises(UserError, match=name):
            read(product / "B04.tif")


@pytest.mark.parametrize("kind", WITHOUT_END)
def test_a_part_of_a_shapefile_without_end_is_refused(kind, tmp_path):
    gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs=4326).to_file(tmp_path / "a.shp")
    (tmp_path / "a.dbf").unlink()
    MAKERS[kind](tmp_path / "a.dbf")
    for read in (read_layer, content_digest):
        with pytest.raises(UserError, match=r"a\.dbf"):
            read(tmp_path / "a.shp")


@pytest.mark.parametrize("kind", WITHOUT_END)
@pytest.mark.parametrize("name", ["B03.tif", "MTD_MSIL2A.xml", "item.json", "GRANULE/x.xml"])
def test_a_member_of_a_product_without_end_is_refused(kind, name, product):
    (product / name).parent.mkdir(exist_ok=True)
    MAKERS[kind](product / name)
    with pytest.raises(UserError, match=Path(name).name):
        content_digest(product)
    with pytest.raises(UserError):
        read_scene(product, SceneRequest(("B04", "B03"), "none", needs_classes=False))


@pytest.mark.parametrize("kind", MAKERS)
def test_the_check_names_the_setting_of_a_file_without_end(kind, tmp_path, product):
    paths = {name: tmp_path / name for name in ("a.gpkg", "a.csv", "a.tif")}
    for path in paths.values():
        MAKERS[kind](path)
    outlines, removed, dem = map(str, paths.values())
    region = {
        "region": "r",
        "imagery": {"tiles": {"T": [str(product)]}, "bands": ["B04"], "offset": "none"},
        "labels": {"positives": [{"path": outlines}], "removed": removed},
        "inventory": {"dem": dem},
    }
    with pytest.raises(UserError) as told:
        check_region(parse(region))
    assert all(name in str(told.value) for name in ("labels.positives", "labels.removed", "inventory.dem"))


def test_links_back_into_a_folder_are_walked_once(product, monkeypatch):
    """Two links to the folder itself: each file has one name, and each folder is listed once."""
    for name in ("again", "once_more"):
        (product / name).symlink_to(product)
    listed = []
    monkeypatch.setattr(
        filekind, "_entries", lambda folder, real=filekind._entries: listed.append(Path(folder)) or real(folder)
    )
    assert files_below(product) == ["B04.tif"]
    assert listed == [product]
    assert files_of(product) == {"B04.tif": product / "B04.tif"}
    assert read_scene(product, WANTED).bands


def test_a_linked_folder_counts_with_its_files(product, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text("a")
    (product / "linked").symlink_to(tmp_path / "elsewhere")
    digest = content_digest(product)
    assert files_below(product) == ["B04.tif", "linked/a"]
    (tmp_path / "elsewhere" / "a").write_text("b")
    assert content_digest(product) != digest


def test_links_that_double_at_every_level_are_refused(tmp_path):
    """Forty folders with two links each to the next: 2**40 names, and no ring."""
    for number in range(41):
        (tmp_path / f"{number}").mkdir()
    for number in range(40):
        for name in ("a", "b"):
            (tmp_path / f"{number}" / name).symlink_to(tmp_path / f"{number + 1}")
    with pytest.raises(UserError, match="links to folders"):
        content_digest(tmp_path / "0")


def test_a_stranger_beside_a_file_does_not_count(product):
    os.mkfifo(product / "B04other")
    os.mkfifo(product / "B0.tif")
    assert files_of(product / "B04.tif") == {"": product / "B04.tif"}


def test_broken_links_do_not_count(product):
    (product / "broken").symlink_to("nowhere")
    (product / "loop").symlink_to("loop")
    assert files_below(product) == ["B04.tif"]
