"""Byte values with a meaning."""

from __future__ import annotations

import pytest

from lobate.io.mask_values import PROBABILITY_LEVELS, PROBABILITY_SCALE, lowest_level


@pytest.mark.parametrize("level", range(PROBABILITY_LEVELS))
def test_the_threshold_that_is_a_level_keeps_that_level(level):
    assert lowest_level(level / PROBABILITY_SCALE) == level


def test_a_threshold_between_two_levels_keeps_the_upper_one():
    assert lowest_level(0.5) == 127
    assert lowest_level(0.501) == 128
    assert lowest_level(0.0) == 0
    assert lowest_level(1.0) == PROBABILITY_SCALE
