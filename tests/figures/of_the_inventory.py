"""What prepares the inputs of the figures that show the inventory and detections, in a folder.

Each returns a call that lacks png, pdf and figures; ``nothing`` says why the model learnt nothing, or is None.
"""

from __future__ import annotations

from functools import partial

import geopandas as gpd
from shapely.affinity import translate
from shapely.geometry import Point

from lobate.figures.figure_attributes import figure_attributes
from lobate.figures.figure_map import figure_map
from lobate.figures.figure_outlines import figure_outlines
from lobate.figures.figure_upslope import figure_upslope
from lobate.io.vector import write_layers

from .conftest import make_image
from .tables import of_a_model
from .test_figure_attributes import inventory as attributes

KINDS = ("talus", "debris-mantled_slope", "glacier_forefield", None)


def landforms(folder):
    table = attributes(40, KINDS).to_crs(4326)
    ids = [f"RGU{3800000 + n}N{10000000 + n}E" for n in range(len(table))]
    write_layers(folder / "inventory.gpkg", {"inventory": table.assign(id=ids)})
    return folder / "inventory.gpkg"


def draw_map(folder, nothing):
    images = [make_image(folder / "a.tif")]
    return partial(figure_map, landforms(folder), images, *of_a_model(folder, nothing), region="west_kunlun")


def draw_attributes(folder, nothing):
    return partial(figure_attributes, landforms(folder), *of_a_model(folder, nothing))


def draw_upslope(folder, nothing):
    return partial(figure_upslope, landforms(folder), *of_a_model(folder, nothing))


def draw_outlines(folder, nothing):
    drawn = [Point(500_800 + 900 * n, 3_998_000).buffer(200) for n in range(4)]
    frame = gpd.GeoDataFrame({"polygon": [f"wkl{n:04}" for n in range(4)]}, geometry=drawn, crs=32644).to_crs(4326)
    polygons = frame.assign(**{"class": "positive"})
    split = polygons.assign(side=["training", "training", "validation", "validation"])
    moved = [translate(outline, 60) for outline in drawn] + [Point(502_000, 3_996_000).buffer(250)]
    mapped = gpd.GeoDataFrame(geometry=moved, crs=32644).to_crs(4326)
    mapped = mapped.assign(detection=[f"detection_{n:05}" for n in range(5)], confidence=0.61, status="pending")
    compiled = mapped.iloc[4:].assign(method="deep learning", sources="reviewed:detection_00004")
    layers = {
        "split": {"split": split},
        "polygons": {"kept": polygons},
        "detections": {"kept": mapped},
        "reviewed": {"reviewed": mapped, "rejected": mapped.iloc[:0]},
        "compiled": {"inventory": compiled},
    }
    for name, content in layers.items():
        write_layers(folder / f"{name}.gpkg", content)
    files = [folder / f"{name}.gpkg" for name in layers]
    return partial(figure_outlines, [make_image(folder / "a.tif")], *files, *of_a_model(folder, nothing))
