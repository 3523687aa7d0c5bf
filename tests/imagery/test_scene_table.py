from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.imagery.scene_table import COLUMNS, read_rows, read_table, scenes_by_tile, to_tsv
from lobate.settings.imagery import Imagery

HEADER = "\t".join(COLUMNS)
ONE = "S2A_1\t33TWM\t2018-07-11\t1.5\t05.09\thttps://a.example/items/S2A_1\tB04=1220ab;SCL=1220cd"
TWO = "S2A_2\t33TWL\t2018-07-12\t\t\thttps://a.example/items/S2A_2\t"


@pytest.fixture
def table(tmp_path):
    def write(*lines, newline="\n", encoding="utf-8"):
        path = tmp_path / "scenes.tsv"
        path.write_bytes((newline.join(lines) + newline).encode(encoding))
        return path

    return write


def test_a_table_is_read_sorted_with_numbers(table):
    frame = read_table(table(HEADER, ONE, TWO))
    assert list(frame.columns) == list(COLUMNS)
    assert list(frame["scene"]) == ["S2A_2", "S2A_1"]  # tile 33TWL before 33TWM
    assert frame["cloud_cover"].iloc[1] == 1.5
    assert math.isnan(frame["cloud_cover"].iloc[0])
    assert list(frame["baseline"]) == ["", "05.09"]


def test_what_spreadsheets_and_people_do_to_a_table_is_understood(table):
    turned = "\t".join([*reversed(COLUMNS), "my remark"])
    line = "\t".join([*reversed(ONE.replace("05.09", "5.09").split("\t")), '"tab, not needed"'])
    path = table("", turned, "# S2A_9 hazy", line, "", newline="\r\n", encoding="utf-8-sig")
    assert read_rows(path) == [dict(zip(COLUMNS, ONE.split("\t"), strict=True))]


def test_text_reads_back_alike_and_does_not_depend_on_order(table):
    found = read_rows(table(HEADER, ONE, TWO))
    text = to_tsv(reversed(found))
    assert text == to_tsv(found) == f"{HEADER}\n{TWO}\n{ONE}\n"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "has no column scene and tile and"),
        (["scene,tile,date"], "has no column"),
        ([HEADER], "names no scene"),
        ([HEADER, "# " + ONE], "names no scene"),
        ([HEADER, ONE, ONE], "names the scene S2A_1 twice"),
        ([HEADER, ONE.replace("S2A_1\t", "../../etc\t")], r"Line 2 .* the scene is '\.\./\.\./etc'"),
        ([HEADER, ONE.replace("S2A_1\t", "..\t")], "the scene is"),
        ([HEADER, ONE.replace("S2A_1\t", "a/b\t")], "the scene is"),
        ([HEADER, ONE.replace("33TWM", "33/TWM")], "the tile is"),
        ([HEADER, ONE.replace("2018-07-11", "11.07.2018")], "date like 2018-07-11"),
        ([HEADER, ONE.replace("2018-07-11", "2018-02-30")], "date like 2018-07-11"),
        ([HEADER, ONE.replace("\t1.5\t", "\t1,5\t")], "with a decimal point"),
        ([HEADER, ONE.replace("\t1.5\t", "\t101\t")], "per cent"),
        ([HEADER, ONE.replace("\t1.5\t", "\tnan\t")], "per cent"),
        ([HEADER, ONE.replace("https:", "file:")], "the address of the scene's STAC item"),
        ([HEADER, ONE.replace("B04=1220ab", "B04=xyz")], "the checksums is"),
        ([HEADER, ONE.partition("\t")[0]], "the tile is ''"),
        ([HEADER, ONE + "\tmore\tand more"], "9 values for 7 columns"),
    ],
)
def test_what_is_no_table_is_told(table, lines, message):
    with pytest.raises(UserError, match=message):
        read_table(table(*lines))


def test_a_missing_table_and_a_folder_are_told(tmp_path):
    for path in (tmp_path / "none.tsv", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read.*imagery\.scenes"):
            read_table(path)


@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(alphabet='\t\n"# ,a1.=;\x00\x1cé', max_size=120).map(lambda t: f"{HEADER}\n{t}".encode()),
    )
)
def test_any_bytes_end_in_a_table_or_a_mistake(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "t.tsv"
    path.write_bytes(content)
    try:
        assert read_rows(path)
    except UserError as mistake:
        assert str(path) in str(mistake)
        assert "\n" not in str(mistake)


def test_tiles_come_from_the_table_or_from_the_setting(table):
    assert scenes_by_tile(Imagery(tiles={"b": ["y.SAFE"], "a": ["x.SAFE", "w.SAFE"]})) == {
        "a": ["x.SAFE", "w.SAFE"],
        "b": ["y.SAFE"],
    }
    path = table(HEADER, ONE, TWO, ONE.replace("S2A_1", "S2A_0"))
    assert scenes_by_tile(Imagery(scenes=str(path))) == {
        "33TWL": ["resources/scenes/S2A_2/checksums.json"],
        "33TWM": ["resources/scenes/S2A_0/checksums.json", "resources/scenes/S2A_1/checksums.json"],
    }
    find = {"area": "a.gpkg", "years": [2018], "months": [7]}
    assert scenes_by_tile(Imagery(find=find)) == scenes_by_tile(Imagery(find=find, scenes="found later.tsv")) == {}
    assert scenes_by_tile(Imagery(find=find, tiles={"a": ["x.SAFE"]})) == {"a": ["x.SAFE"]}
    with pytest.raises(UserError, match="cannot be read"):
        scenes_by_tile(Imagery(scenes="found later.tsv"))


def test_scenes_and_tiles_exclude_each_other_and_one_is_needed():
    with pytest.raises(ValueError, match="keep one of them"):
        Imagery(scenes="a.tsv", tiles={"a": ["x.SAFE"]})
    with pytest.raises(ValueError, match="names no scenes"):
        Imagery()


def test_no_text_of_a_catalogue_is_a_spreadsheets_formula_and_all_read_back(table):
    (row,) = read_rows(table(HEADER, ONE))
    row["source"] = "https://archive.example/x;=HYPERLINK(1)"
    text = to_tsv([row])
    assert ";=" not in text
    assert read_rows(table(*text.splitlines())) == [row]
