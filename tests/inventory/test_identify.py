"""Identifiers of the RGIK guideline."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.inventory.identify import disambiguate_ids, identifier, position_code


@pytest.mark.parametrize(
    ("longitude", "latitude", "expected"),
    [
        (-109.2526, 38.4455, "RGU384455N1092526W"),
        (80.5, 36.0, "RGU360000N0805000E"),
        (-0.00001, -0.00001, "RGU000000N0000000E"),
        (-69.4167, -32.96834, "RGU329683S0694167W"),
    ],
)
def test_identifier(longitude, latitude, expected):
    assert identifier(longitude, latitude) == expected


@given(st.lists(st.sampled_from(["x", "y", "z"]), max_size=90))
def test_unique_and_the_first_keeps_the_plain_one(names):
    unique = disambiguate_ids(names)
    assert len(set(unique)) == len(names)
    assert {name for name in unique if len(name) == 1} == set(names)


def test_letters_go_on_after_z():
    assert disambiguate_ids(["x"] * 28)[1:3] == ["xb", "xc"]
    assert disambiguate_ids(["x"] * 28)[25:] == ["xz", "xba", "xbb"]


def test_ids_of_other_landforms_are_not_given_again():
    assert disambiguate_ids(["x", "y", "x"], taken=["x", "xc"]) == ["xb", "y", "xd"]


@pytest.mark.parametrize(
    ("published", "code"),
    [("RGU384455N1092526W", "384455N1092526W"), ("LF360001N0800001Eb", "360001N0800001Eb"), ("wkl037", None)],
)
def test_position_in_an_id(published, code):
    assert position_code(published) == code
