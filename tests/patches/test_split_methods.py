"""The split methods: nothing leaks but by random, groups stay whole, and further patches move few others."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from lobate.errors import UserError
from lobate.io.vector import LONLAT
from lobate.patches.pool import Pool
from lobate.patches.split_methods import METHODS
from lobate.settings.patches import Split

from .conftest import grid, make_footprints

EAST = grid(left=501_000)  # another tile that sees part of the same ground
places = st.tuples(*[st.integers(0, 400)] * 2, *[st.integers(8, 48)] * 2)
tables = st.tuples(st.lists(places, min_size=2, max_size=30, unique=True), st.lists(places, max_size=10, unique=True))


def table(windows, east=(), positive=None) -> gpd.GeoDataFrame:
    frames = [make_footprints(windows, positive=positive), make_footprints(east, name="t2", on=EAST)]
    return pd.concat([frame.to_crs(LONLAT) for frame in frames if len(frame)], ignore_index=True)


def ground(footprints: gpd.GeoDataFrame) -> np.ndarray:
    seen = np.zeros((500, 700), bool)
    for row in footprints.itertuples():
        left = row.window_col + (100 if row.tile == "t2" else 0)
        seen[row.window_row : row.window_row + row.height, left : left + row.width] = True
    return seen


@settings(deadline=None, max_examples=60)
@given(tables, st.sampled_from([Split(), Split(method="blocks", block_km=1)]), st.floats(0.05, 0.5), st.integers(0, 9))
def test_no_validation_pixel_lies_inside_a_training_footprint(windows, split, share, seed):
    footprints = table(*windows)
    try:
        sides, _ = METHODS[split.method](
            Pool(footprints, seed), split.model_copy(update={"validation_share": round(share, 2)})
        )
    except UserError:
        return  # small worlds may not be divisible
    assert {"training", "validation"} <= set(sides) <= {"training", "validation", "dropped"}
    assert not (ground(footprints[sides == "validation"]) & ground(footprints[sides == "training"])).any()


WEST, BEYOND = (
    grid(crs=32643, left=780_000),
    grid(crs=32644, left=236_600),
)  # both see some of the ground between two zones


@settings(deadline=None, max_examples=40)
@given(
    st.lists(places, min_size=4, max_size=15, unique=True),
    st.lists(places, min_size=4, max_size=15, unique=True),
    st.sampled_from([Split(validation_share=0.3), Split(method="blocks", block_km=1, validation_share=0.3)]),
)
def test_no_validation_pixel_lies_inside_a_training_footprint_of_another_utm_zone(west, east, split):
    frames = [make_footprints(west, name="w", on=WEST), make_footprints(east, name="e", on=BEYOND)]
    footprints = pd.concat([frame.to_crs(LONLAT) for frame in frames], ignore_index=True)
    try:
        sides, _ = METHODS[split.method](Pool(footprints, 0), split)
    except UserError:
        return  # small worlds may not be divisible
    for one, other in ((WEST, BEYOND), (BEYOND, WEST)):
        here = (footprints["tile"] == ("w" if one is WEST else "e")).to_numpy()
        to_other = Transformer.from_crs(one.crs, other.crs, always_xy=True)
        for window in footprints[here & (sides == "validation")].itertuples():
            rows, cols = np.mgrid[: window.height, : window.width] + 0.5
            x, y = one.transform @ ((window.window_col + cols).ravel(), (window.window_row + rows).ravel())
            cols, rows = ~other.transform @ to_other.transform(x, y)
            for train in footprints[~here & (sides == "training")].itertuples():
                inside = (rows > train.window_row) & (rows < train.window_row + train.height)
                inside &= (cols > train.window_col) & (cols < train.window_col + train.width)
                assert not inside.any()


@settings(deadline=None, max_examples=60)
@given(st.lists(places, min_size=2, max_size=60, unique=True), st.data())
def test_m_patches_more_move_at_most_m_others(windows, data):
    m = data.draw(st.integers(0, len(windows) - 2))
    kept = data.draw(st.permutations(windows))[m:]
    share, seed = data.draw(st.sampled_from([0.1, 0.25, 0.5])), data.draw(st.integers(0, 5))

    def validation(some):
        pool = Pool(table([window for window in windows if window in some]), seed)
        sides, _ = METHODS["random"](pool, Split(method="random", validation_share=share))
        return dict(zip(pool.places, sides, strict=True))

    before, after = validation(kept), validation(windows)
    assert sum(before[place] != after[place] for place in before) <= m


def test_the_paper_s_2230_patches_split_into_2007_and_223():
    windows = [(20 * row, 20 * col, 16, 16) for row in range(50) for col in range(45)][:2230]
    pool = Pool(table(windows), 0)
    sides, _ = METHODS["random"](pool, Split(method="random"))
    assert pd.Series(sides).value_counts().to_dict() == {"training": 2007, "validation": 223}


def test_groups_stay_whole_and_nothing_is_dropped_where_they_are_small():
    windows = [(100 * k + shift, 0, 30, 30) for k in range(40) for shift in (0, 15, 30)]
    sides, group = METHODS["grouped"](Pool(table(windows), 0), Split())
    assert pd.Series(sides).value_counts().to_dict() == {"training": 108, "validation": 12}
    assert pd.DataFrame({"side": sides, "group": group}).groupby("group")["side"].nunique().eq(1).all()


def test_one_group_of_everything_is_cut():
    windows = [(15 * k, 0, 30, 30) for k in range(60)]
    sides, group = METHODS["grouped"](Pool(table(windows), 0), Split())
    counts = pd.Series(sides).value_counts()
    assert len(set(group)) == 1
    assert counts["validation"] == 6
    assert counts["dropped"] <= 2


def test_groups_are_cut_when_none_with_the_landform_is_small_enough():
    windows = [(15 * k, 0, 30, 30) for k in range(50)] + [(40 * k, 300, 20, 20) for k in range(10)]
    positive = [0.2] * 50 + [0.0] * 10
    pool = Pool(table(windows, positive=positive), 0)
    sides, _ = METHODS["grouped"](pool, Split())
    assert ((sides == "validation") & pool.positive).any()
    assert ((sides == "training") & pool.positive).any()


def test_an_impossible_grouped_split_names_what_to_set():
    with pytest.raises(UserError, match=r"patches\.split\.method to random .* blocks"):
        METHODS["grouped"](Pool(table([(0, 0, 30, 30), (5, 5, 30, 30), (9, 9, 30, 30)]), 0), Split())


def test_blocks_too_large_for_the_region_say_so():
    with pytest.raises(UserError, match=r"smaller patches\.split\.block_km"):
        METHODS["blocks"](Pool(table([(0, 0, 30, 30), (50, 5, 30, 30)]), 0), Split(method="blocks", block_km=500))


chains = st.lists(st.integers(1, 4), min_size=6, max_size=24)


@settings(deadline=None, max_examples=80)
@given(chains, chains, st.integers(0, 9))
def test_groups_of_their_own_move_few_others(old, new, seed):
    """At most m + 6 s, with s the patches of the largest group that is small enough: what split.py promises."""

    def sides(sizes):
        windows = [(100 * n + 10 * k, 0, 20, 20) for n, size in enumerate(sizes) for k in range(size)]
        pool = Pool(table(windows), seed)
        found, _ = METHODS["grouped"](pool, Split(validation_share=0.25))
        return dict(zip(pool.places, found, strict=True))

    before, after = sides(old), sides([*old, *new])
    moved = sum(before[place] != after[place] for place in before)
    assert moved <= sum(new) + 6 * 4


def test_the_outlines_field_decides_and_the_rest_trains():
    footprints = make_footprints([(100 * k, 0, 30, 30) for k in range(4)]).to_crs(LONLAT)
    for said, sides in (
        ({"p1": "validation", "p3": "training"}, ["training", "validation", "training", "training"]),
        ({"p0": "2", "p2": "1"}, ["training", "training", "validation", "training"]),
    ):
        assert METHODS["field"](Pool(footprints, 0, said), Split(method="field"))[0].tolist() == sides


def test_the_outlines_field_leaks_nothing():
    footprints = make_footprints([(20 * k, 0, 30, 30) for k in range(4)]).to_crs(LONLAT)
    sides, _ = METHODS["field"](Pool(footprints, 0, {"p0": "validation"}), Split(method="field"))
    assert sides.tolist() == ["validation", "dropped", "training", "training"]
    with pytest.raises(UserError, match="leaves training empty"):
        METHODS["field"](Pool(footprints[:2], 0, {"p0": "validation"}), Split(method="field"))
