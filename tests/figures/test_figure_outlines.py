"""Examples of outlines: picked by rule, overridden by name, legible, and honest where there are none."""

from __future__ import annotations

import geopandas as gpd
import pytest
from rasterio.crs import CRS
from shapely.affinity import translate
from shapely.geometry import Point

from lobate.errors import UserError
from lobate.figures.examples import ResultLayers, iou_with, pick_examples
from lobate.figures.figure_outlines import figure_outlines
from lobate.io.vector import write_layers
from lobate.settings.figures import Figures

from .conftest import make_image
from .tables import of_a_model

DRAWN = [Point(500_800 + 900 * n, 3_999_000).buffer(200) for n in range(5)]
SHIFTS = [10, 60, 150, 30, 80]


def frame(shapes, **columns):
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=32644).to_crs(4326)


@pytest.fixture
def results() -> ResultLayers:
    """Five drawn outlines (0 to 2 train, 3 and 4 validate), each mapped with a shift; d5 and d6 are new."""
    mapped = [translate(outline, shift) for outline, shift in zip(DRAWN, SHIFTS, strict=True)]
    mapped += [Point(501_500, 3_996_500).buffer(250), Point(503_500, 3_996_500).buffer(300)]
    names = [f"d{n}" for n in range(7)]
    split = frame(
        [outline.buffer(300) for outline in (*DRAWN, DRAWN[0])],
        polygon=["p0", "p1", "p2", "p3", "p4", "n0"],
        side=["training"] * 3 + ["validation"] * 2 + ["validation"],
        **{"class": ["positive"] * 5 + ["negative"]},
    )
    reviewed = frame(
        mapped[:6],
        detection=names[:6],
        status=["accepted"] * 4 + ["edited", "pending"],
        confidence=[0.9, 0.8, 0.7, 0.6, None, 0.5],
    )
    reviewed.loc[4, "geometry"] = frame([DRAWN[4]]).geometry.iloc[0]
    return ResultLayers(
        split=split,
        polygons=frame(DRAWN, polygon=[f"p{n}" for n in range(5)], **{"class": ["positive"] * 5}),
        detections=frame(mapped, detection=names),
        reviewed=reviewed,
        rejected=frame(mapped[6:], detection=["d6"], confidence=[0.99]),
        inventory=frame(mapped[5:6], method=["deep learning"], sources=["reviewed:d5"]),
    )


def test_iou_of_shifted_discs():
    disc = frame([Point(500_000, 4_000_000).buffer(100)]).geometry
    assert iou_with(disc, disc) == pytest.approx([1])
    assert iou_with(disc, disc.iloc[:0]) == pytest.approx([0])


def test_the_typical_outline_of_each_side_is_shown(results):
    training, validation, new, mended = pick_examples(results, {})
    assert training.facts.startswith("p1: IoU 0.6") and "median" in training.facts  # shifts 10, 60, 150: 60 is typical
    assert validation.facts.startswith("p3")
    assert new.facts == "d5: pending, mean probability 0.50"
    assert mended.facts.startswith("d4: IoU before and after 0.6")
    assert set(mended.outlines) == {"mapped", "mended"}


def test_examples_may_be_named(results):
    shown = pick_examples(results, {"training": "p2", "new": "d0"})
    assert shown[0].facts.startswith("p2: IoU 0.")
    assert shown[2].facts.startswith("d0: accepted")
    with pytest.raises(UserError, match=r"figures\.examples\.new names d77"):
        pick_examples(results, {"new": "d77"})


def test_without_review_the_wrong_or_nothing_is_shown(results):
    untouched = results.reviewed.assign(status="pending")
    wrong = pick_examples(ResultLayers(**{**vars(results), "reviewed": untouched}), {})[3]
    assert (wrong.title, wrong.facts) == ("wrong", "d6: rejected, mean probability 0.99")
    nothing = ResultLayers(**{**vars(results), "reviewed": untouched, "rejected": results.rejected.iloc[:0]})
    doubtful = pick_examples(nothing, {})[3]
    assert doubtful.title == "may need mending"
    assert doubtful.facts.startswith("p2: IoU 0.")  # shifts 10, 60, 150, 30, 80
    assert (
        pick_examples(ResultLayers(**{**vars(nothing), "detections": results.detections.iloc[:0]}), {})[3].focus is None
    )


@pytest.mark.parametrize("empty", [False, True])
def test_no_text_overlaps(tmp_path, check_texts, results, empty):
    from lobate.figures.drawing.outlines import draw_examples
    from lobate.figures.drawing.style import styled

    if empty:
        results = ResultLayers(**{name: table.iloc[:0] for name, table in vars(results).items()})
    with styled():
        check_texts(
            draw_examples(
                pick_examples(results, {}), [make_image(tmp_path / "a.tif")], CRS.from_epsg(32644), "Credit " * 40
            )
        )


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path, results):
    layers = {
        "split": {"split": results.split},
        "polygons": {"kept": results.polygons},
        "detections": {"kept": results.detections},
        "reviewed": {"reviewed": results.reviewed, "rejected": results.rejected},
        "inventory": {"inventory": results.inventory},
    }
    for name, tables in layers.items():
        write_layers(tmp_path / f"{name}.gpkg", tables)
    image = make_image(tmp_path / "a.tif", pixel=20, shape=(300, 300))
    written = []
    for name in ("one", "two"):
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        figure_outlines(
            [image],
            *(tmp_path / f"{name}.gpkg" for name in layers),
            *of_a_model(tmp_path),
            png,
            pdf,
            figures=Figures(dpi=60),
        )
        written.append((png.read_bytes(), pdf.read_bytes()))
    assert written[0] == written[1]
