"""The compiled inventory in the columns of a standard: the template's layers, columns, kinds and words."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
from affine import Affine

from lobate.errors import UserError
from lobate.inventory.attributes import INVENTORY, to_schema
from lobate.inventory.translate_inventory import (
    BY_VELOCITY,
    GO,
    MA,
    PM,
    kinematics_of,
    rgik_layers,
    translate_inventory,
)
from lobate.io.vector import STYLES_TABLE, read_layer, write_layers

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
        "longitude": [centre.x for centre in centres],
        "latitude": [centre.y for centre in centres],
        **columns,
    }
    return to_schema(gpd.GeoDataFrame(table, geometry=list(shapes), crs=4326), INVENTORY, "EPSG:4326")


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
    assert list(pyogrio.list_layers(tmp_path / "rgik.gpkg")[:, 0]) == ["AOI", "PM", "GO", "MA", STYLES_TABLE]
    area = read_layer(tmp_path / "rgik.gpkg", "AOI")
    assert area.to_crs(32644).area[0] == pytest.approx(2000 * 1000, rel=1e-6)
    assert area["Name"][0] == "kunlun"


def test_the_papers_attributes(inventory, tmp_path):
    translate_inventory(inventory, tmp_path / "paper.gpkg", standard="paper")
    paper = read_layer(tmp_path / "paper.gpkg", "inventory")
    assert list(paper["name"]) == ["wkl000", "wkl001"]
    assert list(paper["velocity_cm_yr"]) == [12.0, 3.0]
    assert {"altitude_m", "slope_deg", "area_km2", "upslope_connection", "velocity_error_cm_yr"} < set(paper.columns)


def test_same_bytes_twice(inventory, image, tmp_path):
    for name in "ab":
        translate_inventory(inventory, tmp_path / f"{name}.gpkg", [image], standard="rgik")
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


def test_what_is_no_compiled_inventory(tmp_path):
    write_layers(tmp_path / "i.gpkg", {"inventory": compiled([square(0)]).drop(columns="velocity")})
    with pytest.raises(UserError, match="has no field velocity"):
        translate_inventory(tmp_path / "i.gpkg", tmp_path / "o.gpkg", standard="rgik")
    write_layers(tmp_path / "i.gpkg", {"inventory": compiled([square(0), square(1)], id="LF0")})
    with pytest.raises(UserError, match=r"stand more than once \(LF0\)"):
        translate_inventory(tmp_path / "i.gpkg", tmp_path / "o.gpkg", standard="rgik")
    assert not (tmp_path / "o.gpkg").exists()


def test_markers_of_an_empty_inventory_are_still_points(tmp_path):
    write_layers(tmp_path / "inventory.gpkg", {"inventory": compiled([])})
    translate_inventory(tmp_path / "inventory.gpkg", tmp_path / "rgik.gpkg", standard="rgik")
    kinds = dict(pyogrio.list_layers(tmp_path / "rgik.gpkg"))
    assert (kinds["PM"], kinds["GO"]) == ("Point", "MultiPolygon")


def layers(records, footprints=()):
    return rgik_layers(records, list(footprints), "kunlun", "inventory.gpkg")


def test_markers_and_outlines_are_joined_by_the_primary_id():
    records = compiled([square(0), square(1)], kinematics=["cm_to_dm", None], activity=["Active", None])
    result = layers(records, [square(0, side=5), square(1, side=5)])
    assert list(result) == ["AOI", "PM", "GO", "MA"]
    assert (len(result["AOI"]), result["AOI"]["Name"][0]) == (1, "kunlun")
    assert result["AOI"].geometry[0].covers(records.geometry.union_all())
    assert list(result["PM"]["PrimaryID"]) == list(result["GO"]["PrimaryID"])
    assert list(result["PM"]["PrimaryID"]) == ["RGU360014N0800014E", "RGU360014N0800044E"]
    assert [
        marker.within(outline) for marker, outline in zip(result["PM"].geometry, result["GO"].geometry, strict=True)
    ] == [True] * 2
    first = result["PM"].iloc[0]
    assert (first["Acti.Cl."], first["Kin.Att."], first["WorkingID"]) == ("active", "cm_to_dm", "LF0")
    assert list(result["GO"]["Out.Type"]) == ["Extended"] * 2


def test_a_velocity_gives_the_order_of_magnitude_and_no_moving_area():
    records = compiled([square(0), square(1), square(2)], velocity=[12.0, 12.0, None], kinematics=[None, "cm", None])
    result = layers(records)
    assert result["MA"].empty
    assert [None if pd.isna(word) else word for word in result["PM"]["Kin.Att."]] == ["dm", "cm", None]
    assert [BY_VELOCITY in comment for comment in result["PM"]["Comment"]] == [True, False, False]


def test_published_columns_are_kept_and_never_made_up():
    given = layers(compiled([square(0)], country="Chile", polygon_id="CL-7"))
    assert (given["PM"]["Country"][0], given["GO"]["Country"][0], given["GO"]["PolyUID"][0]) == (
        "Chile",
        "Chile",
        "CL-7",
    )
    assert layers(compiled([square(0)]))["GO"][["PolyUID", "Country"]].isna().all(axis=None)


def test_the_primary_id_follows_the_id_and_not_the_order():
    """The second of two at one place keeps its letter when the first is gone; a prefix of its own does not matter."""
    result = layers(compiled([square(0), square(1)], id=["LF360014N0800014Eb", "wkl037"]))
    assert list(result["PM"]["PrimaryID"]) == ["RGU360014N0800014Eb", "RGU360014N0800044E"]


def test_without_images_no_area():
    assert layers(compiled([square(0)]))["AOI"].empty


def test_kinds_of_columns_in_the_file(tmp_path):
    write_layers(tmp_path / "rgik.gpkg", layers(compiled([square(0)], velocity=[1.0]), [square(0)]))
    for name, columns in (("PM", PM), ("GO", GO), ("MA", MA)):
        info = pyogrio.read_info(tmp_path / "rgik.gpkg", layer=name)
        kinds = dict(zip(info["fields"], info["dtypes"], strict=True))
        assert kinds == {column: kind.lower() for column, kind in columns.items()}, name
    assert pyogrio.read_info(tmp_path / "rgik.gpkg", layer="PM")["geometry_type"] == "Point"
    assert read_layer(tmp_path / "rgik.gpkg", "GO")["RelIndex"].isna().all()  # for a person to judge


def test_two_at_one_place_have_two_ids():
    result = layers(compiled([square(0), square(0)]))
    assert list(result["PM"]["PrimaryID"]) == ["RGU360014N0800014E", "RGU360014N0800014Eb"]


def test_unknown_words_are_reported():
    with pytest.raises(UserError, match=r"inventory\.gpkg, field activity: feature 0 has the value 'asleep'"):
        layers(compiled([square(0)], activity=["asleep"]))


@pytest.mark.parametrize(
    ("velocity", "name"),
    [
        (0.0, "inf_cm"),
        (1.0, "cm"),
        (9.99, "cm_to_dm"),
        (-12, "dm"),
        (30, "dm_to_m"),
        (100, "m"),
        (300, "sup_m"),
    ],
)
def test_orders_of_magnitude_of_a_velocity(velocity, name):
    assert kinematics_of(velocity) == name
