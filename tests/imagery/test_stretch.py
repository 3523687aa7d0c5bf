"""The table from digital numbers to 8 bit."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.errors import Mistake
from lobate.imagery.ranges import Range
from lobate.imagery.reading.calibration import Calibration
from lobate.imagery.stretch import check_dtype, look_up, lookup_table


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
    look_up(table, numbers, values)
    assert values.tolist() == [[0, 1, 0, 128]]


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint32", "uint8", "complex64"])
def test_other_types_are_a_mistake(dtype):
    with pytest.raises(Mistake, match=dtype):
        check_dtype(dtype, "scene.tif, band 1")
