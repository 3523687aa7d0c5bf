"""Tables of counts and the digest of the card."""

from __future__ import annotations

import pandas as pd
import pytest

from lobate.patches.card_text import class_balance, content_digest, count_by_origin, count_by_source, count_by_tile

from .conftest import make_footprints


@pytest.fixture
def patches() -> pd.DataFrame:
    classes = ["positive", "positive", "negative"]
    one = make_footprints([(0, 0, 10, 10), (0, 5, 10, 20), (50, 0, 10, 10)], polygons=["a", "a", "b"], classes=classes)
    other = make_footprints([(0, 0, 10, 10)], name="t2", polygons=["c"])
    table = pd.concat([pd.DataFrame(one), pd.DataFrame(other)], ignore_index=True)
    return table.assign(
        side=["training", "validation", "training", "dropped"], positive=[0.5, 0.2, 0, 0], ignored=[0, 0.1, 0, 1]
    )


def test_counts_of_each_tile_and_all(patches):
    table = count_by_tile(patches)
    assert table.loc["t1"].tolist() == [1, 1, 3, 2, 1, 0]
    assert table.loc["t2"].tolist() == [1, 0, 1, 0, 0, 1]
    assert table.loc["all"].tolist() == [2, 1, 4, 2, 1, 1]


def test_shares_are_of_pixels_and_not_of_patches(patches):
    table = class_balance(patches)
    assert [*table.index] == ["training", "validation", "dropped", "all"]
    assert table.loc["all", "landform"] == pytest.approx((50 + 40) / 500)
    assert table.loc["all", "ignored"] == pytest.approx((20 + 100) / 500)
    assert table.loc["training", ["landform", "background", "ignored"]].tolist() == pytest.approx([0.25, 0.75, 0])
    assert table.loc["all", "show the landform"] == 2


def test_a_side_without_patches_is_left_away(patches):
    assert [*class_balance(patches[patches["side"] == "training"]).index] == ["training", "all"]


def test_outlines_of_each_file(patches):
    outlines = pd.DataFrame(
        {
            "polygon": [*"abcd"],
            "class": ["positive", "negative", "positive", "positive"],
            "source": ["x", "y", "x", "x"],
        }
    )
    assert count_by_source(outlines, patches).to_numpy().tolist() == [
        ["x", "positive", 3, 2],
        ["y", "negative", 1, 1],
    ]


def test_the_identity_is_of_the_contents(patches):
    assert content_digest(patches) == content_digest(patches.iloc[::-1].assign(patch="renamed"))
    assert content_digest(patches) != content_digest(patches.iloc[1:])


def test_unmended_outlines_are_landform_to_training_ignored_elsewhere_and_counted(patches):
    marked = patches.assign(unmended=[0.1, 0.3, 0, 0], origin=["mended", "mended", "drawn", "model"])
    table = class_balance(marked)
    assert table.loc["training", ["landform", "ignored"]].tolist() == pytest.approx([0.3, 0])
    assert table.loc["validation", ["landform", "ignored"]].tolist() == pytest.approx([0.2, 0.4])
    told = count_by_origin(marked)
    assert "0 were drawn by a person, 1 came from a model and were mended by a person, and 1 came" in told
    assert count_by_origin(patches) == ""
