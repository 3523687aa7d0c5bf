"""The range of the images and its file; the lookup table from digital numbers to 8 bit."""

from __future__ import annotations

import json
from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration
from lobate.imagery.stretch import (
    Range,
    apply_lut,
    lookup_table,
    ranges_view,
    read_ranges,
    resolve_ranges,
    stretch_key,
)
from lobate.settings.imagery import Percentiles, Stretch

RANGES = {"B04": {"lowest": 0.01, "highest": 0.2}}


def written(path, **content):
    path.write_text(json.dumps(content))
    return path


def test_the_fixed_range_is_every_bands(tmp_path):
    assert resolve_ranges(Stretch(highest=0.5), None, ["B04", "B03"]) == (Range(0.0, 0.5),) * 2


def test_only_the_range_is_seen_of_what_was_measured(tmp_path):
    for name, pixels in (("a", 10), ("b", 11)):
        ranges_view(written(tmp_path / f"{name}.json", ranges=RANGES, pixels={"T": pixels}), tmp_path / f"seen_{name}")
    assert (tmp_path / "seen_a").read_bytes() == (tmp_path / "seen_b").read_bytes()
    assert read_ranges(tmp_path / "seen_a") == {"B04": Range(0.01, 0.2)}


def test_an_image_depends_on_no_setting_that_it_does_not_use():
    other = Percentiles(low=10, common=True)
    assert stretch_key(Stretch(percentiles=other)) == stretch_key(Stretch())
    assert stretch_key(Stretch(method="percentiles", lowest=0.1, percentiles=other)) == stretch_key(
        Stretch(method="percentiles")
    )
    assert stretch_key(Stretch(lowest=0.1)) != stretch_key(Stretch())


@pytest.mark.parametrize("ends", [{"lowest": 0.2, "highest": 0.2}, {"lowest": float("nan"), "highest": 1.0}])
def test_a_range_without_room_is_a_mistake(tmp_path, ends):
    with pytest.raises(UserError, match="range of B04 is empty"):
        read_ranges(written(tmp_path / "stretch.json", ranges={"B04": ends}))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ranges", "B04", "lowest"]), inner),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=40) | JSON.map(lambda one: json.dumps(one).encode()))
def test_any_bytes_are_ranges_or_a_mistake(tmp_path, content):
    path = tmp_path / "stretch.json"
    path.write_bytes(content)
    try:
        assert all(isinstance(range_, Range) for range_ in read_ranges(path).values())
    except UserError as mistake:
        assert "stretch.json" in str(mistake)


def test_ends_middle_and_nodata_of_the_default():
    table = lookup_table(Range(0.0, 0.3), Calibration(), "uint16", None)
    assert table[[0, 1, 1500, 2999, 3000, 3001, 65535]].tolist() == [0, 1, 128, 255, 255, 255, 255]


def test_numbers_below_the_offset_are_seen_and_darkest():
    table = lookup_table(Range(0.0, 0.3), Calibration(offset=-1000), "uint16", None)
    assert table[[0, 1, 1000, 1006, 4000]].tolist() == [0, 1, 1, 2, 255]


@settings(deadline=None)
@given(number=st.integers(1, 65535), offset=st.sampled_from([0, -1000]))
def test_halves_are_rounded_up_exactly(number, offset):
    table = lookup_table(Range(0.0, 0.3), Calibration(offset=float(offset)), "uint16", None)
    exact = 1 + floor(Fraction(254 * (number + offset), 3000) + Fraction(1, 2))
    assert table[number] == min(max(exact, 1), 255)


@settings(deadline=None)
@given(number=st.integers(1, 60000))
def test_the_offset_shifts_the_table_and_nothing_else(number):
    plain, shifted = (lookup_table(Range(0.0, 0.3), Calibration(offset=off), "uint16", None) for off in (0.0, -1000.0))
    assert plain[number] == shifted[number + 1000]


def test_signed_numbers_and_other_nodata():
    table = lookup_table(Range(0.0, 0.3), Calibration(), "int16", -9999)
    numbers = np.array([[-9999, -5, 0, 1500]], np.int16)
    values = np.empty((1, 4), np.uint8)
    apply_lut(table, numbers, values)
    assert values.tolist() == [[0, 1, 0, 128]]
