"""The rule of slope and elevation: fitted on the training landforms alone, and scored on the same ground as the map."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import shapely

from lobate.errors import UserError
from lobate.io.raster import open_raster
from lobate.mapping import terrain_rule
from lobate.mapping.score import score
from lobate.mapping.terrain_rule import NO_CELLS, NO_DEM, fit_rule, read_terrain
from lobate.settings.mapping import ReferenceFile

X, Y = 500_000, 3_800_000


def square(left, top, side=200):
    """A square by its corner in metres from the tile's upper left."""
    return shapely.box(X + left, Y - top - side, X + left + side, Y - top)


def heights(height, width, pixel):
    """Ground that rises to the east, ever steeper, and gently to the south."""
    east, south = np.meshgrid((np.arange(width) + 0.5) * pixel, (np.arange(height) + 0.5) * pixel)
    return (4000 + east**2 / 2000 + south / 20).astype("float32")


@pytest.fixture
def world(workshop):
    """A tile of 1 km with a DEM of 20 m: two training landforms, one that validates, one elsewhere; run score on it."""

    class World:
        taught = [square(100, 100), square(300, 500)]
        other = [square(700, 100), square(100, 760)]
        dem = workshop.folder / "dem.tif"

        def write_dem(self, pixel=20, epsg=32644, void=0, turn=0.0):
            values = heights(1000 // pixel + 10, 1000 // pixel + 10, pixel)
            values[:, :void] = -9999
            transform = rasterio.Affine(pixel, turn, X - 5 * pixel, 0, -pixel, Y + 5 * pixel)
            profile = {
                "driver": "GTiff",
                "count": 1,
                "dtype": "float32",
                "height": len(values),
                "width": values.shape[1],
            }
            with rasterio.open(
                self.dem, "w", crs=f"EPSG:{epsg}", transform=transform, nodata=-9999, **profile
            ) as target:
                target.write(values, 1)

        def files(self):
            names = [f"p{k}" for k in range(4)]
            kept = workshop.lonlat([*self.taught, *self.other], polygon=names, **{"class": "positive"})
            patches = [square(60, 60, 280), square(260, 460, 280), square(660, 60, 280)]
            split = workshop.lonlat(patches, side=["training", "training", "validation"])
            polygons = workshop.layers("polygons.gpkg", kept=kept, removed=kept.iloc[:0])
            return workshop.layers("split.gpkg", split=split), polygons

        def score(self, dem=None):
            split, polygons = self.files()
            tile, target = workshop.probability("T", workshop.grid(X, Y, 100, 100), 0), workshop.folder / "scores.json"
            truth = workshop.lonlat([*self.taught, *self.other], name=[f"t{k}" for k in range(4)])
            found = workshop.lonlat(self.taught, detection=["d1", "d2"], mean=0.8)
            call = (
                workshop.layers("d.gpkg", kept=found),
                workshop.layers("t.gpkg", t=truth),
                [tile],
                split,
                polygons,
                target,
            )
            reference = ReferenceFile(path="t.gpkg", complete=True)
            settings = {"reference_file": reference, "match_iou": 0.5, "landform": "rock glacier"}
            score(*call, workshop.folder / "cases.gpkg", dem=dem, **settings)
            return json.loads(target.read_text())

    made = World()
    made.write_dem()
    return made


def test_the_limits_are_percentiles_of_the_training_landforms_alone(world):
    rule = fit_rule(world.dem, *world.files())
    with open_raster(world.dem) as dem:
        whole = rasterio.features.rasterize(world.taught, out_shape=dem.shape, transform=dem.transform) == 1
        elevation, slope = read_terrain(dem, terrain_rule.Grid.from_raster(dem))
    for limits, values, step in ((rule.elevation_m, elevation[whole], 1), (rule.slope_deg, slope[whole], 0.1)):
        assert limits == pytest.approx(np.percentile(values, [5, 95], method="inverted_cdf"), abs=1.01 * step)
        assert ((limits[0] <= values) & (values <= limits[1])).mean() >= 0.9
    assert rule.cells == whole.sum()
    world.other = [square(800, 800), square(900, 300, 90)]
    assert fit_rule(world.dem, *world.files()) == rule


def test_the_iou_is_that_of_all_pixels_at_once(world):
    scores = world.score(world.dem)
    (flat, steep), (low, high) = scores["rule"]["slope_deg"], scores["rule"]["elevation_m"]
    with open_raster(world.dem) as dem:
        elevation, slope = read_terrain(dem, terrain_rule.Grid.from_raster(dem))
    found = (flat <= slope) & (slope <= steep) & (low <= elevation) & (elevation <= high)
    found = np.kron(found, np.ones((2, 2)))[10:110, 10:110] == 1
    transform = rasterio.Affine(10, 0, X, 0, -10, Y)
    there = rasterio.features.rasterize([*world.taught, *world.other], out_shape=(100, 100), transform=transform) == 1
    assert 0 < found.sum() < found.size
    assert scores["pixels"]["iou_rule"] == pytest.approx((found & there).sum() / (found | there).sum(), abs=1e-4)
    assert scores["unseen"]["pixels"]["iou_rule"] != scores["pixels"]["iou_rule"]
    without = world.score()
    assert without["pixels"] | {"iou_rule": None} == scores["pixels"] | {"iou_rule": None}


@pytest.mark.parametrize("cells", [1, 700, 3000])
def test_the_size_of_a_read_changes_nothing(world, cells, monkeypatch):
    whole = world.score(world.dem)
    monkeypatch.setattr(terrain_rule, "MAX_CELLS", cells)
    if cells == 1:
        monkeypatch.setattr(terrain_rule, "MAX_CELLS", 150)
    assert world.score(world.dem) == whole


def test_a_dem_in_degrees_gives_nearly_the_same(world, workshop):
    plain = world.score(world.dem)["pixels"]["iou_rule"]
    source, world.dem = world.dem, workshop.folder / "lonlat.tif"
    with (
        rasterio.open(source) as dem,
        rasterio.vrt.WarpedVRT(dem, crs="EPSG:4326", resampling=1, nodata=-9999) as warped,
    ):
        profile = warped.profile | {"driver": "GTiff"}
        with rasterio.open(world.dem, "w", **profile) as target:
            target.write(warped.read())
    assert world.score(world.dem)["pixels"]["iou_rule"] == pytest.approx(plain, abs=0.05)


def test_voids_are_no_landform(world):
    world.write_dem(void=25)
    with open_raster(world.dem) as dem:
        found = fit_rule(world.dem, *world.files()).landform(dem, terrain_rule.Grid(100, 100, rasterio.Affine(10, 0, X, 0, -10, Y), dem.crs))  # fmt: skip
    assert not found[:, :40].any()


def test_without_a_dem_or_without_landforms_on_it_there_is_no_rule_and_it_is_said(world):
    assert world.score()["rule"] == {"what": NO_DEM}
    world.write_dem(void=60)
    scores = world.score(world.dem)
    assert scores["rule"] == {"what": NO_CELLS}
    assert scores["pixels"]["iou_rule"] is scores["unseen"]["pixels"]["iou_rule"] is None


def test_a_rotated_dem_is_a_mistake(world):
    world.write_dem(turn=3.0)
    with pytest.raises(UserError, match="rotated"):
        world.score(world.dem)
