"""Unique ids, and the list of outlines to leave out."""

from __future__ import annotations

import geopandas as gpd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.labels.table import deduplicate_ids, read_removed, remove_listed

names = st.lists(
    st.tuples(st.sampled_from(["1", "2", "1@a", "1@b"]), st.sampled_from(["a.shp", "b.gpkg"])), max_size=12
)


@settings(deadline=None)
@given(given_names=names)
def test_ids_are_unique_and_first_come_keeps(given_names):
    result = deduplicate_ids(*zip(*given_names, strict=True)) if given_names else []
    assert len(set(result)) == len(result)
    assert all(name == result[place] or name in result[:place] for place, (name, _) in enumerate(given_names))


def test_later_ones_get_their_files_name():
    assert deduplicate_ids(["7", "7", "7", "8"], ["a.shp", "b.gpkg", "b.gpkg", "b.gpkg"]) == ["7", "7@b", "7@b_2", "8"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,why\na,b\n", "lacks the column id and reason"),
        ("id,reason\na,\n", "a has no reason"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_wrong_list_is_a_mistake(tmp_path, text, words):
    path = tmp_path / "removed.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_removed(path)


def test_a_list_that_is_no_text_is_a_mistake(tmp_path):
    path = tmp_path / "removed.csv"
    path.write_bytes(b"id,reason\n\xff\xfe\x00,x\n")
    with pytest.raises(UserError, match="text that is no UTF-8"):
        read_removed(path)


def test_an_empty_list_and_blank_lines_are_fine(tmp_path):
    path = tmp_path / "removed.csv"
    path.write_text("id,reason\n")
    assert read_removed(path) == {}
    path.write_text('id , Reason\n\n 007 ,"cloud, thin"\n')
    assert read_removed(path) == {"007": "cloud, thin"}


def test_an_id_listed_twice_gets_both_reasons(tmp_path):
    path = tmp_path / "removed.csv"
    path.write_text("id,reason\na,cloud\na,cloud\na,too small\n")
    assert read_removed(path) == {"a": "cloud; too small"}


def test_ids_that_are_all_the_same_are_renamed_in_one_pass():
    assert deduplicate_ids(["rock"] * 20_000, ["a.shp"] * 20_000)[-1] == "rock@a_19999"


def test_ids_that_were_made_harmless_for_a_spreadsheet_are_the_ids_again(tmp_path):
    path = tmp_path / "removed.csv"
    path.write_text("id,reason\n'=RGU1,'@ the edge\n-7,small\n'quoted',cloud\n")
    assert read_removed(path) == {"=RGU1": "@ the edge", "-7": "small", "'quoted'": "cloud"}


@pytest.mark.parametrize(("own", "listed"), [("7", "7.0"), ("7.0", "7"), ("Gl\u00e4cier", "Gla\u0308cier"), ("7", "7")])
def test_a_list_may_write_an_id_otherwise(own, listed, caplog):
    rows = gpd.GeoDataFrame({"outline": [own, "8"], "polygon": [f"{own}.1", "8"], "reason": ""}, geometry=[None, None])
    assert list(remove_listed(rows, {listed: "cloud"})["reason"]) == ["cloud", ""]
    assert not [record for record in caplog.records if record.name.startswith("lobate.labels")]


def test_an_id_that_is_there_as_it_is_written_goes_before_one_alike():
    rows = gpd.GeoDataFrame({"outline": ["7", "7.0"], "polygon": ["7", "7.0"], "reason": ""}, geometry=[None, None])
    assert list(remove_listed(rows, {"7.0": "cloud"})["reason"]) == ["", "cloud"]
