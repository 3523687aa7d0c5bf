"""QGIS styles of rasters: probabilities in colours, elevations as a hillshade, images; and the style that lies beside a GeoTIFF."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from lobate.io.mask_values import PROBABILITY_SCALE
from lobate.io.qgis.markup import document, element, element_with

PROBABILITY_COLOURS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Dark blue to yellow, from 0 to 1 in even steps: lightness grows evenly, so it reads without hues too."""
OPACITY = 0.6
SUN_AZIMUTH_DEG, SUN_ALTITUDE_DEG = 315, 45
METRES_A_DEGREE = 111_320.0
"""Length of a degree of latitude."""
TRUE_COLOUR_BANDS = 3


def probability_style() -> list[Element]:
    """Return the style of a map of probabilities (bytes, p = value / 254): colours that let the ground through."""
    last = len(PROBABILITY_COLOURS) - 1
    items = [
        element(
            "item",
            value=f"{PROBABILITY_SCALE * number / last:g}",
            label=f"{number / last:g}",
            color="#{:02x}{:02x}{:02x}".format(*colour),
            alpha=0 if number == 0 else 255,
        )
        for number, colour in enumerate(PROBABILITY_COLOURS)
    ]
    limits = {"minimumValue": 0, "maximumValue": PROBABILITY_SCALE}
    shader = element_with(
        "colorrampshader", items, colorRampType="INTERPOLATED", classificationMode=1, clip=0, **limits
    )
    renderer = element_with(
        "rasterrenderer",
        [element_with("rastershader", [shader])],
        type="singlebandpseudocolor",
        band=1,
        opacity=OPACITY,
        alphaBand=-1,
        classificationMin=0,
        classificationMax=PROBABILITY_SCALE,
    )
    return [element_with("pipe", [renderer])]


def hillshade_style(metres_a_unit: float, *, is_geographic: bool) -> list[Element]:
    """Return QGIS's own hillshade of a DEM whose numbers are ``metres_a_unit`` metres, with the light of the review.

    Cells in degrees are taken for those of one latitude: QGIS has one factor for both directions.
    """
    factor = metres_a_unit / METRES_A_DEGREE if is_geographic else metres_a_unit
    renderer = element(
        "rasterrenderer",
        type="hillshade",
        band=1,
        azimuth=SUN_AZIMUTH_DEG,
        angle=SUN_ALTITUDE_DEG,
        zfactor=f"{factor:.9g}",
        multidirection=0,
        opacity=1,
        alphaBand=-1,
    )
    how = {
        "enabled": "true",
        "zoomedInResamplingMethod": "bilinear",
        "zoomedOutResamplingMethod": "bilinear",
        "maxOversampling": 2,
    }
    resampled = element_with("provider", [element("resampling", **how)])
    return [element_with("pipe", [resampled, renderer, element("resamplingStage", "provider")])]


def image_style(bands: int) -> list[Element]:
    """Return true colour of the first three bands, or grey of the first; nodata is transparent."""
    if bands >= TRUE_COLOUR_BANDS:
        renderer = element(
            "rasterrenderer", type="multibandcolor", redBand=1, greenBand=2, blueBand=3, opacity=1, alphaBand=-1
        )
    else:
        renderer = element("rasterrenderer", type="singlebandgray", grayBand=1, opacity=1, alphaBand=-1)
    nodata = [element("noDataList", bandNo=band, useSrcNoData=1) for band in range(1, bands + 1)]
    return [element_with("noData", nodata), element_with("pipe", [renderer])]


def raster_qml(style: Sequence[Element]) -> str:
    """Return the document that QGIS reads by itself beside a raster, under the raster's name with the suffix .qml."""
    return document(style, styleCategories="AllStyleCategories")
