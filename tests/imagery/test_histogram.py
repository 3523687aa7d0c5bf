"""Exact counts of 16-bit numbers, and percentiles taken from them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lobate.imagery.histogram import Histogram, percentile
from lobate.imagery.reading.calibration import Calibration

NUMBERS = arrays(np.uint16, st.tuples(st.integers(1, 150), st.integers(1, 4)), elements=st.integers(0, 65535))


@settings(deadline=None)
@given(numbers=NUMBERS, offset=st.sampled_from([0.0, -1000.0]), per_cent=st.floats(0, 100))
def test_a_percentile_is_numpys(numbers, offset, per_cent):
    histogram = Histogram()
    histogram.add("B04", Calibration(10000, offset), numbers, np.ones(numbers.shape, bool))
    values, counts = histogram.reflectances(["B04"])
    assert counts.sum() == numbers.size
    reflectance = np.round((numbers + offset) / 10000, 9)
    assert percentile(values, counts, per_cent) == np.percentile(reflectance, per_cent, method="inverted_cdf")


def test_the_same_ground_with_and_without_offset_counts_as_one_reflectance():
    histogram, everywhere = Histogram(), np.ones((2, 3), bool)
    histogram.add("B04", Calibration(10000, 0), np.full((2, 3), 500, np.uint16), everywhere)
    histogram.add("B04", Calibration(10000, -1000), np.full((2, 3), 1500, np.uint16), everywhere)
    histogram.add("B04", Calibration(1000, 0), np.full((2, 3), 50, np.int16), everywhere)
    values, counts = histogram.reflectances(["B04"])
    assert values.tolist() == [0.05]
    assert counts.tolist() == [18]


def test_signed_numbers_stay_below_0_and_bands_apart():
    histogram = Histogram()
    histogram.add("B04", Calibration(), np.array([[-100, 100]], np.int16), np.array([[True, True]]))
    histogram.add("B03", Calibration(), np.array([[7000, 9]], np.int16), np.array([[True, False]]))
    assert histogram.reflectances(["B04"])[0].tolist() == [-0.01, 0.01]
    assert histogram.reflectances(["B03"])[0].tolist() == [0.7]
    assert histogram.reflectances(["B04", "B03"])[0].tolist() == [-0.01, 0.01, 0.7]
    assert not len(histogram.reflectances(["B02"])[0])
