"""Scores by pixels and polygons, the cases and their styles, on all mapped ground and on unseen ground."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from xml.etree.ElementTree import fromstring

import geopandas as gpd
import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.io.decisions import decided_view
from lobate.io.raster import CogWriter
from lobate.io.vector import read_layer
from lobate.mapping.filter_detections import filter_detections
from lobate.mapping.merge_detections import merge_detections
from lobate.mapping.pixel_scores import PixelLayers, pixel_counts
from lobate.mapping.score import UNMATCHED_STYLES, score
from lobate.mapping.valid_area import ValidArea
from lobate.mapping.vectorize import vectorize
from lobate.settings.mapping import Filter, Merge, ReferenceFile, Vectorize

NONE = np.array([], dtype=object)
X, Y = 500_000.0, 4_000_000.0


def square(x, y, side=200.0):
    """A square whose top left corner is ``x`` east and ``y`` south of the tile's."""
    return shapely.box(X + x, Y - y - side, X + x + side, Y - y)


def text(values):
    return np.array(values, dtype=object)


def review(workshop, kept, decided):
    """The view of decisions: pairs of a status and a detection's number, or an outline drawn."""
    shapes = [
        workshop.lonlat(drawn).geometry.iloc[0] if drawn else kept.to_crs(4326).geometry.iloc[number]
        for _, number, *drawn in decided
    ]
    frame = gpd.GeoDataFrame({"status": text([status for status, *_ in decided])}, geometry=shapes, crs=4326)
    decided_view(workshop.layers("decisions.gpkg", review=frame), workshop.folder / "view.gpkg")
    return [workshop.folder / "view.gpkg"]


@pytest.fixture
def scored(workshop):
    """Score detections against a reference on one tile of 1 km; returns scores.json and the layers of cases."""

    def run(
        found,
        there,
        known=(),
        *,
        trained=(),
        validating=(),
        mined=None,
        own_reference=True,
        declared=True,
        decided=(),
        areas=None,
        removed=(),
        fields=None,
        values=0,
        grid=None,
    ):
        found, there, known, trained = map(list, (found, there, known, trained))
        names = text([f"d{n:05d}" for n in range(1, len(found) + 1)])
        kept = workshop.lonlat(found, detection=names, mean=np.full(len(found), 0.8))
        labels = workshop.lonlat(known, polygon=text([f"k{n}" for n in range(len(known))]))
        labels["class"] = text(["positive"] * len(known))
        gone = workshop.lonlat(list(removed), polygon=text([f"r{n}" for n in range(len(removed))]))
        gone["class"] = text(["positive"] * len(gone))
        polygons = workshop.layers("polygons.gpkg", kept=labels, removed=gone)
        truth = workshop.lonlat(there, name=text([f"t{n}" for n in range(len(there))]), **(fields or {}))
        sides = text(["training"] * len(trained) + ["validation"] * len(validating))
        split = workshop.layers("split.gpkg", split=workshop.lonlat([*trained, *validating], side=sides))
        target, cases = workshop.folder / "scores.json", workshop.folder / "cases.gpkg"
        score(
            workshop.layers("detections.gpkg", kept=kept),
            workshop.layers("truth.gpkg", truth=truth) if own_reference else polygons,
            [workshop.probability("T", grid or workshop.grid(X, Y, 100, 100), values)],
            split,
            polygons,
            target,
            cases,
            None if mined is None else workshop.layers("mined.gpkg", patches=workshop.lonlat(mined)),
            review(workshop, kept, decided) if decided else None,
            None if areas is None else workshop.layers("areas.gpkg", areas=workshop.lonlat(areas)),
            reference_file=ReferenceFile(path="truth.gpkg", id_field="name", complete=declared)
            if own_reference
            else None,
            match_iou=0.5,
            landform="rock glacier",
        )
        layers = {name: read_layer(cases, name) for name in ("hits", "misses", "unmatched")}
        return json.loads(target.read_text()), layers

    return run


def test_an_inventory_against_itself_scores_one(scored):
    outlines = [square(100, 100), square(500, 300, 130), square(850, 850, 150)]
    scores, layers = scored(outlines, [], outlines, own_reference=False)
    for part in (scores, scores["unseen"]):
        assert part["pixels"]["iou"] == 1
        assert part["polygons"]["f1"] == part["polygons"]["mean_f1"] == 1
    assert {name: len(layer) for name, layer in layers.items()} == {"hits": 3, "misses": 0, "unmatched": 0}
    assert scores["account"]["known"] == 3
    assert scores["account"]["new"] == 0


def test_hits_misses_and_unmatched_are_told_and_shown(scored):
    found = [square(100, 100), square(500, 500), square(120, 600, 100)]
    there = [square(120, 100), square(700, 100), square(520, 640)]
    scores, layers = scored(found, there, [square(110, 110)])
    polygons = scores["polygons"]
    assert (polygons["detections"], polygons["right"], polygons["references"], polygons["found"]) == (3, 1, 3, 1)
    assert polygons["precision"] == polygons["recall"] == polygons["f1"] == pytest.approx(1 / 3, abs=1e-5)
    assert layers["hits"][["detection", "reference", "iou"]].to_numpy().tolist() == [["d00001", "t0", 0.8182]]
    assert layers["misses"]["reference"].tolist() == ["t1", "t2"]
    assert layers["misses"]["best_iou"].tolist() == [0, pytest.approx(0.156, abs=1e-3)]
    assert layers["unmatched"]["status"].tolist() == ["wrong", "wrong"], "one of them is a bad outline"
    account = scores["account"]
    assert (account["known"], account["new"], account["wrong"], account["unknown"]) == (1, 1, 1, 0)
    assert scores["pixels"]["true_positive"] == 18 * 20 + 18 * 6


def test_the_cases_bring_their_looks_made_of_columns_that_they_have(workshop, scored):
    _, layers = scored([square(100, 100), square(500, 500)], [square(120, 100), square(700, 100)])
    with closing(sqlite3.connect(workshop.folder / "cases.gpkg")) as package:
        styles = dict(
            package.execute('SELECT f_table_name, "styleQML" FROM layer_styles WHERE "useAsDefault"').fetchall()
        )
    assert set(styles) == set(layers)
    for name, qml in styles.items():
        style = fromstring(qml)
        texts = [
            style.findtext("mapTip"),
            style.find("renderer-v2").get("attr") or "",
            style.find(".//text-style").get("fieldName"),
        ]
        fields = set(re.findall(r'"(\w+)"', " ".join(texts)))
        assert fields and fields <= set(layers[name].columns), name
    assert {look.value for look in UNMATCHED_STYLES} >= {"wrong", "right", "left out"}


def test_the_same_score_is_the_same_bytes(workshop, scored):
    written = []
    for _ in range(2):
        scored([square(100, 100)], [square(120, 100)])
        written.append((workshop.folder / "cases.gpkg").read_bytes())
    assert written[0] == written[1]


def test_unseen_ground_is_told_apart(scored):
    found = [square(100, 100), square(700, 700)]
    there = [square(100, 100), square(500, 100), square(720, 700)]
    scores, layers = scored(found, there, trained=[square(0, 0, 400)])
    unseen = scores["unseen"]["polygons"]
    assert (unseen["detections"], unseen["right"], unseen["references"], unseen["found"]) == (1, 1, 2, 1)
    assert scores["unseen"]["pixels"]["true_positive"] == 18 * 20
    assert scores["pixels"]["true_positive"] == 18 * 20 + 400
    assert layers["hits"]["unseen"].tolist() == [False, True]


def test_ground_of_mined_negatives_was_seen_too(scored):
    found = [square(100, 100), square(700, 700), square(400, 400)]
    scores, layers = scored(found, found, trained=[square(0, 0, 350)], mined=[square(620, 620, 370)])
    assert scores["unseen"]["polygons"]["detections"] == 1
    assert scores["unseen"]["pixels"]["true_positive"] == 400
    assert scores["unseen"]["what"] == "outside all training and validation patches, mined negatives included"
    assert layers["hits"]["unseen"].tolist() == [False, False, True]
    assert scored(found, found, mined=[])[0]["unseen"]["polygons"]["detections"] == 3


def test_coarse_pixels_and_81_of_them_are_scored(workshop, scored):
    """Pixels of 120 m, nine by nine: shares of pixels whose centres the outlines cover."""
    scores, _ = scored([square(0, 0, 360)], [square(0, 0, 480)], grid=workshop.grid(X, Y, 9, 9, pixel=120))
    assert (scores["pixels"]["true_positive"], scores["pixels"]["false_negative"]) == (9, 7)
    assert scores["pixels"]["true_negative"] == 65
    assert scores["polygons"]["thresholds"]["0.5"]["f1"] == 1
    assert scores["polygons"]["thresholds"]["0.6"]["f1"] == 0


def test_reference_outside_the_mapped_area_is_left_out_and_counted(scored):
    values = np.zeros((100, 100), dtype="uint8")
    values[:, 80:] = 255
    inside, across, on_nodata, far = square(100, 100), square(700, 100), square(820, 500, 100), square(5000, 0)
    clipped = shapely.box(X + 700, Y - 300, X + 800, Y - 100)
    scores, layers = scored([inside, clipped], [inside, across, on_nodata, far], values=values)
    counts = scores["reference"]
    assert (counts["outlines"], counts["outside_mapped_area"], counts["clipped_to_mapped_area"], counts["scored"]) == (
        4,
        2,
        1,
        2,
    )
    assert counts["what"] == "truth.gpkg"
    assert scores["polygons"]["recall"] == 1
    assert layers["hits"]["iou"].tolist() == [1, 1]
    assert scores["mapped_km2"] == pytest.approx(0.8, rel=2e-3)


def test_nothing_detected_finds_nothing(scored):
    scores, layers = scored([], [square(100, 100)])
    assert scores["pixels"]["iou"] == 0
    assert (scores["polygons"]["precision"], scores["polygons"]["recall"], scores["polygons"]["f1"]) == (None, 0, 0)
    assert len(layers["misses"]) == 1
    assert {"detection", "status", "best_iou"} <= set(layers["unmatched"].columns)


def test_a_reference_of_another_place_is_a_mistake(scored):
    with pytest.raises(UserError, match="None of the 1 reference outlines"):
        scored([square(100, 100)], [square(50_000, 0)])


def test_without_a_complete_reference_the_rest_is_unknown(scored):
    found, known = [square(100, 100), square(700, 700), square(400, 100)], [square(100, 100)]
    for scores, _ in (
        scored(found, [], known, own_reference=False),
        scored(found, known, known, declared=False),
    ):
        account, polygons, pixels = scores["account"], scores["polygons"], scores["pixels"]
        assert (account["known"], account["unknown"], account["wrong"]) == (1, 2, 0)
        assert (polygons["precision"], polygons["precision_if_unknown_right"]) == (0.333333, 1)
        assert (pixels["precision"], pixels["precision_if_unknown_right"]) == (0.333333, 1)
        assert polygons["f1"] == 0.5, "the unknown count as wrong"
        assert scores["reference"]["complete"] == "nowhere declared"
    assert "given to training" in scored(found, [], known, own_reference=False)[0]["reference"]["what"]


def test_decisions_bring_both_ends_together(scored):
    """Of three detections beside the known one, two are real: the ends meet at the truth."""
    known, real, real_too, no_landform = square(100, 100), square(400, 100), square(700, 100), square(700, 700)
    found = [known, real, real_too, no_landform]
    decided = [("accepted", 1), ("edited", 2, square(700, 120)), ("rejected", 3)]
    scores, layers = scored(found, [], [known], own_reference=False, decided=decided)
    polygons, pixels = scores["polygons"], scores["pixels"]
    assert polygons["precision"] == polygons["precision_if_unknown_right"] == 0.75
    assert polygons["unknown"] == 0
    account = scores["account"]
    assert (account["known"], account["new"], account["wrong"], account["unknown"]) == (1, 2, 1, 0)
    assert sorted(layers["unmatched"]["status"]) == ["right", "right", "wrong"]
    assert pixels["true_positive"] == 400 + 18 * 20, "what a person drew or mended"
    assert pixels["left_out"] == 400, "an accepted outline would be compared with itself"
    assert pixels["precision"] == pixels["precision_if_unknown_right"]


def test_decisions_are_about_what_they_share_most_with(scored):
    big, part, apart = square(100, 100, 400), square(550, 100, 60), square(800, 800, 100)
    joined = shapely.union_all([big, part]).convex_hull
    account = scored(
        [big, part, apart], [], [square(0, 900, 50)], own_reference=False, decided=[("edited", 0, joined)]
    )[0]
    assert (account["polygons"]["right"], account["polygons"]["left_out"], account["polygons"]["unknown"]) == (1, 1, 1)
    blob = square(50, 50, 900)
    scores, _ = scored([big, part], [], [square(0, 900, 50)], own_reference=False, decided=[("rejected", 0, blob)])
    assert (scores["polygons"]["wrong"], scores["polygons"]["unknown"]) == (1, 1), (
        "a small part of a blob is not judged"
    )
    both = [("rejected", 0), ("accepted", 0)]
    scores, _ = scored([big], [], [square(0, 900, 50)], own_reference=False, decided=both)
    assert scores["polygons"]["unknown"] == 1, "two people disagree"


def test_inside_completely_mapped_ground_what_matches_nothing_is_wrong(scored):
    found, known = [square(100, 100), square(400, 100), square(700, 700)], [square(100, 100)]
    scores, _ = scored(found, [], known, own_reference=False, areas=[square(0, 0, 650)])
    assert (scores["polygons"]["wrong"], scores["polygons"]["unknown"]) == (1, 1)
    assert scores["reference"]["complete"] == "inside labels.complete"


def test_a_bad_outline_of_a_known_landform_is_wrong_and_not_unknown(scored):
    scores, _ = scored([square(100, 100)], [square(220, 220)], declared=False)
    assert (scores["polygons"]["wrong"], scores["polygons"]["unknown"]) == (1, 0)


def test_removed_ground_is_neither_right_nor_wrong(scored):
    found, known = [square(100, 100), square(700, 700)], [square(100, 100)]
    scores, layers = scored(found, known, known, removed=[square(700, 700), square(100, 100)])
    assert (scores["polygons"]["detections"], scores["polygons"]["left_out"], scores["polygons"]["precision"]) == (
        1,
        1,
        1,
    )
    assert (scores["pixels"]["false_positive"], scores["pixels"]["left_out"]) == (0, 400)
    assert layers["unmatched"]["status"].tolist() == ["left out"]


def test_a_detection_that_covers_a_small_removed_outline_is_judged(scored):
    scores, _ = scored([square(100, 100, 400)], [square(600, 600)], removed=[square(150, 150, 30)])
    assert (scores["polygons"]["wrong"], scores["polygons"]["left_out"]) == (1, 0)


def test_validation_ground_is_not_unseen(scored):
    found = [square(100, 100), square(700, 700)]
    scores, _ = scored(found, found, validating=[square(0, 0, 400)])
    assert scores["unseen"]["polygons"]["detections"] == 1


def test_recall_by_size_and_by_what_the_reference_says(scored):
    there = [square(0, 0, 150), square(300, 0), square(600, 0, 350)]
    scores, _ = scored(there[1:], there, fields={"activity": text(["active", "relict", "active"])})
    recall = scores["polygons"]["recall_by_class"]
    assert {name: row["recall"] for name, row in recall["area_km2"].items()} == {
        "0 to 0.03": 0, "0.03 to 0.1": 1, "0.1 to 0.3": 1,
    }  # fmt: skip
    assert recall["activity"]["active"] == {"references": 2, "found": 1, "recall": 0.5}


def test_a_map_of_landform_everywhere_stands_beside_the_iou(scored):
    scores, _ = scored([square(100, 100)], [square(100, 100)])
    assert scores["pixels"]["iou_all_landform"] == pytest.approx(400 / 10_000)


def test_intervals_from_five_blocks_on(workshop, scored):
    """A tile of 15 km has nine blocks of 5 km; each holds a landform, and the map finds parts of different size."""
    there = [square(1000 + 5000 * x, 1000 + 5000 * y, 1200) for x in range(3) for y in range(3)]
    found = [square(1000 + 5000 * x, 1000 + 5000 * y, 600 + 60 * (x + 3 * y)) for x in range(3) for y in range(3)]
    scores, _ = scored(found, there, grid=workshop.grid(X, Y, 1500, 1500))
    interval = scores["pixels"]["intervals"]["iou"]
    assert interval["blocks"] == 9
    assert 0 < interval["low"] < scores["pixels"]["iou"] < interval["high"] < 1
    few, _ = scored([square(100, 100)], [square(100, 120)])
    assert few["pixels"]["intervals"]["iou"]["blocks"] == len(few["pixels"]["intervals"]["iou"]["values"]) == 1


def test_two_band_maps_of_coarse_pixels_go_all_the_way(workshop):
    """Two tiles of 81 px of 120 m in two zones with a spread: outlined, merged, filtered and scored."""
    body = workshop.lonlat([shapely.box(X + 290_000, Y, X + 290_700, Y + 400)])
    tiles, detections, maps = ["A", "B"], [], []
    for name, epsg, columns in (("A", 32644, slice(0, 6)), ("B", 32645, slice(3, 9))):
        left, top = body.to_crs(epsg).total_bounds[[0, 3]]
        grid = workshop.grid(left - 360, top + 240, 9, 9, pixel=120, epsg=epsg)
        burned = rasterio.features.rasterize(body.to_crs(epsg).geometry, out_shape=(9, 9), transform=grid.transform)
        values = np.stack([np.where(burned, 200, 20), np.full((9, 9), 51)]).astype("uint8")
        hidden = np.ones(9, dtype=bool)
        hidden[columns] = False
        values[:, :, hidden] = 255
        maps.append(workshop.folder / f"{name}.tif")
        detections.append(workshop.folder / f"{name}.gpkg")
        with CogWriter(maps[-1], grid, count=2, nodata=255) as writer:
            writer.write(values, 0)
        vectorize(maps[-1], detections[-1], tile=name, vectorize_settings=Vectorize(threshold=0.5))
    merged, kept, scores, cases = (workshop.folder / name for name in ("m.gpkg", "k.gpkg", "s.json", "c.gpkg"))
    merge_detections(detections, maps, merged, tiles=tiles, merge=Merge())
    filter_detections(merged, kept, filter_settings=Filter(simplify_m=20))
    (row,) = read_layer(kept, "kept").to_dict("records")
    assert (row["tiles"], row["touches_nodata"], row["spread"]) == ("A,B", True, pytest.approx(51 / 254, abs=1e-4))
    nothing = body.iloc[:0].assign(polygon=[], side=[], **{"class": []})
    labels = workshop.layers("polygons.gpkg", kept=nothing, removed=nothing)
    split, truth = workshop.layers("split.gpkg", split=nothing), workshop.layers("truth.gpkg", truth=body)
    settings = {
        "reference_file": ReferenceFile(path="truth.gpkg", complete=True),
        "match_iou": 0.5,
        "landform": "rock glacier",
    }
    score(kept, truth, maps, split, labels, scores, cases, **settings)
    counts = json.loads(scores.read_text())
    assert counts["polygons"]["f1"] == 1
    assert counts["pixels"]["iou"] > 0.7


def count(areas, detected=NONE, reference=NONE, trained=NONE, left_out=NONE, unknown=NONE):
    """The counts of pixels by layers of outlines."""
    return pixel_counts(areas, PixelLayers(trained, reference, detected, left_out, unknown))


def confusion(counts, unseen=False):
    """The confusion matrix, in pixels."""
    scores = counts.scores(unseen=unseen)
    return {name: scores[name] for name in ("true_positive", "false_positive", "false_negative", "true_negative")}


def lonlat(workshop, *boxes):
    plain = [shapely.box(X + left, Y - bottom, X + right, Y - top) for left, top, right, bottom in boxes]
    return np.asarray(workshop.lonlat(plain).geometry.values, dtype=object)


def test_pixels_are_counted_by_what_covers_them(workshop):
    ground = ValidArea.of(workshop.probability("T", workshop.grid(X, Y, 100, 100)))
    found, there = lonlat(workshop, (100, 100, 300, 200)), lonlat(workshop, (200, 100, 400, 200))
    trained = lonlat(workshop, (0, 0, 250, 1000))
    result = count([ground], found, there, trained)
    assert confusion(result) == {
        "true_positive": 100,
        "false_positive": 100,
        "false_negative": 100,
        "true_negative": 9700,
    }
    assert confusion(result, unseen=True) == {
        "true_positive": 50,
        "false_positive": 0,
        "false_negative": 100,
        "true_negative": 7350,
    }
    assert abs(result.mapped_km2 - 1) < 2e-3


def test_nodata_is_not_mapped(workshop):
    values = np.zeros((100, 100), dtype="uint8")
    values[:, :50] = 255
    ground = ValidArea.of(workshop.probability("T", workshop.grid(X, Y, 100, 100), values))
    result = count([ground], lonlat(workshop, (0, 0, 1000, 1000)))
    assert confusion(result)["false_positive"] == result.counts.sum() == 5000


def test_shared_ground_counts_once_in_the_first_tile_that_sees_it(workshop):
    values = np.zeros((100, 100), dtype="uint8")
    values[:, 90:] = 255
    first = ValidArea.of(workshop.probability("A", workshop.grid(X, Y, 100, 100), values))
    second = ValidArea.of(workshop.probability("B", workshop.grid(X + 800, Y, 100, 100)))
    result = count([first, second], lonlat(workshop, (0, 0, 1800, 1000)))
    assert result.counts.sum() == 9_000 + 9_000
    assert count([second, first]).counts.sum() == 10_000 + 8_000


def test_tiles_of_two_zones_share_ground_too(workshop):
    """The same ground twice, in zones 44 and 43: what the second adds is at most its rim."""
    grid = workshop.grid(X - 200_000, Y, 100, 100)
    first = ValidArea.of(workshop.probability("A", grid))
    x0, y0, x1, y1 = workshop.lonlat([grid.footprint]).to_crs(32643).total_bounds
    other = workshop.grid(x0, y1, int((y1 - y0) / 10), int((x1 - x0) / 10), epsg=32643)
    second = ValidArea.of(workshop.probability("B", other))
    added = count([first, second]).counts.sum() - 10_000
    outside = second.footprint.difference(first.footprint).area / second.footprint.area * other.height * other.width
    assert abs(added - outside) < 60


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 39)] * 2, *[st.integers(1, 20)] * 2), min_size=1, max_size=5))
def test_outlines_against_themselves_are_all_true(workshop_in, tmp_path_factory, boxes):
    workshop = workshop_in(tmp_path_factory.mktemp("pixels"))
    ground = ValidArea.of(workshop.probability("T", workshop.grid(X, Y, 60, 60)))
    outlines = lonlat(workshop, *[(10 * x, 10 * y, 10 * (x + w), 10 * (y + h)) for x, y, w, h in boxes])
    table = confusion(count([ground], outlines, outlines))
    expected = np.zeros((60, 60), dtype=bool)
    for x, y, w, h in boxes:
        expected[y : y + h, x : x + w] = True
    assert (table["true_positive"], table["true_negative"]) == (expected.sum(), (~expected).sum())
