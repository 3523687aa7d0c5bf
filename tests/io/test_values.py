"""One id is one id, however a file types it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from lobate.io.values import as_text, column, comparable, field_names, matches, selected


@pytest.mark.parametrize("value", [7, 7.0, np.int32(7), np.float64(7), "7", " 7 ", "7.0", "7."])
def test_seven_is_seven(value):
    assert comparable(value) == "7"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (np.nan, ""),
        (pd.NA, ""),
        ("7.10", "7.10"),
        ("007", "007"),
        (2.5, "2.5"),
        (np.array(["a", "b"]), "a, b"),
        ([7.0, None], "7, "),
        ("2018-07-11T00:00:00", "2018-07-11"),
        (datetime(2018, 7, 11), "2018-07-11"),
        ("2018-07-11T05:00:00", "2018-07-11T05:00:00"),
        (2**53 + 1, "9007199254740993"),
    ],
)
def test_values_are_written_as_people_write_them(value, text):
    assert as_text(value) == comparable(value) == text


def test_letters_with_accents_have_one_form():
    assert comparable("Gl\u00e4cier") == comparable("Gla\u0308cier")


@pytest.mark.parametrize("wanted", [7, 7.0, "7"])
@pytest.mark.parametrize(
    "values",
    [pd.Series([7.0, np.nan, 8.0]), pd.array([7, None, 8], dtype="Int64"), ["7", None, "8"], ["7.0", "", "seven"]],
    ids=["decimal", "whole", "text", "text of a decimal"],
)
def test_a_filter_finds_a_number_in_any_column(values, wanted):
    assert matches(pd.Series(values), wanted).tolist() == [True, False, False]


@pytest.mark.parametrize("values", [[True, False, None], [1, 0, None], ["true", "FALSE", ""], ["1", "0", None]])
def test_a_filter_finds_a_flag_in_any_column(values):
    assert matches(pd.Series(values, dtype=object), True).tolist() == [True, False, False]
    assert matches(pd.Series(values, dtype=object), False).tolist() == [False, True, False]


def test_all_fields_of_a_filter_count_and_the_key_is_a_field():
    frame = pd.DataFrame({"kind": ["a", "a", "b"]}, index=pd.Index([3, 4, 5], name="OBJECTID"))
    assert selected(frame, {"kind": "a", "OBJECTID": 4}).tolist() == [False, True, False]
    assert selected(frame, {}).all()
    assert column(frame, "OBJECTID").tolist() == [3, 4, 5]
    assert column(frame, "nothing") is None
    assert field_names(frame) == ["kind"]
