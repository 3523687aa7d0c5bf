"""A QGIS project: layers over images, all found by paths relative to the project's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from lobate.io.qgis.markup import document, element, element_with, reference_system

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Layer:
    """One layer of a project: where it is (``source``, relative), what a person calls it, its CRS (WKT), its style.

    ``key`` names it within the project; QGIS takes only names of more than ten letters.
    """

    key: str
    name: str
    source: str
    wkt: str
    style: list[Element] = field(default_factory=list)
    read_only: bool = True


def project_text(title: str, outlines: Sequence[Layer], images: Sequence[tuple[Layer, int]], bounds: Bounds) -> str:
    """Return a project's text: outlines (the first on top) over images (each with its count of bands).

    It opens in the CRS of the first image, on ``bounds`` (west, south, east, north) in that CRS.
    """
    wkt = images[0][0].wkt
    return document(
        [
            element("title", title),
            reference_system("projectCrs", wkt),
            _tree(outlines, [image for image, _ in images]),
            _canvas(wkt, bounds),
            _view(wkt, bounds),
            element_with("projectlayers", [*map(_outlines, outlines), *(_image(*one) for one in images)]),
            _properties(),
        ],
        projectname=title,
    )


def _properties() -> Element:
    """Paths are relative, layers are brought into the project's CRS, and nodata is grey, which snow is not."""
    grey = [element(f"CanvasColor{part}Part", "110", type="int") for part in ("Red", "Green", "Blue")]
    return element_with(
        "properties",
        [
            element_with("Paths", [element("Absolute", "false", type="bool")]),
            element_with("SpatialRefSys", [element("ProjectionsEnabled", "1", type="int")]),
            element_with("Gui", grey),
        ],
    )


def _tree(outlines: Sequence[Layer], images: Sequence[Layer]) -> Element:
    group = element_with(
        "layer-tree-group",
        [_entry(image, "gdal") for image in images],
        name="images",
        checked="Qt::Checked",
        expanded=0,
    )
    return element_with("layer-tree-group", [*(_entry(outline, "ogr") for outline in outlines), group])


def _entry(layer: Layer, provider: str) -> Element:
    return element(
        "layer-tree-layer",
        id=layer.key,
        name=layer.name,
        source=layer.source,
        providerKey=provider,
        checked="Qt::Checked",
        expanded=int(provider == "ogr"),
    )


def _canvas(wkt: str, bounds: Bounds) -> Element:
    sides = zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True)
    extent = element_with("extent", [element(name, f"{value:.10g}") for name, value in sides])
    return element_with("mapcanvas", [extent, reference_system("destinationsrs", wkt)], name="theMapCanvas")


def _view(wkt: str, bounds: Bounds) -> Element:
    """What "zoom to the full extent" means; without it, the sheet's farthest outline or image would say."""
    sides = {name: f"{value:.10g}" for name, value in zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True)}
    extent = reference_system("DefaultViewExtent", wkt)
    extent.attrib.update(sides)
    return element_with("ProjectViewSettings", [extent], UseProjectScales=0)


def _outlines(layer: Layer) -> Element:
    labelled = any(one.tag == "labeling" for one in layer.style)
    return _map_layer(
        layer,
        "ogr",
        layer.style,
        type="vector",
        geometry="Polygon",
        labelsEnabled=int(labelled),
        readOnly=int(layer.read_only),
    )


def _image(layer: Layer, bands: int) -> Element:
    """True colour of the first three bands, grey of fewer; what is nodata in the file is transparent."""
    if bands >= 3:
        drawn = element(
            "rasterrenderer", type="multibandcolor", redBand=1, greenBand=2, blueBand=3, opacity=1, alphaBand=-1
        )
    else:
        drawn = element("rasterrenderer", type="singlebandgray", grayBand=1, opacity=1, alphaBand=-1)
    nodata = [element("noDataList", bandNo=band, useSrcNoData=1) for band in range(1, bands + 1)]
    return _map_layer(layer, "gdal", [element_with("noData", nodata), element_with("pipe", [drawn])], type="raster")


def _map_layer(layer: Layer, provider: str, style: Sequence[Element], **attributes: object) -> Element:
    facts = [
        element("id", layer.key),
        element("datasource", layer.source),
        element("layername", layer.name),
        reference_system("srs", layer.wkt),
        element("provider", provider, encoding="UTF-8"),
    ]
    return element_with("maplayer", [*facts, *style], styleCategories="AllStyleCategories", **attributes)
