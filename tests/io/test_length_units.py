"""Elevations in any unit that a raster states, in its band or by its vertical coordinate reference system."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine

from lobate.errors import UserError
from lobate.imagery.mosaic import write_mosaic
from lobate.io.dem import check_dem, read_elevation
from lobate.io.length_units import length_in_metres
from lobate.io.raster import open_raster

FOOT, US_FOOT = 0.3048, 1200 / 3937
UNITS = {
    "US survey foot": US_FOOT, "us_survey_feet": US_FOOT, "Foot_US": US_FOOT, "ftUS": US_FOOT, "us-ft": US_FOOT,
    "sft": US_FOOT, "foot (US survey)": US_FOOT, "ft": FOOT, "feet": FOOT, "International Foot": FOOT, "foot": FOOT,
    "m": 1.0, "metre": 1.0, "Meters": 1.0, "Mètre": 1.0, "dm": 0.1, "Decimetre": 0.1, "cm": 0.01, "centimeters": 0.01,
    "mm": 0.001, "km": 1000.0, "米": 1.0,
}  # fmt: skip
SYSTEMS = {
    "EPSG:32644": 1.0, "EPSG:32644+5773": 1.0, "EPSG:26913+6360": US_FOOT, "EPSG:32613+8228": FOOT, "EPSG:4979": 1.0,
}  # fmt: skip


def write(path, metres, unit_m=1.0, *, crs="EPSG:32644", unit=None, left=500_000.0, **options):
    """Write elevations given in metres in a unit of ``unit_m`` metres."""
    geographic = crs == "EPSG:4979"
    transform = Affine(0.001, 0, 80, 0, -0.001, 36) if geographic else Affine(30, 0, left, 0, -30, 4_000_000)
    values = np.asarray(metres) / unit_m
    profile = {"height": values.shape[0], "width": values.shape[1], "crs": crs, "transform": transform}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="float64", **profile, **options) as target:
        target.write(values, 1)
        if unit is not None:
            target.units = [unit]
    return path


def elevation(path, rows=8, cols=8):
    with open_raster(path) as dem:
        check_dem(dem)
        return read_elevation(dem, 0, 0, rows, cols)


@pytest.fixture
def metres():
    return np.random.default_rng(0).uniform(10, 600, (8, 8))


@pytest.mark.parametrize(("unit", "unit_m"), UNITS.items())
def test_a_band_s_unit_is_obeyed(tmp_path, metres, unit, unit_m):
    assert length_in_metres(unit) == unit_m
    path = write(tmp_path / "dem.tif", metres, unit_m, unit=unit)
    np.testing.assert_allclose(elevation(path), metres, rtol=1e-9)


@pytest.mark.parametrize(("crs", "unit_m"), SYSTEMS.items())
def test_the_unit_of_a_vertical_system_is_obeyed(tmp_path, metres, crs, unit_m):
    np.testing.assert_allclose(elevation(write(tmp_path / "dem.tif", metres, unit_m, crs=crs)), metres, rtol=1e-9)


def test_it_counts_in_files_whose_driver_gives_no_unit(tmp_path, metres):
    """The system of an Esri ASCII grid is in the .prj beside it."""
    path = tmp_path / "dem.asc"
    rows = "\n".join(" ".join(f"{value / US_FOOT:.6f}" for value in row) for row in metres)
    path.write_text(f"ncols 8\nnrows 8\nxllcorner 500000\nyllcorner 3999760\ncellsize 30\n{rows}\n")
    path.with_suffix(".prj").write_text(rasterio.crs.CRS.from_string("EPSG:26913+6360").to_wkt())
    np.testing.assert_allclose(elevation(path), metres, rtol=1e-5)


def test_scale_and_offset_are_in_the_unit(tmp_path, metres):
    path = write(tmp_path / "dem.tif", (metres - 3 * FOOT) / 2, FOOT, unit="ft")
    with rasterio.open(path, "r+") as dem:
        dem.scales, dem.offsets = [2.0], [3.0]
    np.testing.assert_allclose(elevation(path), metres, rtol=1e-9)


def test_plausible_heights_are_metres(tmp_path):
    """29,000 feet are land, and 29,000 metres are not."""
    top = np.full((8, 8), 8800.0)
    assert np.isfinite(elevation(write(tmp_path / "feet.tif", top, FOOT, unit="ft"))).all()
    assert np.isnan(elevation(write(tmp_path / "void.tif", top, FOOT))).all()


def test_a_mosaic_is_in_metres_whatever_its_parts_are_in(tmp_path, metres):
    west = write(tmp_path / "west.tif", metres, FOOT, unit="ft")
    east = write(tmp_path / "east.tif", metres, 0.01, unit="cm", left=500_240.0)
    write_mosaic([west, east], tmp_path / "dem.tif")
    np.testing.assert_allclose(elevation(tmp_path / "dem.tif", cols=16), np.hstack([metres, metres]), rtol=1e-6)


@pytest.mark.parametrize("unit", ["furlong", "degrees", "kPa", "?"])
def test_a_unit_that_is_no_known_length_is_asked_about(tmp_path, metres, unit):
    with pytest.raises(UserError, match=r"is no length that lobate knows.*gdal_edit\.py -units m"):
        elevation(write(tmp_path / "dem.tif", metres, unit=unit))


def test_two_units_that_disagree_are_asked_about(tmp_path, metres):
    with pytest.raises(UserError, match=r"its vertical coordinate reference system is 0\.304801 m"):
        elevation(write(tmp_path / "dem.tif", metres, unit="m", crs="EPSG:26913+6360"))


def test_depths_are_no_elevations(tmp_path, metres):
    with pytest.raises(UserError, match="holds depths"):
        elevation(write(tmp_path / "dem.tif", metres, crs="EPSG:32644+5715"))


def test_a_picture_is_no_elevation(tmp_path):
    with rasterio.open(
        tmp_path / "shade.tif", "w", driver="GTiff", count=3, dtype="uint8", height=8, width=8, crs="EPSG:32644",
        transform=Affine(30, 0, 500_000, 0, -30, 4_000_000),
    ):  # fmt: skip
        pass
    with pytest.raises(UserError, match="has 3 bands, so it may be a picture"):
        elevation(tmp_path / "shade.tif")
