"""Styles of rasters: probabilities in colours that grow lighter, a hillshade whose factor turns degrees into metres."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest

from lobate.io.mask_values import PROBABILITY_SCALE
from lobate.io.qgis.markup import element_with
from lobate.io.qgis.rasters import PROBABILITY_COLOURS, hillshade_style, image_style, probability_style, raster_qml


def test_the_style_beside_a_map_spans_its_bytes_from_clear_to_light():
    root = fromstring(raster_qml(probability_style()).partition("\n")[2])
    items = list(root.iter("item"))
    assert [float(item.get("value")) for item in items] == [PROBABILITY_SCALE * n / 4 for n in range(5)]
    assert [item.get("label") for item in items] == ["0", "0.25", "0.5", "0.75", "1"]
    assert [item.get("alpha") for item in items] == ["0", "255", "255", "255", "255"]
    lightness = [sum(colour) for colour in PROBABILITY_COLOURS]
    assert lightness == sorted(lightness)


def test_the_style_has_no_time_and_no_place():
    assert raster_qml(probability_style()) == raster_qml(probability_style())
    assert "/" not in raster_qml(probability_style()).replace("</", "").replace("/>", "").replace(
        "http://mrcc.com/qgis.dtd", ""
    )


@pytest.mark.parametrize(
    ("metres", "geographic", "factor"), [(1.0, False, 1.0), (0.3048, False, 0.3048), (1.0, True, 1 / 111_320)]
)
def test_the_hillshade_has_one_unit_in_all_directions(metres, geographic, factor):
    pipe = element_with("x", hillshade_style(metres, is_geographic=geographic))
    assert float(pipe.find("pipe/rasterrenderer").get("zfactor")) == pytest.approx(factor)


@pytest.mark.parametrize(("bands", "kind"), [(1, "singlebandgray"), (2, "singlebandgray"), (3, "multibandcolor")])
def test_an_image_is_in_true_colour_where_it_has_the_bands(bands, kind):
    style = element_with("x", image_style(bands))
    assert style.find("pipe/rasterrenderer").get("type") == kind
    assert len(style.findall("noData/noDataList")) == bands
