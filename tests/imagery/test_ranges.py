"""The range that images show, and the file it comes from."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobate.errors import Mistake
from lobate.imagery.ranges import Range, applied, only_ranges, ranges_for, read_ranges
from lobate.settings.imagery import Percentiles, Stretch

RANGES = {"B04": {"lowest": 0.01, "highest": 0.2}}


def written(path, **content):
    path.write_text(json.dumps(content))
    return path


def test_the_fixed_range_is_every_bands(tmp_path):
    assert ranges_for(Stretch(highest=0.5), None, ["B04", "B03"]) == (Range(0.0, 0.5),) * 2


def test_only_the_range_is_seen_of_what_was_measured(tmp_path):
    for name, pixels in (("a", 10), ("b", 11)):
        only_ranges(written(tmp_path / f"{name}.json", ranges=RANGES, pixels={"T": pixels}), tmp_path / f"seen_{name}")
    assert (tmp_path / "seen_a").read_bytes() == (tmp_path / "seen_b").read_bytes()
    assert read_ranges(tmp_path / "seen_a") == {"B04": Range(0.01, 0.2)}


def test_an_image_depends_on_no_setting_that_it_does_not_use():
    other = Percentiles(low=10, common=True)
    assert applied(Stretch(percentiles=other)) == applied(Stretch())
    assert applied(Stretch(method="percentiles", lowest=0.1, percentiles=other)) == applied(
        Stretch(method="percentiles")
    )
    assert applied(Stretch(lowest=0.1)) != applied(Stretch())


@pytest.mark.parametrize("ends", [{"lowest": 0.2, "highest": 0.2}, {"lowest": float("nan"), "highest": 1.0}])
def test_a_range_without_room_is_a_mistake(tmp_path, ends):
    with pytest.raises(Mistake, match="range of B04 is none"):
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
        assert all(isinstance(one, Range) for one in read_ranges(path).values())
    except Mistake as mistake:
        assert "stretch.json" in str(mistake)
