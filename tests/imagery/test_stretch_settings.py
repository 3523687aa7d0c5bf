"""Values that the settings of images refuse."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lobate.settings.imagery import Imagery, Percentiles, Stretch

TILES = {"T": ["a.tif"]}


@pytest.mark.parametrize("ends", [{"low": 50, "high": 50}, {"low": 98, "high": 2}, {"low": -1}, {"high": 100.5}])
def test_percentiles_need_room(ends):
    with pytest.raises(ValidationError):
        Percentiles(**ends)


@pytest.mark.parametrize("ends", [{"lowest": 0.3}, {"highest": float("nan")}, {"highest": 3000}])
def test_a_range_is_of_reflectance(ends):
    with pytest.raises(ValidationError):
        Stretch(**ends)


def test_a_band_stands_in_the_order_once():
    assert Imagery(tiles=TILES, band_order=["B02", "B03", "x", "y"]).band_order == ["B02", "B03", "x", "y"]
    with pytest.raises(ValidationError, match="names a band twice"):
        Imagery(tiles=TILES, band_order=["B02", "b02"])
