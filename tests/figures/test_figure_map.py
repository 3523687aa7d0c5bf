"""The region map: legible at any number of landforms, in any CRS, and the same bytes each time."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from lobate.errors import UserError
from lobate.figures.figure_map import figure_map
from lobate.io.vector import write_layers
from lobate.settings.figures import Figures

from .conftest import make_image, make_landforms
from .tables import of_a_model


def draw(landforms, images, title="Rock glacier inventory, West Kunlun", credit="Credit of somebody"):
    from lobate.figures.drawing.basemap import common_bounds, common_crs
    from lobate.figures.drawing.map import draw_map
    from lobate.figures.drawing.style import styled

    crs = common_crs(images)
    with styled():
        figure = draw_map(landforms.to_crs(crs), images, common_bounds(images, crs), title=title, credit=credit)
        figure.canvas.draw()
    return figure


@pytest.mark.parametrize("count", [0, 1, 30, 400])
def test_no_text_overlaps_at_any_number_of_landforms(tmp_path, check_texts, count):
    check_texts(draw(make_landforms(count), [make_image(tmp_path / "a.tif")]))


@pytest.mark.parametrize(
    "image",
    [
        {"epsg": 32719, "left": 400_000, "top": 6_300_000, "shape": (400, 60)},  # tall, southern and western
        {"epsg": 4326, "left": 80.0, "top": 36.0, "pixel": 0.0003},  # degrees
        {"epsg": 3857, "left": 8_900_000, "top": 4_300_000, "shape": (20, 400)},  # flat
        {"epsg": 32644, "pixel": 1000},  # 200 km
        {"epsg": 32644, "pixel": 0.5},  # 100 m
    ],
)
def test_no_text_overlaps_on_any_ground(tmp_path, check_texts, image):
    path = make_image(tmp_path / "a.tif", **image)
    with rasterio.open(path) as raster:
        landforms = make_landforms(12, epsg=image["epsg"], bounds=raster.bounds)
    figure = draw(landforms, [path])
    check_texts(figure)
    assert 3 < figure.get_figheight() < 10


def test_long_names_and_many_methods_stay_on_the_page(tmp_path, check_texts):
    methods = (
        "a method with a very long name indeed",
        "InSAR",
        "optical",
        "both",
        "deep learning",
        "InSAR and optical",
    )
    landforms = make_landforms(30, methods=methods)
    check_texts(
        draw(landforms, [make_image(tmp_path / "a.tif")], "Rock glaciers of " + "the far " * 40, "Credit " * 60)
    )


def test_legend_counts_each_method(tmp_path):
    figure = draw(make_landforms(10), [make_image(tmp_path / "a.tif")])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["InSAR (4)", "both (3)", "deep learning (3)", "dashed, hollow: not reviewed yet (3)", "no image"]


def test_outlines_beyond_the_images_are_on_the_map(tmp_path):
    far = make_landforms(2, bounds=(520_000, 3_990_000, 525_000, 3_995_000))
    left, right = draw(far, [make_image(tmp_path / "a.tif")]).axes[0].get_xlim()
    assert left < 500_000 < far.total_bounds[2] < right


@pytest.fixture
def inventory(tmp_path):
    write_layers(tmp_path / "inventory.gpkg", {"inventory": make_landforms(6).to_crs(4326)})
    return tmp_path / "inventory.gpkg"


def test_verb_writes_both_files_the_same_bytes_twice(tmp_path, inventory):
    images = [make_image(tmp_path / "a.tif"), make_image(tmp_path / "b.tif", epsg=32643, left=1_040_000, top=4_010_000)]
    written = []
    for name in ("one", "two"):
        png, pdf = tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"
        figure_map(inventory, images, *of_a_model(tmp_path), png, pdf, figures=Figures(dpi=60), region="a_b")
        written.append((png.read_bytes(), pdf.read_bytes()))
    assert written[0] == written[1]
    assert written[0][0].startswith(b"\x89PNG")
    assert b"CreationDate" not in written[0][1]


def test_an_image_that_is_not_there_is_a_mistake(tmp_path, inventory):
    with pytest.raises(UserError, match="does not exist"):
        figure_map(
            inventory,
            [tmp_path / "no.tif"],
            *of_a_model(tmp_path),
            tmp_path / "a.png",
            tmp_path / "a.pdf",
            figures=Figures(),
        )


def test_mosaic_shows_the_first_image_that_has_data(tmp_path):
    from rasterio.crs import CRS

    from lobate.figures.drawing.basemap import read_basemap

    first, second = make_image(tmp_path / "a.tif"), make_image(tmp_path / "b.tif", left=503_000)
    with rasterio.open(first) as raster:
        bounds, crs = raster.bounds, CRS.from_user_input(raster.crs)
    alone = read_basemap([first], crs, bounds, pixels=100)
    both = read_basemap([first, second], crs, bounds, pixels=100)
    assert alone.rgb.shape == (100, 100, 3)
    bare = alone.rgb[:9, :9].astype(int)
    assert not alone.covered[:9, :9].any() and alone.covered[50:].all()
    assert {176, 236} == set(np.unique(bare)), "ground without an image is hatched, and never white as snow is"
    assert np.abs(alone.rgb[50:, :40].astype(int) - both.rgb[50:, :40]).max() <= 3
    assert isinstance(gpd.GeoSeries([both.grid.footprint]).area.iloc[0], float)
