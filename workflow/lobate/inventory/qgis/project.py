"""A QGIS project: outlines over groups of rasters, all by paths relative to the project file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from lobate.io.qgis.markup import document, element, element_with, reference_system

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Layer:
    """One layer of a project: its title, relative path (``source``), CRS (WKT) and style.

    ``key`` is its id within the project; QGIS replaces ids of ten letters or less. ``shown``: it is visible at first.
    """

    key: str
    name: str
    source: str
    wkt: str
    style: list[Element] = field(default_factory=list)
    read_only: bool = True
    shown: bool = True


RasterGroups = Mapping[str, Sequence[Layer]]
"""Rasters by the name of their group in the legend, the upper group first."""


def project_text(title: str, outlines: Sequence[Layer], rasters: RasterGroups, wkt: str, bounds: Bounds) -> str:
    """Return the text of a project: outlines (the first on top) over groups of rasters.

    The project opens in the CRS ``wkt``, on ``bounds`` (west, south, east, north) in that CRS.
    """
    all_rasters = [layer for layers in rasters.values() for layer in layers]
    return document(
        [
            element("title", title),
            reference_system("projectCrs", wkt),
            _layer_tree(outlines, rasters),
            _canvas(wkt, bounds),
            _default_view(wkt, bounds),
            element_with("projectlayers", [*map(_vector_layer, outlines), *map(_raster_layer, all_rasters)]),
            _project_properties(),
        ],
        projectname=title,
    )


def _project_properties() -> Element:
    """Return the settings: relative paths, layers in the project's CRS, and a grey canvas, to tell nodata from snow."""
    grey = [element(f"CanvasColor{part}Part", "110", type="int") for part in ("Red", "Green", "Blue")]
    return element_with(
        "properties",
        [
            element_with("Paths", [element("Absolute", "false", type="bool")]),
            element_with("SpatialRefSys", [element("ProjectionsEnabled", "1", type="int")]),
            element_with("Gui", grey),
        ],
    )


def _layer_tree(outlines: Sequence[Layer], rasters: RasterGroups) -> Element:
    groups = [
        element_with(
            "layer-tree-group",
            [_tree_entry(layer, "gdal") for layer in layers],
            name=name,
            checked="Qt::Checked",
            expanded=0,
        )
        for name, layers in rasters.items()
        if layers
    ]
    return element_with("layer-tree-group", [*(_tree_entry(outline, "ogr") for outline in outlines), *groups])


def _tree_entry(layer: Layer, provider: str) -> Element:
    return element(
        "layer-tree-layer",
        id=layer.key,
        name=layer.name,
        source=layer.source,
        providerKey=provider,
        checked="Qt::Checked" if layer.shown else "Qt::Unchecked",
        expanded=int(provider == "ogr"),
    )


def _canvas(wkt: str, bounds: Bounds) -> Element:
    sides = zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True)
    extent = element_with("extent", [element(name, f"{value:.10g}") for name, value in sides])
    return element_with("mapcanvas", [extent, reference_system("destinationsrs", wkt)], name="theMapCanvas")


def _default_view(wkt: str, bounds: Bounds) -> Element:
    """Return the extent of "zoom to the full extent"; without it, the sheet's farthest outline would set it."""
    sides = {name: f"{value:.10g}" for name, value in zip(("xmin", "ymin", "xmax", "ymax"), bounds, strict=True)}
    extent = reference_system("DefaultViewExtent", wkt)
    extent.attrib.update(sides)
    return element_with("ProjectViewSettings", [extent], UseProjectScales=0)


def _vector_layer(layer: Layer) -> Element:
    labelled = any(part.tag == "labeling" for part in layer.style)
    return _map_layer(
        layer,
        "ogr",
        layer.style,
        type="vector",
        geometry="Polygon",
        labelsEnabled=int(labelled),
        readOnly=int(layer.read_only),
    )


def _raster_layer(layer: Layer) -> Element:
    return _map_layer(layer, "gdal", layer.style, type="raster")


def _map_layer(layer: Layer, provider: str, style: Sequence[Element], **attributes: object) -> Element:
    basics = [
        element("id", layer.key),
        element("datasource", layer.source),
        element("layername", layer.name),
        reference_system("srs", layer.wkt),
        element("provider", provider, encoding="UTF-8"),
    ]
    return element_with("maplayer", [*basics, *style], styleCategories="AllStyleCategories", **attributes)
