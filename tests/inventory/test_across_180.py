"""One landform on both sides of 180 degrees is one place, however its file writes it."""

from __future__ import annotations

from itertools import product

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon, box

from lobate.inventory.compare import compare_inventories, read_inventory
from lobate.inventory.decisions import read_decisions
from lobate.inventory.describe import describe
from lobate.inventory.published_ids import read_published
from lobate.io.antimeridian import lonlat_bounds
from lobate.io.features import read_drawn
from lobate.io.grid import WGS84
from lobate.io.places import read_areas
from lobate.io.vector import read_polygons
from lobate.labels.outlines import read_outlines
from lobate.mapping.reference import read_reference
from lobate.settings.base import PolygonFile
from lobate.settings.inventory import OtherInventory
from lobate.settings.mapping import ReferenceFile

EAST, ACROSS = box(179.98, 66, 179.99, 66.01), box(179.99, 66.02, 180.01, 66.03)


def jumping(shape: Polygon) -> Polygon:
    """Return the outline with longitudes that jump from 180 to -180."""
    return shapely.transform(shape, lambda xy: np.column_stack([(xy[:, 0] + 180) % 360 - 180, xy[:, 1]]))


def two_parts(shape: Polygon) -> MultiPolygon:
    west, east = (shape & box(lon, -90, lon + 360, 90) for lon in (-180, 180))
    return MultiPolygon([west, translate(east, -360)])


def projected(crs):
    return lambda shapes: gpd.GeoSeries(shapes, crs=4326).to_crs(crs)


WAYS = {
    "UTM 1N": projected(32601),
    "UTM 60N": projected(32660),
    "two parts in UTM 1N": lambda shapes: gpd.GeoSeries([shapes[0], two_parts(shapes[1])], crs=4326).to_crs(32601),
    "two parts": lambda shapes: gpd.GeoSeries([shapes[0], two_parts(shapes[1])], crs=4326),
    "jumping": lambda shapes: gpd.GeoSeries([shapes[0], jumping(shapes[1])], crs=4326),
    "0 to 360": lambda shapes: gpd.GeoSeries(shapes, crs=4326),
    "NAD83, 0 to 360": lambda shapes: gpd.GeoSeries(shapes, crs=4269),
}


def write(path, way):
    """Write two landforms, the second across 180 degrees, with what readers of decisions and of published inventories need."""
    fields = {
        "id": ["east", "across"],
        "status": "accepted",
        "longitude": [179.985, 180.0],
        "latitude": [66.005, 66.025],
    }
    gpd.GeoDataFrame(fields, geometry=WAYS[way]([EAST, ACROSS])).to_file(path)
    return path


@pytest.mark.parametrize(("before", "after"), product(WAYS, WAYS))
def test_a_landform_compared_with_itself_is_unchanged(tmp_path, before, after):
    first, second = write(tmp_path / "before.gpkg", before), write(tmp_path / "after.gpkg", after)
    changes = compare_inventories(read_inventory(first), read_inventory(second)).set_index("before")
    assert dict(changes["kind"]) == {"east": "unchanged", "across": "unchanged"}
    assert changes["iou"].min() > 0.99
    assert changes["area_before_km2"].to_numpy() == pytest.approx(changes["area_after_km2"].to_numpy(), rel=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_attributes_are_those_of_one_place(tmp_path, way):
    settings = OtherInventory(path="a.gpkg", id_field="id")
    path, described = write(tmp_path / "a.gpkg", way), tmp_path / "described.gpkg"
    describe(path, described, None, source="o", others_settings={"o": settings})
    row = read_polygons(described, "described").set_index("source_id").loc["across"]
    area, perimeter = WGS84.geometry_area_perimeter(ACROSS)
    wide, tall = WGS84.inv(179.99, 66.025, 180.01, 66.025)[2], WGS84.inv(180, 66.02, 180, 66.03)[2]
    assert row["area_km2"] == pytest.approx(abs(area) / 1e6, rel=1e-3)
    assert row["perimeter_m"] == pytest.approx(perimeter, rel=1e-3)
    assert row["length_m"] == pytest.approx(max(wide, tall), rel=1e-2)
    assert abs(row["longitude"]) == pytest.approx(180, abs=1e-3)
    assert row["latitude"] == pytest.approx(66.025, abs=1e-3)
    assert row.geometry.bounds[0] == pytest.approx(-180, abs=1e-9)
    assert shapely.intersects(row.geometry, shapely.Point(row["longitude"], row["latitude"]).buffer(1e-6))


def halves(shape):
    """Return the areas on both sides of 180 degrees, west first."""
    return [shape.intersection(box(low, -90, low + 180, 90)).area for low in (0, -180)]


READERS = {
    "labels": lambda path: read_outlines(path, PolygonFile(path="a.gpkg"), "positive").geometry.iloc[1],
    "reference": lambda path: read_reference(path, ReferenceFile(path="a.gpkg")).outlines.geometry.iloc[1],
    "decisions": lambda path: read_decisions(path).geometry.iloc[1],
    "published": lambda path: read_published(path).set_index("id").geometry["across"],
    "areas": lambda path: read_areas(path).iloc[1],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_cuts_it_alike(tmp_path, reader, way):
    if reader == "published":  # reads the layer of lobate's own inventories
        gpd.read_file(write(tmp_path / "b.gpkg", way)).to_file(tmp_path / "a.gpkg", layer="inventory")
    else:
        write(tmp_path / "a.gpkg", way)
    shape = READERS[reader](tmp_path / "a.gpkg")
    assert halves(shape) == pytest.approx([1e-4, 1e-4], rel=1e-2)
    assert shape.area == pytest.approx(2e-4, rel=1e-2)


def test_the_box_of_an_inventory_goes_the_short_way_round(tmp_path):
    frame = read_inventory(write(tmp_path / "a.gpkg", "UTM 1N"))
    assert lonlat_bounds(frame.geometry.values) == pytest.approx((179.98, 66, -179.99, 66.03), abs=1e-3)
    assert read_drawn(tmp_path / "a.gpkg").crs.to_epsg() == 32601
