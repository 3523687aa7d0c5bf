"""From a catalogue to an image over HTTP: scenes from a real STAC API and a real file server."""

from __future__ import annotations

import hashlib
import logging
import shutil

import geopandas as gpd
import pytest
import rasterio
import yaml
from shapely.geometry import shape
from tests.chain.clone import Clone
from tests.imagery.test_fetch_dem import Tiles
from tests.servers.files import Fault
from tests.servers.stac import real_items

from lobate.imagery.fetch_scene import fetch_scene
from lobate.imagery.find_scenes import find_scenes
from lobate.imagery.scene_table import read_table, scenes_by_tile
from lobate.settings.imagery import Catalogue, Clouds, Find, Imagery

pytestmark = pytest.mark.xdist_group("stac")
CLOUDY = "S2B_33TWM_20230810_0_L2A"
CLEAR = {
    "29RKH": ["S2A_29RKH_20200219_0_L2A"],
    "33TWM": ["S2B_33TWM_20230813_0_L2A", "S2B_33TWM_20230820_0_L2A"],
}
DEM = "resources/dem/r.tif"
BANDS = ["B04", "B03", "B02"]


@pytest.fixture
def archive(file_server, stac_server, real_data, tmp_path):
    """The four real scenes in a collection of their own, their files on the file server; those of 33TWM with checksums."""
    place, collection = f"archive_{tmp_path.name}", f"scenes-{tmp_path.name}"
    (file_server.folder / place).mkdir()
    items = real_items(real_data, file_server.address(place))
    for item in items:
        folder = next(real_data.glob(f"s2_l2a_*/{item['id']}"))
        (file_server.folder / place / item["id"]).symlink_to(folder)
        for asset in item["assets"].values():
            name = asset["href"].rpartition("/")[2]
            asset["href"] = file_server.address(f"{place}/{item['id']}/{name}")
            if "33TWM" in item["id"] and (folder / name).exists():
                asset["file:checksum"] = "1220" + hashlib.sha256((folder / name).read_bytes()).hexdigest()
    stac_server.load(collection, items)
    stac_server.load(f"dem-{collection}", Tiles(file_server, tmp_path, [(15, 46)]).items)
    settings = Catalogue(
        url=stac_server.url, collection=collection, dem_collection=f"dem-{collection}", allow_private=True
    )
    return Archive(file_server, place, items, settings, tmp_path)


class Archive:
    def __init__(self, server, place, items, settings, tmp_path):
        self.server, self.place, self.items, self.settings = server, place, items, settings
        self.area = tmp_path / "area.gpkg"
        gpd.GeoDataFrame(geometry=[shape(item["geometry"]) for item in items], crs="EPSG:4326").to_file(self.area)
        self.find = Find(area=str(self.area), years=[2020, 2023], months=[2, 8])

    def path(self, scene, file):
        return f"{self.place}/{scene}/{file}"

    def asked(self, scene):
        return sorted(
            {request.path.rpartition("/")[2] for request in self.server.requests if f"/{scene}/" in request.path}
        )


def test_real_scenes_are_found_fetched_and_composed_like_their_folders(
    archive, products, real_data, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "resources").mkdir()
    table = tmp_path / "resources" / "scenes.tsv"
    with caplog.at_level(logging.INFO):
        find_scenes(
            archive.area,
            table,
            tmp_path / "coverage.png",
            find=archive.find,
            clouds=Clouds(),
            catalogue=archive.settings,
        )
    assert list(read_table(table)["scene"]) == [scene for tile in sorted(CLEAR) for scene in CLEAR[tile]]
    assert CLOUDY in caplog.text
    tiles = scenes_by_tile(Imagery(scenes="resources/scenes.tsv"))
    archive.server.fail(archive.path(CLEAR["33TWM"][0], "B03.tif"), Fault(share=0.5))
    for manifest in (path for paths in tiles.values() for path in paths):
        scene = manifest.split("/")[-2]
        fetch_scene(table, tmp_path / manifest, scene=scene, bands=BANDS, catalogue=archive.settings)
    assert archive.asked(CLOUDY) == []
    assert archive.asked(CLEAR["29RKH"][0]) == ["B02.tif", "B03.tif", "B04.tif", "SCL.tif", "granule_metadata.xml"]
    assert "B04.tif.aux.xml" in archive.asked(CLEAR["33TWM"][0])
    for tile, paths in tiles.items():
        folders = sorted(real_data.glob(f"s2_l2a_*/*_{tile}_*"))
        products.compose([tmp_path / path for path in paths], tmp_path / "fetched" / f"{tile}.tif")
        products.compose(folders, tmp_path / "direct" / f"{tile}.tif")
        for name in (f"{tile}.tif", f"{tile}_scene.tif"):
            assert (tmp_path / "fetched" / name).read_bytes() == (tmp_path / "direct" / name).read_bytes()


@pytest.fixture
def clone(archive, project, tmp_path):
    """A clone of the project whose only region is this archive's."""
    made = Clone(tmp_path / "clone", project, tmp_path / "store")
    shutil.copy(archive.area, made.folder / "area.gpkg")
    return made


def configure(clone, archive, **imagery):
    settings = {
        "region": "r",
        "imagery": {
            "find": {**archive.find.model_dump(exclude_none=True), "area": "area.gpkg"},
            "catalogue": archive.settings.model_dump(exclude_none=True),
            **imagery,
        },
        "labels": {"positives": [{"path": "area.gpkg"}]},
        "inventory": {"dem": DEM},
    }
    (clone.folder / "r.yaml").write_text(yaml.safe_dump(settings))


def test_snakemake_fetches_what_the_table_names_and_nothing_twice(archive, clone):
    images = [f"results/r/imagery/{tile}.tif" for tile in CLEAR]
    old = CLEAR["29RKH"][0]
    configure(clone, archive)
    found = clone.run("--", "find_scenes", config="r.yaml")
    assert found.status == 0, found.text
    table = clone.folder / "resources/r/scenes.tsv"
    table.parent.mkdir(parents=True)
    shutil.copy(clone.folder / "results/r/imagery/scenes.tsv", table)
    configure(clone, archive, scenes="resources/r/scenes.tsv")

    archive.server.fail(archive.path(old, "B03.tif"), *[Fault(404)] * 3)
    failed = clone.run("--keep-going", "--", *images, config="r.yaml")
    assert failed.status == 1
    assert f"B03 of scene {old}" in failed.text
    assert [(clone.folder / image).exists() for image in images] == [False, True]  # that scene failed alone

    mended = clone.run("--", *images, DEM, config="r.yaml")
    assert mended.status == 0, mended.text
    with rasterio.open(clone.folder / DEM) as dem:
        assert (dem.nodata, dem.crs.to_epsg(), dem.shape) == (-9999, 4326, (60, 60))
    assert [len(archive.server.asked(archive.path(old, f"{band}.tif"))) for band in ("B02", "B03", "B04")] == [1, 4, 1]

    asked = len(archive.server.requests)
    with table.open("a") as file:
        file.write("# looked through\n")
    again = clone.run("--", *images, config="r.yaml")
    assert "Nothing to be done" in again.text
    (clone.folder / f"resources/scenes/{old}/checksums.json").unlink()
    assert clone.run("--", *images, config="r.yaml").status == 0
    assert len(archive.server.requests) == asked
