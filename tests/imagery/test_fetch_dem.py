"""Elevation of an area, from a real file server and a real STAC API."""

from __future__ import annotations

import functools
import logging

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import box
from tests.servers.files import Fault

from lobate.errors import UserError
from lobate.imagery.fetch_dem import fetch_dem
from lobate.imagery.fetching import download
from lobate.imagery.fetching.retry import RetryPolicy
from lobate.imagery.finding import stac_search
from lobate.settings.imagery import Catalogue, Find

SIDE = 60
CORNERS = ((10, 46), (11, 46))
LOCAL = Catalogue(url="http://127.0.0.1:1/", collection="scenes", allow_private=True, tries=2, timeout_s=5)


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(download, "RetryPolicy", functools.partial(RetryPolicy, first_wait_s=0.01))


@pytest.fixture
def tiles(file_server, tmp_path):
    """Two small tiles like Copernicus', one with a void, on the file server; their heights and items."""
    return Tiles(file_server, tmp_path)


class Tiles:
    """Tiles of a degree whose south-western corners are ``corners``."""

    def __init__(self, server, tmp_path, corners=CORNERS):
        self.server, self.place, self.corners = server, f"dem_{tmp_path.name}", corners
        (server.folder / self.place).mkdir()
        rng = np.random.default_rng(1)
        self.heights = {corner: rng.uniform(0, 4000, (SIDE, SIDE)).astype(np.float32) for corner in self.corners}
        self.heights[corners[0]][20:25, 20:25] = -32767
        self.items = [self._item(corner) for corner in self.corners]

    def path(self, corner):
        return f"{self.place}/{self.name(corner)}.tif"

    def name(self, corner):
        return f"Copernicus_DSM_COG_10_N{corner[1]:02}_00_E{corner[0]:03}_00_DEM"

    def _item(self, corner):
        west, south = corner
        half = 0.5 / SIDE
        profile = {"driver": "GTiff", "count": 1, "height": SIDE, "width": SIDE, "dtype": "float32", "crs": "EPSG:4326"}
        transform = from_origin(west - half, south + 1 + half, 1 / SIDE, 1 / SIDE)
        with rasterio.open(self.server.folder / self.path(corner), "w", transform=transform, **profile) as dataset:
            dataset.write(self.heights[corner], 1)
        bounds = [west - half, south + half, west + 1 - half, south + 1 + half]
        return {
            "type": "Feature", "stac_version": "1.0.0", "id": self.name(corner), "bbox": bounds, "links": [],
            "geometry": box(*bounds).__geo_interface__, "properties": {"datetime": "2021-04-22T00:00:00Z"},
            "assets": {"data": {"href": self.server.address(self.path(corner)), "roles": ["data"]}},
        }  # fmt: skip

    def asked(self):
        return [len(self.server.asked(self.path(corner))) for corner in self.corners]


@pytest.fixture
def search(monkeypatch, tiles):
    """A catalogue that has these tiles, and nothing else."""
    monkeypatch.setattr(stac_search, "search", lambda *_: tiles.items)


@pytest.fixture
def fetch(tmp_path):
    """Fetch the elevation of a box; return the raster."""

    def run(*bounds, settings=LOCAL):
        area = tmp_path / "area.gpkg"
        gpd.GeoDataFrame(geometry=[box(*bounds)], crs="EPSG:4326").to_file(area)
        dem = tmp_path / "resources" / "dem" / "r.tif"
        dem.parent.mkdir(parents=True, exist_ok=True)
        fetch_dem(area, dem, find=Find(area="area.gpkg", years=[2018], months=[7]), catalogue=settings)
        return dem

    return run


def read(dem):
    with rasterio.open(dem) as dataset:
        return dataset.read(1)


def test_tiles_of_the_area_become_one_raster_with_their_voids(fetch, tiles, search, caplog):
    with caplog.at_level(logging.INFO):
        made = read(fetch(10.5, 46.2, 11.5, 46.8))
    expected = np.hstack([tiles.heights[10, 46], tiles.heights[11, 46]])
    expected[expected == -32767] = -9999
    assert np.array_equal(made, expected)
    assert "elevation of 2 tiles; 0.3 % of the mosaic is void" in caplog.text
    assert "no elevation" not in caplog.text


def test_only_tiles_near_the_area_are_fetched(fetch, tiles, search):
    assert read(fetch(10.2, 46.2, 10.8, 46.8)).shape == (SIDE, SIDE)
    assert tiles.asked() == [1, 0]


def test_the_edge_of_the_area_has_elevation_on_both_sides(fetch, tiles, search):
    assert read(fetch(10.2, 46.2, 10.98, 46.8)).shape == (SIDE, 2 * SIDE)


def test_tiles_are_kept_and_the_same_area_gives_the_same_bytes(fetch, tiles, search):
    dem = fetch(10.5, 46.2, 11.5, 46.8)
    before = dem.read_bytes()
    dem.unlink()
    fetch(10.5, 46.2, 11.5, 46.8)
    assert dem.read_bytes() == before
    assert tiles.asked() == [1, 1]
    assert sorted(one.name for one in dem.parent.iterdir()) == [".fetching", "r.tif", "tiles"]


def test_degrees_without_a_tile_are_told_and_stay_void(fetch, tiles, search, caplog):
    made = read(fetch(9.5, 46.5, 10.5, 47.5))
    assert made.shape == (SIDE, SIDE)
    assert "no elevation for 3 square degrees of the area (N46E009, N47E009, N47E010)" in caplog.text


def test_a_broken_transfer_goes_on(fetch, tiles, search):
    tiles.server.fail(tiles.path((10, 46)), Fault(share=0.5))
    tiles.server.fail(tiles.path((11, 46)), Fault(503))
    fetch(10.5, 46.2, 11.5, 46.8)
    assert tiles.server.asked(tiles.path((10, 46)))[1].status == 206


def test_a_tile_that_cannot_be_had_is_named_and_an_older_dem_stays(fetch, tiles, search):
    dem = fetch(10.2, 46.2, 10.8, 46.8)
    before = dem.read_bytes()
    tiles.server.fail(tiles.path((11, 46)), Fault(404))
    with pytest.raises(UserError, match=r"elevation tile Copernicus_.*E011_00_DEM: .*404"):
        fetch(10.5, 46.2, 11.5, 46.8)
    assert dem.read_bytes() == before


def test_an_area_of_which_nothing_is_known_is_a_mistake(fetch, tiles, search):
    with pytest.raises(UserError, match=r"no elevation in cop-dem-glo-30 for the area"):
        fetch(-30.5, 0.2, -30.2, 0.8)


def test_an_area_over_the_180th_meridian_is_a_mistake(fetch, tiles, search):
    with pytest.raises(UserError, match="both sides of the 180th meridian"):
        fetch(179.5, 0.2, 180.5, 0.8)


@pytest.mark.parametrize(
    "harm",
    [{"id": "../../etc"}, {"id": ""}, {"assets": {}}, {"assets": {"thumbnail": {"href": "x.png"}}}, {"assets": None}],
)
def test_items_that_are_no_tiles_are_a_mistake(fetch, tiles, search, harm):
    tiles.items[0].update(harm)
    with pytest.raises(UserError, match=r"dem_collection"):
        fetch(10.2, 46.2, 10.8, 46.8)


@pytest.mark.parametrize("bounds", [None, [], ["a"] * 4, [1, 2, 3], {}])
def test_items_that_do_not_say_where_they_are_are_not_taken(fetch, tiles, search, bounds):
    tiles.items[0]["bbox"] = bounds
    assert read(fetch(10.5, 46.2, 11.5, 46.8)).shape == (SIDE, SIDE)


def test_without_an_area_there_is_nothing_to_fetch(tmp_path):
    with pytest.raises(UserError, match=r"imagery\.find"):
        fetch_dem(None, tmp_path / "dem.tif", find=None, catalogue=LOCAL)


def test_a_real_stac_api_lists_the_tiles(fetch, tiles, stac_server):
    collection = f"cop-dem-{tiles.place}"
    stac_server.load(collection, tiles.items)
    settings = LOCAL.model_copy(update={"url": stac_server.url, "dem_collection": collection})
    assert read(fetch(10.5, 46.2, 11.5, 46.8, settings=settings)).shape == (SIDE, 2 * SIDE)
    assert read(fetch(11.2, 46.2, 11.8, 46.8, settings=settings)).shape == (SIDE, SIDE)


def test_who_cannot_reach_the_catalogue_is_told_how_to_do_without(monkeypatch, tmp_path):
    def nobody(*_):
        raise UserError("The catalogue cannot be reached.")

    monkeypatch.setattr(stac_search, "search", nobody)
    gpd.GeoDataFrame(geometry=[box(15.2, 46.2, 15.4, 46.4)], crs=4326).to_file(tmp_path / "area.gpkg")
    find = Find(area="area.gpkg", years=[2018], months=[7])
    with pytest.raises(UserError, match=r"cannot be reached\. Or bring a DEM of your own .* inventory\.dem; without"):
        fetch_dem(tmp_path / "area.gpkg", tmp_path / "dem.tif", find=find, catalogue=LOCAL)
