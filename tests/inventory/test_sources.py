"""Other inventories: fields, filters and identifiers are checked before anything is measured."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from shapely.geometry import Polygon

from lobate.errors import UserError
from lobate.inventory.sources import TO_CM, read_source, repair_outlines
from lobate.io.vector import write_layers
from lobate.settings.inventory import OtherInventory, unit_in_name

from .conftest import frame, square

BOW_TIE = Polygon([(80, 36), (80.002, 36.002), (80.002, 36), (80, 36.002)])


@pytest.fixture
def insar(tmp_path):
    outlines = frame(
        [square(0), square(1), square(2)],
        name=["wkl001", "wkl002", "wkl003"],
        Out=["Extended", "Restricted", "Extended"],
        vel=[12.5, None, "3"],
        upslope=["Debris-mantled slope", None, "talus"],
    ).to_crs(32644)
    write_layers(tmp_path / "insar.gpkg", {"outlines": outlines})
    return tmp_path / "insar.gpkg"


def others(**settings) -> dict[str, OtherInventory]:
    return {"insar": OtherInventory(path="insar.gpkg", **settings)}


def test_fields_become_attributes(insar):
    settings = others(
        id_field="name",
        fields={"velocity": "vel", "upslope_connection": "upslope"},
        where={"Out": "Extended"},
        velocity_unit="cm",
    )
    outlines = read_source(insar, "insar", settings)
    assert list(outlines["source_id"]) == ["wkl001", "wkl003"]
    assert list(outlines["velocity"]) == [12.5, 3.0]
    assert list(outlines["upslope_connection"]) == ["debris-mantled_slope", "talus"]
    assert set(outlines["method"]) == {"insar"}  # nobody said how it was made
    assert set(outlines["status"]) == {"mapped"}
    assert outlines.crs.to_epsg() == 4326


def test_the_method_is_what_the_setting_says(insar):
    assert set(read_source(insar, "insar", others(method="InSAR"))["method"]) == {"InSAR"}


def test_ids_are_made_where_there_are_none(insar, caplog):
    caplog.set_level("INFO")
    assert list(read_source(insar, "insar", others())["source_id"]) == ["insar_00001", "insar_00002", "insar_00003"]
    assert "has no inventory.others.insar.id_field: its features are numbered" in caplog.text


def test_an_inventory_without_crs_has_no_place(tmp_path):
    with pytest.warns(UserWarning, match="crs"):
        frame([square(0)], name=["a"]).set_crs(None, allow_override=True).to_file(tmp_path / "bare.shp")
    with pytest.raises(UserError, match=r"bare\.shp has no coordinate reference system"):
        read_source(tmp_path / "bare.shp", "insar", others(id_field="name"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"id_field": "Name"}, "has no field Name; it has name, Out"),
        ({"where": {"Out": "Both"}}, "no feature with Out = Both"),
        ({"id_field": "Out"}, "used more than once .Extended"),
        ({"fields": {"velocity": "name"}, "velocity_unit": "cm"}, "value 'wkl001', which is no number"),
        ({"fields": {"activity": "upslope"}}, "field upslope: feature 1 has the value"),
        ({"fields": {"mapping_date": "name"}}, "'wkl001' is no date"),
        ({"layer": "nothing"}, "has no layer nothing"),
    ],
)
def test_what_does_not_agree_is_reported(insar, settings, message):
    with pytest.raises(UserError, match=message):
        read_source(insar, "insar", others(**settings))


def test_dates_are_read_as_they_are_written(tmp_path):
    written = ["2018", "2018-07", "2018-07-11", "2018-07-11T05:16:51", None]
    write_layers(tmp_path / "d.gpkg", {"outlines": frame([square(n) for n in range(5)], when=written)})
    outlines = read_source(tmp_path / "d.gpkg", "insar", others(fields={"mapping_date": "when"}))
    assert list(outlines["mapping_date"].fillna("")) == ["2018", "2018-07", "2018-07-11", "2018-07-11", ""]


def test_velocities_come_in_cm_a_year(tmp_path):
    write_layers(tmp_path / "v.gpkg", {"outlines": frame([square(0)], v=[1.5], e=[0.2])})
    fields = {"velocity": "v", "velocity_error": "e"}
    for unit, factor in (("mm", 0.1), ("cm", 1), ("m", 100)):
        outlines = read_source(tmp_path / "v.gpkg", "insar", others(fields=fields, velocity_unit=unit)).iloc[0]
        assert (outlines["velocity"], outlines["velocity_error"]) == pytest.approx((1.5 * factor, 0.2 * factor))


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("vel_cm_yr", "cm"), ("v_m_a", "m"), ("VEL_MM_Y", "mm"), ("velocity [m/yr]", "m"), ("v_cm_per_year", "cm"),
        ("v_cm_a-1", "cm"), ("v cm/Jahr", "cm"), ("v_m_yr_1", "m"), ("cmyr", "cm"),
        ("vel", None), ("velocity", None), ("vel_m", None), ("v_mean_a", None), ("v_max", None), ("vel_cm_day", None),
        ("am_y", None),
    ],
)  # fmt: skip
def test_a_name_may_state_the_unit(tmp_path, field, unit):
    assert unit_in_name(field) == unit
    write_layers(tmp_path / "v.gpkg", {"outlines": frame([square(0)], **{field: [1.5]})})
    settings = {"velocity": field}
    if unit is None:
        with pytest.raises(ValidationError, match="states no unit; set velocity_unit to mm, cm or m"):
            others(fields=settings)
    else:
        row = read_source(tmp_path / "v.gpkg", "insar", others(fields=settings)).iloc[0]
        assert row["velocity"] == pytest.approx(1.5 * TO_CM[unit])


def test_two_units_are_asked_about():
    with pytest.raises(ValidationError, match="called v_m_yr and e_cm_yr, which states two units"):
        others(fields={"velocity": "v_m_yr", "velocity_error": "e_cm_yr"})


def test_unknown_source(insar):
    with pytest.raises(UserError, match="no inventory called optical"):
        read_source(insar, "optical", others())


def test_empty_inventory_is_fine(tmp_path):
    write_layers(tmp_path / "empty.gpkg", {"outlines": frame([], name=[])})
    assert read_source(tmp_path / "empty.gpkg", "insar", others(id_field="name", where={"name": "x"})).empty


def test_outlines_are_repaired_or_left_out_aloud(caplog):
    outlines = frame([BOW_TIE, None, square(0)], source_id=["a", "b", "c"])
    good, removed = repair_outlines(outlines)
    assert list(good["source_id"]) == ["a", "c"]
    assert good.geometry.is_valid.all()
    assert list(removed["source_id"]) == ["b"]
    assert "1 outlines crossed themselves and were repaired: a" in caplog.text
    assert "1 features have no area and are left out: b" in caplog.text
