"""One landform and its motion: which one, the arrow by true north, the phase beside the image or the image alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from lobate.errors import UserError
from lobate.figures.figure_motion import figure_motion, knows_motion, pick_landform
from lobate.io.vector import write_layers
from lobate.settings.figures import Figures, Motion

from .conftest import make_image
from .tables import same_bytes_twice
from .test_figure_attributes import inventory as attributes


def landforms(count):
    table = attributes(count, ("debris-mantled_slope", None)).to_crs(4326)
    return table.assign(
        id=[f"RGU{n:04}" for n in range(count)], velocity=[None if n % 3 else float(n) for n in range(count)]
    )


def make_phase(path: Path, *, dtype="float32", top=4_001_000.0) -> Path:
    rows, columns = np.mgrid[0:300, 0:300]
    values = (rows + columns) / 10
    values = np.exp(1j * values) if dtype == "complex64" else values
    transform = Affine(30, 0, 499_000, 0, -30, top)
    grid = {"height": 300, "width": 300, "crs": 32644, "transform": transform, "count": 1, "dtype": dtype}
    with rasterio.open(path, "w", driver="GTiff", **grid) as raster:
        raster.write(values.astype(dtype), 1)
    return path


def draw(folder, moving, phase=None, image=None, credit="Credit of somebody"):
    from lobate.figures.drawing.basemap import common_crs
    from lobate.figures.drawing.motion import draw_motion
    from lobate.figures.drawing.style import styled

    images = [make_image(folder / "a.tif", **(image or {}))]
    with styled():
        return draw_motion(moving, images, phase, common_crs(images), landform="rock glacier", credit=credit)


def test_named_then_fastest_then_largest():
    table = landforms(10)
    assert pick_landform(table, Motion(landform="RGU0002")).name == "RGU0002"
    assert pick_landform(table, Motion()).name == "RGU0009"
    largest = table.loc[table["area_km2"].idxmax(), "id"]
    assert pick_landform(table.assign(velocity=None), Motion()).name == largest
    assert pick_landform(table.iloc[:0], Motion()) is None
    with pytest.raises(UserError, match=r"figures\.motion\.landform names X"):
        pick_landform(table, Motion(landform="X"))


def test_a_reference_point_far_away_is_a_mistake():
    swapped = Motion(reference_point=[36.12, 81.02])
    with pytest.raises(UserError, match="km from the landform"):
        pick_landform(landforms(3), swapped)


def test_arrow_is_what_was_given_or_the_aspect_and_says_so(tmp_path):
    table = landforms(4).assign(aspect_deg=123.0)
    given, aspect = pick_landform(table, Motion(direction_deg=30)), pick_landform(table, Motion())
    assert (given.direction, given.measured, aspect.direction, aspect.measured) == (30, True, 123, False)
    assert any("direction of motion, 30" in text.get_text() for text in draw(tmp_path, given).texts)
    assert any("mean aspect" in text.get_text() for text in draw(tmp_path, aspect).texts)
    assert pick_landform(table.assign(aspect_deg=np.nan), Motion()).direction is None


@pytest.mark.parametrize("count", [0, 1, 30, 400])
@pytest.mark.parametrize("with_phase", [False, True])
def test_no_text_overlaps(tmp_path, check_texts, count, with_phase):
    phase = make_phase(tmp_path / "phase.tif") if with_phase else None
    motion = Motion(reference_point=[81.02, 36.12], direction_deg=200)
    check_texts(draw(tmp_path, pick_landform(landforms(count), motion), phase, credit="Credit " * 60))


@pytest.mark.parametrize(
    "image", [{"epsg": 4326, "left": 80.9, "top": 36.3, "pixel": 0.001}, {"epsg": 3857, "left": 9e6, "top": 4.33e6}]
)
def test_no_text_overlaps_on_any_ground(tmp_path, check_texts, image):
    moving = pick_landform(landforms(5), Motion(direction_deg=200))
    check_texts(draw(tmp_path, moving, make_phase(tmp_path / "phase.tif"), image))


def test_point_and_phase_are_in_both_panels_at_their_place(tmp_path):
    moving = pick_landform(landforms(5), Motion(reference_point=[81.01, 36.12]))
    phase, image = draw(tmp_path, moving, make_phase(tmp_path / "phase.tif")).axes[:3:2]
    (x,), (y,) = rasterio.warp.transform(4326, 32644, [81.01], [36.12])
    for axes in (phase, image):
        points = [collection.get_offsets() for collection in axes.collections if len(collection.get_offsets()) == 1]
        assert any(np.allclose(point, [[x, y]]) for point in points)
    values = phase.images[-1].get_array()
    left, right, bottom, top = phase.images[-1].get_extent()
    row, column = int((top - y) / (top - bottom) * values.shape[0]), int((x - left) / (right - left) * values.shape[1])
    expected = ((4_001_000 - y) // 30 + (x - 499_000) // 30) / 10
    assert abs(np.angle(np.exp(1j * (values[row, column] - expected)))) < 0.21


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_phase_is_wrapped(tmp_path, dtype):
    from lobate.figures.drawing.motion import wrapped_phase
    from lobate.io.grid import Grid

    grid = Grid(100, 100, Affine(30, 0, 499_000, 0, -30, 4_002_500), CRS.from_epsg(32644))
    phase = wrapped_phase(make_phase(tmp_path / "phase.tif", dtype=dtype), grid)
    assert np.isnan(phase[:50]).all(), "no phase lies there"
    rows, columns = np.mgrid[0:50, 0:100]
    gap = np.angle(np.exp(1j * (phase[50:] - (rows + columns) / 10)))
    assert np.abs(gap).max() < 1e-3
    assert np.abs(phase[50:]).max() <= np.float32(np.pi)


@pytest.mark.parametrize(
    ("more", "message"), [({"dtype": "uint8"}, "holds uint8"), ({"top": 5e6}, "has no value round")]
)
def test_what_is_no_phase_of_this_place_is_a_mistake(tmp_path, more, message):
    with pytest.raises(UserError, match=message):
        draw(tmp_path, pick_landform(landforms(3), Motion()), make_phase(tmp_path / "phase.tif", **more))


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path):
    write_layers(tmp_path / "inventory.gpkg", {"inventory": landforms(3)})
    image, phase = make_image(tmp_path / "a.tif"), make_phase(tmp_path / "phase.tif")
    same_bytes_twice(tmp_path, partial(figure_motion, tmp_path / "inventory.gpkg", [image], phase=phase))
    figure_motion(tmp_path / "inventory.gpkg", [image], tmp_path / "c.png", tmp_path / "c.pdf", figures=Figures(dpi=50))
    assert (tmp_path / "c.png").read_bytes() != (tmp_path / "one.png").read_bytes()


def test_without_any_motion_the_figure_says_why_it_is_not_drawn(tmp_path, check_texts):
    still = landforms(4).assign(velocity=None)
    assert knows_motion(landforms(4), Motion())
    assert knows_motion(still, Motion(direction_deg=3)) and knows_motion(still, Motion(phase="p.tif"))
    assert not knows_motion(still, Motion()) and not knows_motion(still.iloc[:0], Motion())
    figure = draw(tmp_path, None)
    check_texts(figure)
    assert not figure.axes, "no picture that looks like a motion"
    assert "Not drawn: no landform has a velocity" in " ".join(text.get_text() for text in figure.texts)
    write_layers(tmp_path / "inventory.gpkg", {"inventory": still})
    for name, more in (("still", {}), ("moving", {"motion": Motion(direction_deg=3)})):
        files = [tmp_path / f"{name}.{kind}" for kind in ("png", "pdf")]
        figure_motion(tmp_path / "inventory.gpkg", [tmp_path / "a.tif"], *files, figures=Figures(dpi=50, **more))
    with rasterio.open(tmp_path / "still.png") as short, rasterio.open(tmp_path / "moving.png") as tall:
        assert short.height < tall.height / 3
