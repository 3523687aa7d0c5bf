"""Decisions are matched by outline and outlive retraining; nothing a person drew is lost, nothing stands twice."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from shapely.geometry import Point, Polygon

from lobate.errors import UserError
from lobate.inventory.apply_review import apply_review
from lobate.inventory.review_sheet import review_sheet
from lobate.io.decisions import confirmed_outlines
from lobate.io.vector import read_layer, read_polygons, write_layers

from .conftest import STEP, frame, square

LAYERS = ("reviewed", "rejected", "unmatched", "removed")


def review(tmp_path, detections, decisions) -> dict[str, gpd.GeoDataFrame]:
    if isinstance(decisions, gpd.GeoDataFrame):
        decisions.to_file(tmp_path / "decisions.geojson", driver="GeoJSON")
        decisions = tmp_path / "decisions.geojson"
    apply_review(detections, tmp_path / "reviewed.gpkg", decisions and [decisions])
    return {layer: read_polygons(tmp_path / "reviewed.gpkg", layer) for layer in LAYERS}


def status_of(layers):
    return dict(zip(layers["reviewed"]["detection"], layers["reviewed"]["status"], strict=True))


def test_without_decisions_all_are_pending(detections, tmp_path):
    layers = review(tmp_path, detections([square(0), square(1)]), None)
    assert status_of(layers) == {"d00000": "pending", "d00001": "pending"}
    assert all(layers[name].empty for name in LAYERS[1:])


def test_each_status_by_geometry_whatever_the_ids_say(detections, tmp_path):
    drawn = square(2, side=0.7)
    decisions = frame(
        [square(1), square(0), drawn, square(3)],
        detection=["d00000", "d00001", "x", None],  # ids of another run
        status=["rejected", "accepted", "Edited", "pending"],
        upslope_connection=["", "talus", "Glacier forefield", None],
    )
    layers = review(tmp_path, detections([square(0), square(1), square(2), square(3)]), decisions)
    assert status_of(layers) == {"d00000": "accepted", "d00002": "edited", "d00003": "pending"}
    assert list(layers["rejected"]["detection"]) == ["d00001"]
    edited = layers["reviewed"].set_index("detection").loc["d00002"]
    assert edited.geometry.equals(drawn)
    assert edited["upslope_connection"] == "glacier_forefield"
    assert layers["unmatched"].empty
    assert edited["area_m2"] == pytest.approx((0.7 * STEP * 111_000) ** 2 * 0.81, rel=0.02)


def test_decisions_outlive_retraining(detections, tmp_path):
    source = detections([square(0), square(1), square(2), square(4)])
    review_sheet(source, tmp_path / "review.gpkg")
    sheet = read_polygons(tmp_path / "review.gpkg", "review").sort_values("detection").reset_index(drop=True)
    sheet["status"] = ["accepted", "edited", "rejected", "pending"]
    drawn = square(1, side=0.6)
    sheet.loc[1, "geometry"] = drawn
    write_layers(tmp_path / "resources.gpkg", {"review": sheet, "removed": sheet.iloc[:0]})

    moved = [shapely.affinity.translate(square(n), STEP / 10, STEP / 10) for n in (4, 2, 1, 0)]  # other order, new ids
    layers = review(tmp_path, detections(moved, "retrained.gpkg"), tmp_path / "resources.gpkg")
    assert status_of(layers) == {"d00000": "pending", "d00002": "edited", "d00003": "accepted"}
    reviewed = layers["reviewed"].set_index("detection")
    assert reviewed.loc["d00002"].geometry.equals(drawn)
    assert reviewed.loc["d00003"].geometry.equals(square(0)), "the outline that the person accepted"
    assert list(layers["rejected"]["detection"]) == ["d00001"]


def test_what_fits_no_detection_is_listed_and_drawn_outlines_stand(detections, tmp_path):
    decisions = frame(
        [square(1), square(2), square(3), square(4)],
        detection=["d1", "d2", "d3", None],
        status=["accepted", "edited", "rejected", "accepted"],
    )
    layers = review(tmp_path, detections([square(0)]), decisions)
    assert sorted(layers["reviewed"]["status"]) == ["accepted", "accepted", "edited", "pending"]
    assert list(layers["unmatched"]["decision"].isna()) == [False, False, False, True]
    assert list(layers["unmatched"]["kept"]) == [1, 1, 0, 1]
    assert layers["unmatched"]["reason"].str.contains("no detection fits").all()


def test_a_place_rejected_once_stays_rejected_in_pieces(detections, tmp_path):
    pieces = [square(0, side=0.3), shapely.affinity.translate(square(0, side=0.3), STEP / 2, STEP / 2)]
    layers = review(tmp_path, detections(pieces), frame([square(0)], detection=["d"], status=["rejected"]))
    assert layers["reviewed"].empty
    assert len(layers["rejected"]) == 2


def test_a_rejected_blob_over_a_whole_valley_says_nothing_of_the_landforms_in_it(detections, tmp_path):
    """A first model that maps everything as one body is rejected; what the next one finds there is still to be looked at."""
    valley = shapely.union_all([square(0), square(30)]).envelope.buffer(STEP)
    layers = review(tmp_path, detections([square(3), square(7)]), frame([valley], detection=["d"], status=["rejected"]))
    assert status_of(layers) == {"d00000": "pending", "d00001": "pending"}
    assert layers["rejected"].empty


def test_detections_inside_a_drawn_outline_are_not_counted_again(detections, tmp_path):
    both = shapely.union_all([square(0), square(1)]).convex_hull
    layers = review(tmp_path, detections([square(0), square(1)]), frame([both], detection=["d"], status=["edited"]))
    assert len(layers["reviewed"]) == 1
    assert layers["reviewed"].geometry.iloc[0].equals(both)
    assert list(layers["removed"]["reason"]) == ["lies inside an outline that a person accepted or drew"]


def test_an_outline_cut_down_by_a_person_replaces_its_detection(detections, tmp_path):
    small = square(0, side=0.3)
    layers = review(tmp_path, detections([square(0)]), frame([small], detection=["d"], status=["edited"]))
    assert status_of(layers) == {"d00000": "edited"}
    assert layers["reviewed"].geometry.iloc[0].equals(small)


def test_the_sheet_remembers_what_was_shown(detections, tmp_path):
    """An edit that leaves the detection's ground altogether still belongs to it."""
    decisions = frame([square(1)], detection=["d"], status=["edited"], seen=[square(0).wkt])
    layers = review(tmp_path, detections([square(0)]), decisions)
    assert status_of(layers) == {"d00000": "edited"}
    assert layers["unmatched"].empty


def test_decisions_in_another_crs(detections, tmp_path):
    decisions = frame([square(0)], detection=["d"], status=["accepted"]).to_crs(32644)
    write_layers(tmp_path / "utm.gpkg", {"anything": decisions})
    assert status_of(review(tmp_path, detections([square(0)]), tmp_path / "utm.gpkg")) == {"d00000": "accepted"}


def test_retraining_may_find_nothing(detections, tmp_path):
    layers = review(tmp_path, detections([]), frame([square(0)], detection=["d"], status=["accepted"]))
    assert status_of(layers) == {"drawn_00001": "accepted"}, "what a person accepted is not lost"
    assert len(layers["unmatched"]) == 1


def test_same_bytes_twice(detections, tmp_path):
    source = detections([square(0), square(1)])
    decisions = frame([square(0), square(2)], detection=["a", "b"], status=["rejected", "edited"])
    review(tmp_path, source, decisions)
    before = (tmp_path / "reviewed.gpkg").read_bytes()
    review(tmp_path, source, decisions)
    assert (tmp_path / "reviewed.gpkg").read_bytes() == before


BOW_TIE = Polygon([(80, 36), (80.002, 36.002), (80.002, 36), (80, 36.002)])


@pytest.mark.parametrize(
    ("decisions", "message"),
    [
        (frame([square(0)], detection=["d"], status=["perhaps"]), "'perhaps', which is not one of pending"),
        (frame([square(0)], detection=["d"], verdict=["accepted"]), "no field status"),
        (frame([square(900)], detection=["d"], status=["accepted"]), "not one is within 5 km"),
        (frame([BOW_TIE], detection=["d"], status=["edited"]), "feature 0 is not a valid polygon"),
        (frame([square(0)] * 2, detection=["d", "d"], status=["accepted", "rejected"]), "same outline"),
        (frame([square(0)], status=["accepted"], activity=["sleepy"]), "field activity: feature 0"),
        (frame([Point(80, 36)], status=["accepted"]), "must hold polygons"),
        (frame([None], status=["accepted"]), "must hold polygons|no outline|without geometry"),
    ],
)
def test_bad_decisions_are_one_paragraph_and_nothing_is_written(detections, tmp_path, decisions, message):
    with pytest.raises(UserError, match=message):
        review(tmp_path, detections([square(0)]), decisions)
    assert not (tmp_path / "reviewed.gpkg").exists()


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_decisions_without_crs(detections, tmp_path):
    frame([square(0)], status=["accepted"]).set_crs(None, allow_override=True).to_file(tmp_path / "said.shp")
    with pytest.raises(UserError, match="no coordinate reference system"):
        review(tmp_path, detections([square(0)]), tmp_path / "said.shp")


def test_decisions_table_without_geometry(detections, tmp_path):
    (tmp_path / "said.csv").write_text("detection,status\nd00000,accepted\n")
    with pytest.raises(UserError):
        review(tmp_path, detections([square(0)]), tmp_path / "said.csv")


def test_every_layer_of_the_result_is_readable_when_empty(detections, tmp_path):
    review(tmp_path, detections([]), None)
    assert {"reason", "status"} <= set(read_layer(tmp_path / "reviewed.gpkg", "unmatched").columns)


def test_words_about_a_pending_detection_are_its_own(detections, tmp_path):
    said = {
        "status": ["pending"] * 4 + [None],
        "upslope_connection": ["talus", None, None, None, None],
        "kinematics": [None, "dm_to_m", None, None, None],
        "outline_type": [None, None, "Restricted", None, None],
        "remark": [None, None, None, "look again", "far away"],
        "detection": [f"d0000{n}" for n in range(5)],
        "reviewer": ["A"] * 5,
    }
    decisions = frame([square(n) for n in (0, 1, 2, 3, 7)], **said)
    layers = review(tmp_path, detections([square(n) for n in range(5)]), decisions)
    reviewed = layers["reviewed"].set_index("detection")
    assert set(reviewed["status"]) == {"pending"}
    assert reviewed.loc["d00000", "upslope_connection"] == "talus"
    assert reviewed.loc["d00001", "kinematics"] == "dm_to_m"
    assert reviewed.loc["d00002", "outline_type"] == "Restricted"
    assert reviewed.loc["d00003", ["remark", "reviewer"]].tolist() == ["look again", "A"]
    assert reviewed["reviewer"].isna().tolist() == [False] * 4 + [True]
    (lost,) = layers["unmatched"].itertuples()
    assert (lost.remark, lost.kept) == ("far away", 0)
    review_sheet(tmp_path / "detections.gpkg", tmp_path / "sheet.gpkg", reviewed=tmp_path / "reviewed.gpkg")
    sheet = read_polygons(tmp_path / "sheet.gpkg", "review")
    assert sheet["remark"].dropna().tolist() == ["look again", "far away"], "the next sheet has the words too"


def test_words_about_what_a_decision_swallows_are_listed(detections, tmp_path):
    small = shapely.affinity.scale(square(0), 0.3, 0.3)
    decisions = frame(
        [square(0, side=0.95), small, square(3), shapely.affinity.scale(square(3), 0.5, 0.5)],
        status=["edited", "pending", "rejected", "pending"],
        remark=[None, "a part", None, "a lake"],
    )
    source = detections([square(0), small, square(3), shapely.affinity.scale(square(3), 0.5, 0.5)])
    layers = review(tmp_path, source, decisions)
    assert list(layers["removed"]["remark"]) == ["a part"]
    assert [(row.remark, row.kept) for row in layers["unmatched"].itertuples()] == [("a part", 0)]
    assert sorted(layers["rejected"]["remark"].dropna()) == ["lies on rejected ground; a lake"]


def test_a_pending_outline_without_a_shape_says_nothing_in_silence(detections, tmp_path):
    decisions = frame([square(0), None], status=["accepted", "pending"], remark=[None, "where is it?"])
    with pytest.raises(UserError, match="feature 1 has no outline"):
        review(tmp_path, detections([square(0)]), decisions)


def test_an_outline_that_was_drawn_without_a_status_counts_as_edited(detections, tmp_path):
    drawn = square(1, side=0.7)
    decisions = frame(
        [drawn, square(4), square(2), square(0)],
        status=["pending", None, None, "pending"],
        detection=["d00001", None, "d00002", "d00000"],
        seen=[square(1).wkt, None, square(2).wkt, square(0).wkt],
    )
    layers = review(tmp_path, detections([square(0), square(1), square(2)]), decisions)
    assert status_of(layers) == {"d00000": "pending", "d00001": "edited", "d00002": "pending", "drawn_00001": "edited"}
    assert len(confirmed_outlines([tmp_path / "decisions.geojson"])) == 2, "labels and mining read it alike"


def test_names_of_fields_in_capitals(detections, tmp_path):
    decisions = frame([square(0)], STATUS=["accepted"], UPSLOPE_CONNECTION=["talus"], Remark=["R"])
    layers = review(tmp_path, detections([square(0)]), decisions)
    assert layers["reviewed"].loc[0, ["status", "upslope_connection", "remark"]].tolist() == ["accepted", "talus", "R"]
