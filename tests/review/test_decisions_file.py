"""Decisions act by act: undo over sessions, people who contradict each other, other models, other programs, other files."""

from __future__ import annotations

import json
import sqlite3

import geopandas as gpd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon, box
from tests.inventory.conftest import frame, square
from tests.review.kept import ANNA, BEN, said, statuses

from lobate.errors import UserError
from lobate.inventory.decisions import decisions_view, read_decisions
from lobate.review.decisions_file import Decision, DecisionsFile
from lobate.review.drawn_file import DrawnFile

WORDS = {"upslope_connection": "talus", "activity": "relict", "kinematics": "dm", "outline_type": "Restricted"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "resources/r/decisions.gpkg"


def table(path) -> list[tuple]:
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT * FROM review ORDER BY fid").fetchall()


def test_undo_over_sessions_to_the_beginning_gives_the_first_state(path):
    DecisionsFile(path).lay_out(pending(6))
    first = table(path)
    states = [first]
    acts = [
        lambda file: file.decide(ANNA, said(1, words=WORDS)),
        lambda file: file.decide(ANNA, said(1, "rejected")),
        lambda file: file.decide(ANNA, [said(2, "edited", square(2, side=0.5)), Decision(None, "edited", square(20))]),
        lambda file: file.undecide(ANNA, 2, base=10**9),
        lambda file: file.decide(ANNA, said(3, "pending", remark="a lake?")),
    ]
    for act in acts:
        act(DecisionsFile(path))
        states.append(table(path))
    for state in reversed(states[:-1]):
        DecisionsFile(path).undo(ANNA)
        assert table(path) == state
    assert table(path) == first
    with pytest.raises(UserError, match="nothing to undo"):
        DecisionsFile(path).undo(ANNA)
    assert len({entry.act for entry in DecisionsFile(path).history(100)}) == 10, "the history is only added to"


def pending(count: int, prefix: str = "d", shift: float = 0.0) -> gpd.GeoDataFrame:
    return frame(
        [square(number + shift) for number in range(count)],
        detection=[f"{prefix}{number}" for number in range(count)],
        confidence=[0.5] * count,
        tiles=["A"] * count,
    )


def test_each_person_undoes_their_own_acts(path):
    file = DecisionsFile(path)
    file.decide(ANNA, said(1))
    file.decide(BEN, said(2))
    file.undo(ANNA)
    assert statuses(file) == {"d2": "accepted"}
    file.undo(BEN, act=None)
    assert statuses(file) == {}


def test_what_somebody_changed_since_is_not_undone_in_silence(path):
    file = DecisionsFile(path)
    file.decide(ANNA, said(1))
    file.decide(BEN, said(1, "rejected"), base=file.version())
    with pytest.raises(UserError, match=r"Ben changed d1 since \(act 2"):
        file.undo(ANNA)
    assert statuses(file) == {"d1": "rejected"}, "Ben saw Anna's decision, and decided otherwise"


@pytest.mark.parametrize("first", ["accepted", "rejected"])
def test_who_contradicts_what_they_did_not_see_makes_a_conflict(path, first):
    second = {"accepted": "rejected", "rejected": "accepted"}[first]
    file = DecisionsFile(path)
    base = file.version()
    file.decide(ANNA, said(1, first, remark="one"), base=base)
    outcome = file.decide(BEN, said(1, second), base=base)
    assert outcome.conflict
    assert f"{first} by Anna; {second} by Ben" in outcome.message
    (row,) = file.conflicts()
    assert (row.status, row.about) == ("pending", ("status",))
    assert [(one.reviewer, one.status) for one in row.statements] == [(ANNA, first), (BEN, second)]
    read = read_decisions(path)
    assert read["status"].tolist() == ["pending"], "the chain takes it as undecided"
    resolved = file.resolve("Carl", row.row, 0)
    assert (statuses(file), file.conflicts(), resolved.conflict) == ({"d1": first}, [], False)
    file.undo("Carl")
    assert len(file.conflicts()) == 1


def test_a_conflict_ends_when_they_agree_or_one_takes_it_back(path):
    file = DecisionsFile(path)
    file.decide(ANNA, said(1), base=0)
    file.decide(BEN, said(1, "rejected"), base=0)
    assert not file.decide(BEN, said(1), base=0).conflict
    (row,) = file.rows()
    assert (row.status, row.reviewer) == ("accepted", "Anna; Ben")
    file.undo(BEN)
    assert len(file.conflicts()) == 1
    file.undo(ANNA)
    (row,) = file.rows()
    assert (row.status, row.reviewer) == ("rejected", BEN), "what the other said stands"


def test_a_third_statement_joins_a_conflict_and_settling_by_another_decision(path):
    file = DecisionsFile(path)
    for name, status in ((ANNA, "accepted"), (BEN, "rejected"), ("Cléo", "accepted")):
        file.decide(name, said(1, status), base=0)
    (row,) = file.conflicts()
    assert [one.reviewer for one in row.statements] == [ANNA, BEN, "Cléo"]
    file.resolve("Dora", row.row, said(1, "edited", square(1, side=0.6)))
    assert statuses(file) == {"d1": "edited"}
    with pytest.raises(UserError, match="in no conflict any more"):
        file.resolve("Dora", row.row, 0)


def test_words_that_contradict_leave_the_status_and_outlines_apart_do_not(path):
    file = DecisionsFile(path)
    file.decide(ANNA, said(1, words={"activity": "active", "kinematics": "dm"}), base=0)
    file.decide(BEN, said(1, words={"activity": "relict"}), base=0)
    (row,) = file.conflicts()
    assert (row.status, row.about, row.words["activity"], row.words["kinematics"]) == (
        "accepted", ("activity",), None, "dm",
    )  # fmt: skip
    file.decide(ANNA, said(2, "edited", square(2, side=0.3)), base=0)
    file.decide(BEN, said(2, "edited", square(2, side=0.85)), base=0)
    assert [one.about for one in file.conflicts()] == [("activity",), ("outline",)]


def test_undeciding_what_somebody_decided_meanwhile_is_refused(path):
    file = DecisionsFile(path)
    base = file.version()
    number = file.decide(BEN, said(1)).rows[0]
    with pytest.raises(UserError, match="Ben decided about d1 meanwhile"):
        file.undecide(ANNA, number, base)
    file.undecide(ANNA, number, file.version())
    assert file.rows() == []


def test_decisions_outlive_a_training_that_numbers_anew(path):
    file = DecisionsFile(path)
    for number, status in enumerate(("accepted", "rejected", "accepted")):
        file.decide(ANNA, said(number, status))
    later = frame([square(2.05), square(0.05), square(7), square(1.05)], detection=["d0", "d1", "d2", "d3"])
    found = file.match(later)
    assert {name: (row.detection, row.status) for name, row in found.items()} == {
        "d0": ("d2", "accepted"), "d1": ("d0", "accepted"), "d3": ("d1", "rejected"),
    }  # fmt: skip
    file.decide(ANNA, Decision("d0", "rejected", square(2.05), square(2.05), row=found["d0"].row))
    assert len(file.rows()) == 3, "the place's row, not a second one"
    file.decide(ANNA, Decision("d2", "accepted", square(7), square(7)), base=0)
    assert len(file.rows()) == 4, "another place, although its number was known"


def test_a_candidate_of_mining_is_no_detection(path):
    file = DecisionsFile(path)
    file.decide(ANNA, said(1))
    file.decide(ANNA, Decision("candidate_r2_0001", "rejected", square(1), square(1)))
    assert statuses(file) == {"d1": "accepted", "candidate_r2_0001": "rejected"}
    assert file.match(pending(3))["d1"].status == "accepted"


def test_laid_out_detections_are_rows_that_decide_nothing(path):
    file = DecisionsFile(path)
    file.decide(ANNA, said(1))
    assert (file.lay_out(pending(5)), file.version(), len(file.rows())) == (4, 1, 1)
    assert len(table(path)) == 5
    before = path.read_bytes()
    assert file.lay_out(pending(5)) == 4
    assert path.read_bytes() == before, "nothing new is nothing written"
    number = file.decide(ANNA, said(2), base=0).rows[0]
    assert len(table(path)) == 5, "the laid-out row became the decision"
    file.undecide(ANNA, number, file.version())
    assert [row[2:4] for row in table(path) if row[0] == number] == [("d2", "pending")]
    file.lay_out(pending(3, "n", 0.02))
    assert {row[2] for row in table(path)} == {"d1", "n0", "n2"}, "those of the earlier model are gone"
    assert statuses(DecisionsFile(path)) == {"d1": "accepted"}


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (said(1, "acepted"), "not one of pending, accepted"),
        (said(1, "pending"), "says nothing"),
        (said(1, words={"activity": "sleepy"}), "not one of active"),
        (said(1, words={"colour": "red"}), "nobody fills in"),
        (
            Decision("d1", "edited", Polygon([(80, 36), (80.1, 36.1), (80.1, 36), (80, 36.1)])),
            "self-intersection at 80.05 36.05",
        ),
        (Decision("d1", "edited", Polygon()), "has no outline"),
        (Decision("d1", "edited", box(5e5, 4e6, 6e5, 5e6)), "no place on Earth"),
        (Decision("d1", "edited", square(1).boundary), "as a polygon"),
    ],
)
def test_what_cannot_stand_is_not_kept(path, decision, message):
    with pytest.raises(UserError, match=message):
        DecisionsFile(path).decide(ANNA, [said(5), decision])
    assert not path.exists()


def test_names_and_remarks_are_as_they_were_written(path):
    file = DecisionsFile(path)
    name, remark = "Łukasz O'Brien 張 “x”; DROP TABLE review;--", "zwei\nZeilen\t🏔 \u202e\ud800 a\u0308 \x00\x07 end"
    file.decide(name, said(1, remark=remark))
    (row,) = DecisionsFile(path).rows()
    assert row.reviewer == name
    assert row.remark == "zwei\nZeilen\t🏔 \u202e? ä  end"
    assert read_decisions(path)["remark"].tolist() == [row.remark]


def test_accepted_with_another_outline_is_edited_and_parts_and_holes_are_kept(path):
    file = DecisionsFile(path)
    holed = Polygon(square(2).exterior, [square(2.2, 0.2, 0.2).exterior])
    file.decide(ANNA, [said(1, "accepted", MultiPolygon([holed, square(4)])), said(9)])
    first, second = file.rows()
    assert (first.status, second.status) == ("edited", "accepted")
    assert first.outline.equals(MultiPolygon([holed, square(4)]))
    assert read_decisions(path).geometry[0].equals(first.outline)


# --- other programs


def test_what_gdal_edited_is_taken_up_and_can_be_undone(path):
    file = DecisionsFile(path)
    file.lay_out(pending(4))
    file.decide(ANNA, said(0))
    with sqlite3.connect(path) as connection:  # as QGIS's provider does, row by row
        connection.execute(
            "UPDATE review SET status = 'Rejected', reviewer = 'Ben', remark = 'a lake' WHERE detection = 'd1'"
        )
        connection.execute("UPDATE review SET status = 'rejected', reviewer = 'Ben' WHERE detection = 'd0'")
        connection.execute("DELETE FROM review WHERE detection = 'd3'")
    connection.close()
    assert statuses(file) == {"d0": "rejected", "d1": "rejected"}
    taken = [(entry.what, entry.reviewer, entry.name) for entry in file.changed_since(1)]
    assert taken == [
        ("in another program", "Ben", "d0"), ("in another program", "Ben", "d1"), ("in another program", "", "d3"),
    ]  # fmt: skip
    version = file.version()
    assert DecisionsFile(path).version() == version, "once"
    act = next(entry.act for entry in file.history() if entry.name == "d0" and entry.what != "decide")
    file.undo(ANNA, act)
    assert statuses(file)["d0"] == "accepted"


def test_an_outline_that_gdal_appended_is_a_decision(path):
    DecisionsFile(path).decide(ANNA, said(1))
    drawn = frame([square(12)], status=["edited"], reviewer=["Ben"])
    drawn.to_file(path, layer="review", mode="a", engine="pyogrio")
    file = DecisionsFile(path)
    assert [(row.detection, row.status, row.reviewer) for row in file.rows()] == [
        ("d1", "accepted", ANNA), (None, "edited", BEN),
    ]  # fmt: skip
    assert file.notices() == []


def test_what_cannot_be_taken_up_is_told_and_left_as_it_is(path):
    file = DecisionsFile(path)
    file.decide(ANNA, [said(1), said(2)])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE review SET status = 'perhaps' WHERE detection = 'd1'")
        connection.execute("UPDATE review SET status = 'rejected' WHERE detection = 'd2'")
    connection.close()
    assert statuses(file)["d2"] == "rejected"
    (notice,) = file.notices()
    assert "row 1 (d1), field status" in notice
    assert file.decide(ANNA, said(3)).version == 4
    again = DecisionsFile(path)
    assert statuses(again)["d3"] == "accepted"
    assert "row 1 (d1)" in again.notices()[0], "nothing is called damaged, and it is told again"


def test_a_sheet_that_a_person_saved_under_this_name_is_taken_over(path, tmp_path):
    path.parent.mkdir(parents=True)
    sheet = frame(
        [square(1), square(2)],
        detection=["d1", "d2"],
        status=["accepted", "pending"],
        reviewer=["Ben", None],
        seen=[None, None],
    )
    sheet.to_file(path, layer="review", engine="pyogrio")
    before = path.read_bytes()
    file = DecisionsFile(path)
    assert statuses(file) == {"d1": "accepted"}
    assert file.rows()[0].reviewer == BEN
    (notice,) = file.notices()
    (aside,) = (path.parent / "backups").glob("decisions_brought_*.gpkg")
    assert aside.name in notice
    assert aside.read_bytes() == before
    assert file.decide(ANNA, said(3)).rows


# --- other files


def test_a_file_is_taken_over_as_one_act_that_joins_and_asks(path, tmp_path):
    other = DecisionsFile(tmp_path / "other.gpkg")
    other.decide(BEN, [said(1), said(2, "rejected"), said(3), said(30)])
    other.export_geojson(tmp_path / "ben.geojson")
    file = DecisionsFile(path)
    file.decide(ANNA, [said(1), said(2), said(4)])
    before = statuses(file)
    outcome = file.import_file(tmp_path / "ben.geojson", ANNA)
    assert "4 of 4 decisions of ben.geojson are new here. 1 contradict" in outcome.message
    assert statuses(file) == {**before, "d2": "pending", "d3": "accepted", "d30": "accepted"}
    assert [row.detection for row in file.conflicts()] == ["d2"]
    assert "0 of 4" in file.import_file(tmp_path / "ben.geojson", ANNA).message, "twice is once"
    file.undo(ANNA)
    file.undo(ANNA)
    assert (statuses(file), file.conflicts()) == (before, [])


def test_an_import_that_the_chain_would_refuse_changes_nothing(path, tmp_path):
    (tmp_path / "bad.geojson").write_text('{"type": "FeatureCollection", "features": []')
    with pytest.raises(UserError):
        DecisionsFile(path).import_file(tmp_path / "bad.geojson", ANNA)
    assert not path.exists()


def test_the_export_reads_back_and_knows_nothing_of_acts(path, tmp_path):
    file = DecisionsFile(path)
    file.decide(ANNA, said(1, words=WORDS, remark="é"))
    file.decide(ANNA, said(2, "edited", square(2, side=0.5)))
    assert file.export_geojson(tmp_path / "out.geojson") == 2
    read = read_decisions(tmp_path / "out.geojson")
    assert sorted(read["status"]) == ["accepted", "edited"]
    assert read.loc[read["decision"] == "d1", list(WORDS)].iloc[0].to_dict() == WORDS
    again = DecisionsFile(tmp_path / "again.gpkg")
    for number in (2, 1):
        again.decide(BEN, said(number, "rejected"))
    again.decide(ANNA, said(2, "edited", square(2, side=0.5)), base=10**9)
    again.decide(ANNA, said(1, words=WORDS, remark="é"), base=10**9)
    again.export_geojson(tmp_path / "again.geojson")
    assert (tmp_path / "again.geojson").read_bytes() == (tmp_path / "out.geojson").read_bytes()
    assert json.loads((tmp_path / "out.geojson").read_text())["name"] == "decisions"


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(order=st.permutations(range(5)), detour=st.lists(st.integers(0, 3), max_size=4))
def test_the_chain_sees_the_decisions_and_not_how_they_came_about(tmp_path_factory, order, detour):
    folder = tmp_path_factory.mktemp("acts")
    wanted = [
        said(0),
        said(1, "rejected"),
        said(2, words=WORDS),
        said(3, "edited", square(3, side=0.5)),
        Decision(None, "edited", square(9)),
    ]
    file = DecisionsFile(folder / "decisions.gpkg")
    for number in detour:
        file.decide(BEN, said(number, "rejected"), base=10**9)
    for number in order:
        file.decide(ANNA, wanted[number], base=10**9)
    for number in range(min(2, len(detour))):
        file.decide(ANNA, said(20 + number))
        file.undo(ANNA)
    file.lay_out(pending(7))
    decisions_view(folder / "decisions.gpkg", folder / "view")
    straight = DecisionsFile(folder / "straight.gpkg")
    for decision in wanted:
        straight.decide(ANNA, decision)
    decisions_view(folder / "straight.gpkg", folder / "expected")
    assert (folder / "view").read_bytes() == (folder / "expected").read_bytes()
    read, expected = read_decisions(folder / "view"), read_decisions(folder / "straight.gpkg")
    assert sorted(read["status"]) == sorted(expected["status"])
    assert read.geometry.area.sum() == pytest.approx(expected.geometry.area.sum())


# --- drawing


def test_outlines_are_drawn_mended_deleted_and_undone(tmp_path):
    path = tmp_path / "resources/r/drawn.gpkg"
    number = DrawnFile(path).draw(ANNA, "positives", square(1), remark="clear lobes").rows[0]
    DrawnFile(path).draw(BEN, "negatives", square(2))
    DrawnFile(path).draw(ANNA, "positives", square(3))
    file = DrawnFile(path)
    file.draw(ANNA, "positives", square(1, side=0.7), number)
    first, second, third = file.rows()
    assert (first.id, first.remark, third.id, second.id) == ("positive_1", "clear lobes", "negative_1", "positive_2")
    assert first.outline.equals(square(1, side=0.7))
    file.delete(ANNA, "positives", second.row)
    assert file.draw(ANNA, "positives", square(5)).rows
    assert [one.id for one in file.rows("positives")] == ["positive_1", "positive_3"], "an id is never used again"
    for _ in range(5):
        DrawnFile(path).undo(ANNA)
    assert [one.id for one in DrawnFile(path).rows()] == ["negative_1"]
    with pytest.raises(UserError, match="no layer of"):
        file.draw(ANNA, "points", square(1))
    with pytest.raises(UserError, match="no row 77"):
        file.delete(ANNA, "positives", 77)


@pytest.mark.parametrize(
    "act", [lambda file: file.undo(ANNA), lambda file: file.undecide(ANNA, 1), lambda file: file.resolve(ANNA, 1, 0)]
)
def test_what_takes_back_begins_no_file(path, act):
    with pytest.raises(UserError, match="nothing to undo or to take back"):
        act(DecisionsFile(path))
    assert not path.exists() and not path.parent.joinpath("backups").exists()
