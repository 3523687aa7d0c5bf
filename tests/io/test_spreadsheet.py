"""No text in a table becomes a spreadsheet's formula, every text can be had back, and numbers stay as they are."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.io.spreadsheet import escape_cells, escape_formulas, restore_formulas

HOSTILE_TEXTS = st.text(alphabet="=+-@\t\r\n;,'\"1e. a\uff1d")


@given(st.one_of(HOSTILE_TEXTS, st.text()))
def test_every_text_can_be_had_back(text):
    assert restore_formulas(escape_formulas(text)) == text


@given(HOSTILE_TEXTS)
def test_no_cell_begins_like_a_formula_unless_it_is_a_number_or_a_lone_hyphen(text):
    escaped = escape_formulas(text)
    assert not escaped.startswith(("\t", "\r", "\n"))
    for cell in re.split(r"[;\t\r\n]", escaped):
        if cell.startswith(("=", "+", "-", "@", "\uff1d")):
            assert cell == "-" or np.isfinite(float(cell))


@pytest.mark.parametrize(
    "text",
    [
        "", "RGU1", "-5", "+3.25", "-1e-05", "-.5", "-", "2018-07-11", "a=b", "x - y", "a; b", "a;-7;b", "-7;x",
        "'quoted'", "line\r\nline", "line\n\nline", "a\t\tb", "user@example.org", "ü",
    ],
)  # fmt: skip
def test_ordinary_texts_keep_their_bytes_in_both_directions(text):
    assert (escape_formulas(text), restore_formulas(text)) == (text, text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_in_a_text_stays_a_number(number):
    assert escape_formulas(repr(number)) == repr(number)


def test_numbers_and_empty_cells_of_a_table_stay_the_same():
    table = pd.DataFrame({"velocity": [-1.5, np.nan], "count": [-1, 2], "text": ["=1", None], "mixed": [-1, "-x"]})
    escaped = escape_cells(table)
    assert escaped[["velocity", "count"]].equals(table[["velocity", "count"]])
    assert (escaped["text"].dropna().tolist(), escaped["mixed"].tolist()) == (["'=1"], [-1, "'-x"])
