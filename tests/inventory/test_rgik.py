"""The template's layers, columns, kinds and words."""

from __future__ import annotations

import pyogrio
import pytest

from lobate.errors import Mistake
from lobate.inventory.rgik import GO, MA, PM, in_layers, velocity_class
from lobate.vectors import read_layer, write_layers

from .conftest import square
from .test_translate import compiled


def layers(records, footprints=()):
    return in_layers(records, list(footprints), "kunlun", "inventory.gpkg")


def test_markers_outlines_and_moving_areas_are_joined_by_the_primary_id():
    records = compiled(
        [square(0), square(1)], velocity=[12.0, None], kinematics=["cm_to_dm", None], activity=["Active", None]
    )
    made = layers(records, [square(0, side=5), square(1, side=5)])
    assert list(made) == ["AOI", "PM", "GO", "MA"]
    assert (len(made["AOI"]), made["AOI"]["Name"][0]) == (1, "kunlun")
    assert made["AOI"].geometry[0].covers(records.geometry.union_all())
    assert list(made["PM"]["PrimaryID"]) == list(made["GO"]["PrimaryID"])
    assert list(made["PM"]["PrimaryID"]) == ["RGU360014N0800014E", "RGU360014N0800044E"]
    assert [
        marker.within(outline) for marker, outline in zip(made["PM"].geometry, made["GO"].geometry, strict=True)
    ] == [True] * 2
    first = made["PM"].iloc[0]
    assert (first["Acti.Cl."], first["Kin.Att."], first["WorkingID"]) == ("active", "cm_to_dm", "LF0")
    assert list(made["GO"]["Out.Type"]) == ["Extended"] * 2
    (moving,) = made["MA"].to_dict("records")
    assert (moving["PrimaryID"], moving["VelClass"], moving["Velocity"]) == ("RGU360014N0800014E", "10-30 cm/yr", 12.0)


def test_without_velocities_no_moving_areas_and_without_images_no_area():
    made = layers(compiled([square(0)]))
    assert list(made) == ["AOI", "PM", "GO"]
    assert made["AOI"].empty


def test_kinds_of_columns_in_the_file(tmp_path):
    write_layers(tmp_path / "rgik.gpkg", layers(compiled([square(0)], velocity=[1.0]), [square(0)]))
    for name, columns in (("PM", PM), ("GO", GO), ("MA", MA)):
        info = pyogrio.read_info(tmp_path / "rgik.gpkg", layer=name)
        found = dict(zip(info["fields"], info["dtypes"], strict=True))
        assert found == {column: kind.lower() for column, kind in columns.items()}, name
    assert pyogrio.read_info(tmp_path / "rgik.gpkg", layer="PM")["geometry_type"] == "Point"
    assert read_layer(tmp_path / "rgik.gpkg", "GO")["RelIndex"].isna().all()  # for a person to judge


def test_two_at_one_place_have_two_ids():
    made = layers(compiled([square(0), square(0)]))
    assert list(made["PM"]["PrimaryID"]) == ["RGU360014N0800014E", "RGU360014N0800014Eb"]


def test_unknown_words_are_told():
    with pytest.raises(Mistake, match=r"inventory\.gpkg, field activity: feature 0 has the value 'asleep'"):
        layers(compiled([square(0)], activity=["asleep"]))


@pytest.mark.parametrize(
    ("velocity", "name"),
    [
        (0.0, "< 1 cm/yr"),
        (1.0, "1-3 cm/yr"),
        (9.99, "3-10 cm/yr"),
        (-12, "10-30 cm/yr"),
        (30, "30-100 cm/yr"),
        (100, "> 100 cm/yr"),
    ],
)
def test_classes_of_velocity(velocity, name):
    assert velocity_class(velocity) == name
