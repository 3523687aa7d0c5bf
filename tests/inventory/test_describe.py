"""Attributes of outlines on a synthetic DEM, and of real rock glaciers against an independent computation.

Scenes are counted off synthetic records; lengths are compared with shapes measured by hand.
"""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import geometry_mask
from shapely.geometry import box

from lobate.errors import UserError
from lobate.inventory.apply_review import apply_review
from lobate.inventory.attributes import DESCRIBED
from lobate.inventory.describe import describe, flow_ends, length_along, longer_side, outline_scenes
from lobate.inventory.solar import annual_beams, irradiance
from lobate.io.grid import WGS84
from lobate.io.vector import read_polygons, write_layers
from lobate.settings.inventory import OtherInventory

from .conftest import frame, square


@pytest.fixture
def dem(tmp_path):
    """Falls to the south by 0.2 of its cells' height in degrees; 4000 m in the north."""
    rows = np.arange(60)[:, np.newaxis] * np.ones((1, 60))
    grid = {"height": 60, "width": 60, "crs": "EPSG:4326", "transform": Affine(0.0002, 0, 80, 0, -0.0002, 36.006)}
    with rasterio.open(tmp_path / "dem.tif", "w", driver="GTiff", count=1, dtype="float32", **grid) as raster:
        raster.write((4000 - 0.2 * 22.2 * rows).astype("float32"), 1)
    return tmp_path / "dem.tif"


def measured(tmp_path, source, dem=None, **settings) -> gpd.GeoDataFrame:
    others = {"insar": OtherInventory(path="x", **settings)}
    describe(source, tmp_path / "described.gpkg", dem, source="insar", others_settings=others)
    return read_polygons(tmp_path / "described.gpkg", "described")


def outlines(tmp_path, *shapes):
    write_layers(tmp_path / "insar.gpkg", {"outlines": frame(list(shapes), name=[str(n) for n in range(len(shapes))])})
    return tmp_path / "insar.gpkg"


def test_every_attribute_of_a_landform_on_a_plane(tmp_path, dem):
    shape = box(80.002, 36.0, 80.004, 36.004)
    row = measured(tmp_path, outlines(tmp_path, shape), dem, id_field="name").iloc[0]
    tall, wide = WGS84.inv(80.003, 36, 80.003, 36.004)[2], WGS84.inv(80.002, 36.002, 80.004, 36.002)[2]
    assert row["area_km2"] == pytest.approx(tall * wide / 1e6, rel=1e-4)
    assert row["perimeter_m"] == pytest.approx(2 * (tall + wide), rel=1e-3)
    assert row["length_m"] == pytest.approx(tall, abs=0.2)
    assert row["width_m"] == pytest.approx(wide, rel=1e-3)
    assert row["length_note"] == "flow"
    assert row["elevation_max_m"] == pytest.approx(4000 - 4.44 * 10, abs=0.1)
    assert row["elevation_min_m"] == pytest.approx(4000 - 4.44 * 29, abs=0.1)
    assert row["elevation_mean_m"] == pytest.approx(4000 - 4.44 * 19.5, abs=0.1)
    assert row["slope_deg"] == pytest.approx(np.degrees(np.arctan(0.2)), abs=0.05)
    assert row["aspect_deg"] == pytest.approx(180, abs=0.1)
    assert row["aspect_concentration"] == pytest.approx(1)
    beams = annual_beams(36.004, row["elevation_mean_m"])
    assert row["solar_w_m2"] == pytest.approx(irradiance(beams, np.array([11.31]), np.array([180.0]))[0], rel=2e-3)
    assert (row["longitude"], row["latitude"]) == pytest.approx(
        (80.003, 36.002), abs=2e-6
    )  # a rectangle's centroid is deep


def test_without_dem_nulls_and_a_reason(tmp_path):
    row = measured(tmp_path, outlines(tmp_path, box(80, 36, 80.001, 36.004))).iloc[0]
    unknown = ["elevation_min_m", "elevation_mean_m", "slope_deg", "aspect_deg", "solar_w_m2", "dem_share"]
    assert row[unknown].isna().all()
    assert (row["mapping_date"], row["scenes_note"]) == (None, "the outline is from insar, which gives no date")
    assert (row["dem_note"], row["length_note"]) == ("no DEM", "rectangle")
    assert row["length_m"] == pytest.approx(WGS84.inv(80, 36, 80, 36.004)[2], rel=1e-3)
    assert (row["longitude"], row["latitude"]) == pytest.approx((80.0005, 36.002))


def test_off_and_partly_off_the_dem(tmp_path, dem):
    result = measured(tmp_path, outlines(tmp_path, box(79.999, 36, 80.001, 36.002), box(70, 36, 70.01, 36.01)), dem)
    assert list(result["dem_note"]) == ["reaches past the DEM (50.0% of it)", "lies outside the DEM"]
    assert list(result["dem_share"]) == [0.5, 0.0]
    assert result[["elevation_min_m", "elevation_max_m", "slope_deg", "aspect_deg"]].isna().all().all()
    assert (result[["area_km2", "length_m", "width_m"]] > 0).all().all()


def test_columns_and_kinds_of_an_empty_inventory(tmp_path, dem):
    result = measured(tmp_path, outlines(tmp_path), dem)
    assert list(result.columns) == [*(attribute.name for attribute in DESCRIBED), "geometry"]
    assert result["area_km2"].dtype == float


def test_reviewed_detections_keep_what_a_person_said(tmp_path, detections, dem):
    decisions = frame(
        [square(0), square(1)], detection=["a", "b"], status=["accepted", "rejected"], reviewer=["r", "r"]
    )
    write_layers(tmp_path / "said.gpkg", {"review": decisions})
    apply_review(detections([square(0), square(1)]), tmp_path / "reviewed.gpkg", [tmp_path / "said.gpkg"])
    describe(tmp_path / "reviewed.gpkg", tmp_path / "described.gpkg", dem, source="reviewed", others_settings={})
    (row,) = read_polygons(tmp_path / "described.gpkg", "described").to_dict("records")
    assert (row["source"], row["method"], row["status"]) == ("reviewed", "deep learning", "accepted")
    assert (row["reviewer"], row["confidence"]) == ("r", 0.95)
    assert len(read_polygons(tmp_path / "described.gpkg", "rejected")) == 1


def test_same_bytes_twice(tmp_path, dem):
    source = outlines(tmp_path, square(0), square(1))
    measured(tmp_path, source, dem)
    before = (tmp_path / "described.gpkg").read_bytes()
    measured(tmp_path, source, dem)
    assert (tmp_path / "described.gpkg").read_bytes() == before


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_dem_without_crs_is_a_mistake(tmp_path):
    with rasterio.open(
        tmp_path / "dem.tif", "w", driver="GTiff", count=1, dtype="float32", height=2, width=2
    ) as raster:
        raster.write(np.zeros((2, 2), dtype="float32"), 1)
    with pytest.raises(UserError, match="no coordinate reference system"):
        measured(tmp_path, outlines(tmp_path, square(0)), tmp_path / "dem.tif")


@pytest.fixture
def andes(tmp_path, real_data):
    folder = real_data / "andes_rock_glaciers"
    others = {"andes": OtherInventory(path="x", layer="rock_glaciers", id_field="name")}
    source, dem = folder / "rock_glaciers_andes.gpkg", folder / "S33W070.hgt"
    describe(source, tmp_path / "described.gpkg", dem, source="andes", others_settings=others)
    return read_polygons(tmp_path / "described.gpkg", "described"), dem


def test_real_rock_glaciers_on_partly_on_and_off_the_dem(andes):
    result, _ = andes
    notes = result["dem_note"].fillna("whole").str.replace(r"[\d.]+%.*", "some", regex=True).value_counts()
    assert len(result) == 81
    assert notes["lies outside the DEM"] == 71
    assert notes["reaches past the DEM (some"] == 4
    on = result["elevation_mean_m"].notna()
    assert sorted(result.loc[on, "source_id"]) == [f"glaciar_a_{n}_strict" for n in (15, 16, 21, 27, 28, 29)]
    assert result.loc[~on, ["elevation_min_m", "elevation_max_m", "slope_deg", "aspect_deg"]].isna().all().all()
    assert result.loc[on, "slope_deg"].between(5, 40).all()


def test_real_attributes_against_cells_counted_another_way(andes):
    """Each cell is cut into 8 x 8 points and burned by GDAL; slope by Horn, written out with finite differences."""
    result, dem = andes
    with rasterio.open(dem) as raster:
        z = np.where(raster.read(1) == -32768, np.nan, raster.read(1)).astype(float)
        transform = raster.transform
    for row in result[result["elevation_mean_m"].notna()].itertuples():
        cover = _cover(row.geometry, z.shape, transform)
        known = (cover > 0) & np.isfinite(z)
        assert row.elevation_mean_m == pytest.approx(np.average(z[known], weights=cover[known]), abs=1)
        touched = ~geometry_mask([row.geometry], z.shape, transform, all_touched=True)
        assert row.elevation_min_m == np.nanmin(z[touched])
        assert row.elevation_max_m == np.nanmax(z[touched])
        assert row.dem_share == pytest.approx(cover[known].sum() / cover.sum(), abs=2e-3)
        slope, east, north = _slope(z, transform)
        known &= np.isfinite(slope)
        assert row.slope_deg == pytest.approx(np.average(slope[known], weights=cover[known]), abs=0.1)
        steep = np.hypot(east, north)
        mean = np.sum(cover[known] * (-east - 1j * north)[known] / steep[known])
        assert (90 - np.degrees(np.angle(mean.real + 1j * mean.imag))) % 360 == pytest.approx(row.aspect_deg, abs=1)
        assert row.area_km2 == pytest.approx(_equal_area_km2(row.geometry), rel=1e-3)
        assert row.length_m * row.width_m == pytest.approx(row.area_km2 * 1e6, rel=1e-3)


def test_real_zonal_means_are_exactextracts_own(andes):
    """The same outlines by exactextract's own weighted mean of elevation, and extremes."""
    from exactextract import exact_extract

    result, dem = andes
    whole = result[result["elevation_mean_m"].notna()]
    with rasterio.open(dem) as raster:
        theirs = exact_extract(raster, whole[["source_id", "geometry"]], ["mean", "min", "max"], output="pandas")
    for name in ("mean", "min", "max"):
        assert whole[f"elevation_{name}_m"].to_numpy() == pytest.approx(theirs[name].to_numpy(), abs=0.051)
    assert len(whole) == 6


def test_real_sun_against_hours_summed_one_by_one(andes):
    """Hock's formula with the sun's height and azimuth, each cell and each hour of twelve days, written out."""
    result, dem = andes
    with rasterio.open(dem) as raster:
        z = np.where(raster.read(1) == -32768, np.nan, raster.read(1)).astype(float)
        transform = raster.transform
    slope, east, north = _slope(z, transform)
    for row in result[result["elevation_mean_m"].notna()].itertuples():
        cover = _cover(row.geometry, z.shape, transform)
        known = (cover > 0) & np.isfinite(slope)
        facing = np.degrees(np.arctan2(-east[known], -north[known]))
        ours = _sun(slope[known], facing, cover[known], row.latitude, row.elevation_mean_m)
        assert row.solar_w_m2 == pytest.approx(ours, rel=0.01)


def _sun(slope, facing, cover, latitude, altitude):
    phi, tilt, total = np.radians(latitude), np.radians(slope), 0.0
    days = range(15, 366, 15)
    for day in days:
        delta = np.radians(23.45) * np.sin(2 * np.pi * (284 + day) / 365)  # Cooper 1969
        for hour in np.radians(np.arange(-177.5, 180, 5)):
            height = np.arcsin(np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(hour))
            if height <= 0:
                continue
            azimuth = np.arctan2(
                -np.cos(delta) * np.sin(hour), np.sin(delta) * np.cos(phi) - np.cos(delta) * np.sin(phi) * np.cos(hour)
            )
            incidence = np.sin(height) * np.cos(tilt) + np.cos(height) * np.sin(tilt) * np.cos(
                azimuth - np.radians(facing)
            )
            air = np.exp(-altitude / 8000) / np.sin(height)
            beam = 1361 * (1 + 0.033 * np.cos(2 * np.pi * day / 365)) * 0.75**air
            total += beam * np.average(np.clip(incidence, 0, None), weights=cover)
    return total / len(days) / 72


def _cover(shape, size, transform, parts=8):
    fine = transform @ Affine.scale(1 / parts)
    inside = ~geometry_mask([shape], (size[0] * parts, size[1] * parts), fine)
    return inside.reshape(size[0], parts, size[1], parts).mean(axis=(1, 3))


def _slope(z, transform):
    latitude = np.radians(transform.f + (np.arange(z.shape[0]) + 0.5) * transform.e)[:, np.newaxis]
    metres = np.pi / 180 * transform.a * 6_371_000
    ahead, behind = np.roll(z, -1, axis=1), np.roll(z, 1, axis=1)
    east = sum(np.roll(ahead - behind, k, axis=0) * (2 - abs(k)) for k in (-1, 0, 1)) / (8 * metres * np.cos(latitude))
    above, below = np.roll(z, 1, axis=0), np.roll(z, -1, axis=0)
    north = sum(np.roll(above - below, k, axis=1) * (2 - abs(k)) for k in (-1, 0, 1)) / (8 * metres)
    slope = np.degrees(np.arctan(np.hypot(east, north)))
    return np.where(np.isfinite(z), slope, np.nan), east, north


def _equal_area_km2(shape):
    """Lambert's azimuthal equal-area projection round the outline."""
    equal_area = f"+proj=laea +lat_0={shape.centroid.y} +lon_0={shape.centroid.x} +datum=WGS84"
    return gpd.GeoSeries([shape], crs="EPSG:4326").to_crs(equal_area).area.iloc[0] / 1e6


CRS = "EPSG:32644"
WEST, NORTH = 500_000.0, 4_000_000.0


def recorded(folder, name, numbers, dates, west=WEST):
    """A record of 10 m pixels and its facts; scene n is called <name>_<n>."""
    values = np.array(numbers, dtype=np.uint8)
    grid = {"height": len(values), "width": len(values[0]), "transform": Affine(10, 0, west, 0, -10, NORTH)}
    with rasterio.open(
        folder / f"{name}_scene.tif", "w", "GTiff", count=1, dtype="uint8", crs=CRS, nodata=0, **grid
    ) as out:
        out.write(values, 1)
    scenes = [{"name": f"{name}_{n}", "date": date, "number": n} for n, date in enumerate(dates, 1)]
    (folder / f"{name}.json").write_text(json.dumps({"scenes": scenes}))
    return folder / f"{name}_scene.tif", folder / f"{name}.json"


def outline(left, top, right, bottom, west=WEST):
    """Columns and rows of 10 m, as an outline in degrees."""
    return box(west + 10 * left, NORTH - 10 * bottom, west + 10 * right, NORTH - 10 * top)


def scenes_of(outlines, *pairs):
    lonlat = gpd.GeoSeries(outlines, crs=CRS).to_crs(4326)
    return outline_scenes(lonlat, [record for record, _ in pairs], [facts for _, facts in pairs])


def test_shares_and_the_date_of_the_greatest(tmp_path):
    pair = recorded(tmp_path, "A", [[1, 1, 1, 2]] * 4, ["2018-07-11T05:16:51.000Z", "2018-08-02"])
    first, second, half = scenes_of([outline(0, 0, 4, 4), outline(3, 0, 4, 2), outline(2.5, 0, 3.5, 4)], pair)
    assert first == {"mapping_date": "2018-07-11", "scenes": "A_1:0.750;A_2:0.250", "scenes_note": None}
    assert (second["mapping_date"], second["scenes"]) == ("2018-08-02", "A_2:1.000")
    assert (half["mapping_date"], half["scenes"]) == ("2018-08-02", "A_2:0.500;A_1:0.500")  # the later of equals


def test_pixels_that_no_scene_shows_do_not_count(tmp_path):
    pair = recorded(tmp_path, "A", [[0, 0, 0, 1]] * 4, ["2018-07-11"])
    partly, nowhere, beyond = scenes_of([outline(0, 0, 4, 4), outline(0, 0, 2, 2), outline(900, 0, 910, 9)], pair)
    assert partly["scenes"] == "A_1:1.000"
    for row in (nowhere, beyond):
        assert row == {"mapping_date": None, "scenes": None, "scenes_note": "no image covers it"}


def test_across_two_tiles(tmp_path):
    left = recorded(tmp_path, "A", [[1] * 4] * 4, ["2018-07-11"])
    right = recorded(tmp_path, "B", [[1] * 4] * 4, ["2018-08-02"], west=WEST + 40)
    (row,) = scenes_of([outline(3, 0, 8, 4)], left, right)
    assert row["scenes"] == "B_1:0.800;A_1:0.200"
    assert row["mapping_date"] == "2018-08-02"


def test_undated_scenes_and_no_records_have_a_reason(tmp_path):
    (row,) = scenes_of([outline(0, 0, 4, 4)], recorded(tmp_path, "A", [[1] * 4] * 4, [None]))
    assert (row["mapping_date"], row["scenes_note"]) == (None, "the scene's date is not known")
    assert scenes_of([outline(0, 0, 1, 1)])[0]["scenes_note"] == "no record of scenes"
    assert scenes_of([], recorded(tmp_path, "A", [[1]], ["2018-07-11"])) == []


@pytest.mark.parametrize("text", ["", "[1]", '{"scenes": 3}', '{"scenes": [{"name": "A"}]}'])
def test_facts_that_are_none(tmp_path, text):
    record, facts = recorded(tmp_path, "A", [[1]], ["2018-07-11"])
    facts.write_text(text)
    with pytest.raises(UserError, match=r"an image's facts written by `compose-rgb`.*wrote beside the image"):
        scenes_of([outline(0, 0, 1, 1)], (record, facts))


def test_records_and_facts_that_do_not_fit(tmp_path):
    record, facts = recorded(tmp_path, "A", [[3]], ["2018-07-11"])
    with pytest.raises(UserError, match="scene number 3"):
        scenes_of([outline(0, 0, 1, 1)], (record, facts))
    with pytest.raises(UserError, match="one for each image"):
        outline_scenes(gpd.GeoSeries([outline(0, 0, 1, 1)], crs=CRS), [record], [])


def test_described_detections_say_what_they_were_mapped_from(tmp_path):
    lonlat = gpd.GeoSeries([outline(0, 0, 4, 4)], crs=CRS).to_crs(4326)
    reviewed = frame(list(lonlat), detection=["d1"], status=["pending"], confidence=[0.9])
    write_layers(tmp_path / "r.gpkg", {"reviewed": reviewed, "rejected": reviewed.iloc[:0]})
    record, facts = recorded(tmp_path, "A", [[1, 1, 1, 2]] * 4, ["2018-07-11", "2018-08-02"])
    describe(tmp_path / "r.gpkg", tmp_path / "d.gpkg", None, [record], [facts], source="reviewed", others_settings={})
    (row,) = read_polygons(tmp_path / "d.gpkg", "described").to_dict("records")
    assert (row["mapping_date"], row["scenes"]) == ("2018-07-11", "A_1:0.750;A_2:0.250")


OUTLINE = box(80, 36, 80.01, 36.03)
NORTH_SOUTH = WGS84.inv(80.005, 36, 80.005, 36.03)[2]
EAST_WEST = WGS84.inv(80, 36.015, 80.01, 36.015)[2]


def test_length_follows_the_fall_line_not_the_longer_side():
    assert length_along(OUTLINE, (80.005, 36.028), (80.005, 36.002)) == pytest.approx(NORTH_SOUTH, rel=1e-3)
    assert length_along(OUTLINE, (80.009, 36.015), (80.001, 36.015)) == pytest.approx(EAST_WEST, rel=1e-3)


def test_longer_side_of_a_turned_rectangle():
    turned = shapely.affinity.rotate(box(0, 0, 0.001, 0.003), 30)  # at the equator degrees are alike in both directions
    assert longer_side(turned) == pytest.approx(0.003 * 111_000, rel=0.01)


def test_ends_are_the_highest_and_lowest_tenth():
    x, y = np.arange(20.0), np.zeros(20)
    top, bottom = flow_ends(x, y, elevation=5000 - x, cover=np.ones(20))
    assert top[0] == pytest.approx(0.5, abs=0.51)
    assert bottom[0] == pytest.approx(18.5, abs=0.51)


def test_ends_of_a_single_cell():
    cell = np.ones(1)
    assert flow_ends(cell, cell, cell, cell) == ((1, 1), (1, 1))
