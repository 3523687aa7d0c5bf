"""The compiled inventory in a standard's columns."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine

from lobate.errors import Mistake
from lobate.inventory.attributes import INVENTORY, conform
from lobate.inventory.translate import translate_inventory
from lobate.vectors import read_layer, write_layers

from .conftest import square


def compiled(shapes, **columns):
    """Records as compile-inventory writes them."""
    centres = [shape.centroid for shape in shapes]
    table = {
        "id": [f"LF{number}" for number in range(len(shapes))],
        "method": "both",
        "sources": [f"insar:wkl{number:03d};reviewed:d{number}" for number in range(len(shapes))],
        "status": "accepted",
        "outline_type": "Extended",
        "longitude": [one.x for one in centres],
        "latitude": [one.y for one in centres],
        **columns,
    }
    return conform(gpd.GeoDataFrame(table, geometry=list(shapes), crs=4326), INVENTORY, "EPSG:4326")


@pytest.fixture
def inventory(tmp_path):
    write_layers(tmp_path / "inventory.gpkg", {"inventory": compiled([square(0), square(1)], velocity=[12.0, 3.0])})
    return tmp_path / "inventory.gpkg"


@pytest.fixture
def image(tmp_path):
    grid = {"height": 100, "width": 200, "crs": "EPSG:32644", "transform": Affine(10, 0, 409_000, 0, -10, 3_986_000)}
    with rasterio.open(tmp_path / "image.tif", "w", "GTiff", count=1, dtype="uint8", **grid) as out:
        out.write(np.ones((1, 100, 200), np.uint8))
    return tmp_path / "image.tif"


def test_rgik_with_the_mapped_area(inventory, image, tmp_path):
    translate_inventory(inventory, tmp_path / "rgik.gpkg", [image], standard="rgik", region="kunlun")
    assert list(pyogrio.list_layers(tmp_path / "rgik.gpkg")[:, 0]) == ["AOI", "PM", "GO", "MA"]
    area = read_layer(tmp_path / "rgik.gpkg", "AOI")
    assert area.to_crs(32644).area[0] == pytest.approx(2000 * 1000, rel=1e-6)
    assert area["Name"][0] == "kunlun"


def test_the_papers_attributes(inventory, tmp_path):
    translate_inventory(inventory, tmp_path / "paper.gpkg", standard="paper")
    found = read_layer(tmp_path / "paper.gpkg", "inventory")
    assert list(found["name"]) == ["wkl000", "wkl001"]
    assert list(found["velocity_cm_yr"]) == [12.0, 3.0]
    assert {"altitude_m", "slope_deg", "area_km2", "upslope_connection", "velocity_error_cm_yr"} < set(found.columns)


def test_same_bytes_twice(inventory, image, tmp_path):
    for name in "ab":
        translate_inventory(inventory, tmp_path / f"{name}.gpkg", [image], standard="rgik")
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


def test_what_is_no_compiled_inventory(tmp_path):
    write_layers(tmp_path / "i.gpkg", {"inventory": compiled([square(0)]).drop(columns="velocity")})
    with pytest.raises(Mistake, match="has no field velocity"):
        translate_inventory(tmp_path / "i.gpkg", tmp_path / "o.gpkg", standard="rgik")
    write_layers(tmp_path / "i.gpkg", {"inventory": compiled([square(0), square(1)], id="LF0")})
    with pytest.raises(Mistake, match=r"stand more than once \(LF0\)"):
        translate_inventory(tmp_path / "i.gpkg", tmp_path / "o.gpkg", standard="rgik")
    assert not (tmp_path / "o.gpkg").exists()


def test_markers_of_an_empty_inventory_are_still_points(tmp_path):
    write_layers(tmp_path / "inventory.gpkg", {"inventory": compiled([])})
    translate_inventory(tmp_path / "inventory.gpkg", tmp_path / "rgik.gpkg", standard="rgik")
    kinds = dict(pyogrio.list_layers(tmp_path / "rgik.gpkg"))
    assert (kinds["PM"], kinds["GO"]) == ("Point", "MultiPolygon")
