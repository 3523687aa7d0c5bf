"""Spelling is forgiven, meaning is not."""

from __future__ import annotations

import pytest

from lobate.errors import UserError
from lobate.inventory.vocabulary import UPSLOPE, canonical


@pytest.mark.parametrize("spelling", ["Debris-mantled slope", "debris_mantled_slope", "DEBRIS MANTLED SLOPE"])
def test_spellings_of_one_word(spelling):
    assert canonical([spelling], UPSLOPE, "x") == ["debris-mantled_slope"]


def test_empty_stays_empty():
    assert canonical([None, "", "  ", float("nan")], UPSLOPE, "x") == [None] * 4


def test_unknown_word_names_place_and_words():
    with pytest.raises(UserError, match=r"a.gpkg: feature 1 has the value 'moraine', which is not one of talus"):
        canonical(["talus", "moraine"], UPSLOPE, "a.gpkg")
