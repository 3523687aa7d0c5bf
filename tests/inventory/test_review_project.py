"""The QGIS project: everything by relative paths, the person's own file to edit, results only to look at."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform

from lobate.errors import UserError
from lobate.inventory.review_project import dem_facts, review_project
from lobate.inventory.review_sheet import review_sheet
from lobate.io.grid import Grid
from lobate.io.raster import CogWriter
from lobate.io.vector import write_layers

from .conftest import frame, square


@pytest.fixture
def world(detections, tmp_path):
    """A sheet and two images, the second in the next zone and with one band."""
    review_sheet(detections([square(0)]), tmp_path / "review.gpkg")
    images = []
    for name, zone, x, bands in (("T44", 32644, 400_000, 3), ("T45", 32645, -140_000, 1)):
        grid = Grid(50, 50, Affine(10, 0, x, 0, -10, 4_000_000), CRS.from_epsg(zone))
        images.append(tmp_path / f"{name}.tif")
        with CogWriter(images[-1], grid, count=bands, nodata=0) as image:
            image.write(np.ones((bands, 50, 50), dtype=np.uint8), 0)
    return tmp_path / "review.gpkg", images


def opened(world, tmp_path, decisions=None):
    files = [Path(file) for file in ([decisions] if isinstance(decisions, str) else decisions or [])]
    review_project(*world, tmp_path / "review.qgs", decisions=files, region="here")
    return fromstring((tmp_path / "review.qgs").read_text())


def sources(root):
    return {layer.findtext("id"): layer.findtext("datasource") for layer in root.iter("maplayer")}


def test_without_decisions_the_sheet_is_looked_at(world, tmp_path):
    root = opened(world, tmp_path)
    assert sources(root) == {
        "outlines_review": "./review.gpkg|layername=review",
        "outlines_others": "./review.gpkg|layername=others",
        "outlines_removed": "./review.gpkg|layername=removed",
        "image_of_tile_0": "../imagery/T44.tif",
        "image_of_tile_1": "../imagery/T45.tif",
    }
    assert {layer.get("readOnly") for layer in root.iter("maplayer") if layer.get("type") == "vector"} == {"1"}
    assert root.findtext("properties/Paths/Absolute") == "false"


@pytest.mark.parametrize(
    ("decisions", "source"),
    [
        ("resources/r/decisions.gpkg", "../../../resources/r/decisions.gpkg|layername=review"),
        ("resources/r/decisions.geojson", "../../../resources/r/decisions.geojson"),
        ("/elsewhere/decisions.gpkg", "/elsewhere/decisions.gpkg|layername=review"),
    ],
)
def test_the_persons_file_is_the_one_to_edit(world, tmp_path, decisions, source):
    root = opened(world, tmp_path, decisions)
    assert sources(root)["outlines_review"] == source
    layers = {layer.findtext("id"): layer.get("readOnly") for layer in root.iter("maplayer")}
    assert (layers["outlines_review"], layers["outlines_removed"]) == ("0", "1")


def test_several_people_have_a_layer_each(world, tmp_path):
    root = opened(world, tmp_path, ["resources/r/a.gpkg", "resources/r/b.gpkg"])
    names = [entry.get("name") for entry in root.iter("layer-tree-layer")]
    assert names[:2] == ["detections to review (a)", "detections to review (b)"]
    assert len(set(sources(root))) == 6


def test_layers_have_the_names_that_qgis_keeps(world, tmp_path):
    """QGIS gives a layer whose id has ten letters or less another one, and then it is in no tree."""
    root = opened(world, tmp_path, ["resources/r/a.gpkg", "resources/r/b.gpkg"])
    ids = [entry.get("id") for entry in root.iter("layer-tree-layer")]
    assert ids == list(sources(root))
    assert min(map(len, ids)) > 10


def test_it_opens_on_all_images_in_the_first_ones_crs(world, tmp_path):
    root = opened(world, tmp_path)
    assert 'AUTHORITY["EPSG","32644"]' in root.findtext("projectCrs/spatialrefsys/wkt")
    extent = root.find("mapcanvas/extent")
    west, east, south, north = (float(extent.findtext(name)) for name in ("xmin", "xmax", "ymin", "ymax"))
    corners = ([-140_000, -139_500] * 2, [4_000_000] * 2 + [3_999_500] * 2)
    x, y = transform(CRS.from_epsg(32645), CRS.from_epsg(32644), *corners)
    assert west <= min(400_000, *x) + 1e-3
    assert east >= max(400_500, *x) - 1e-3
    assert south <= min(3_999_500, *y) + 1e-3
    assert north >= max(4_000_000, *y) - 1e-3
    assert not 399_000 < x[0] < 401_000, "the second image lies elsewhere"
    assert float(root.find("ProjectViewSettings/DefaultViewExtent").get("xmin")) == west


def test_few_bands_are_grey(world, tmp_path):
    drawn = [renderer.get("type") for renderer in opened(world, tmp_path).iter("rasterrenderer")]
    assert drawn == ["multibandcolor", "singlebandgray"]


def test_same_bytes_twice(world, tmp_path):
    opened(world, tmp_path)
    first = (tmp_path / "review.qgs").read_bytes()
    opened(world, tmp_path)
    assert (tmp_path / "review.qgs").read_bytes() == first


def test_nothing_to_show_is_reported(world, tmp_path):
    with pytest.raises(UserError, match="no images"):
        review_project(world[0], [], tmp_path / "review.qgs")
    write_layers(tmp_path / "old.gpkg", {"review": frame([square(0)])})
    with pytest.raises(UserError, match="no layer others"):
        review_project(tmp_path / "old.gpkg", world[1], tmp_path / "review.qgs")


def test_contours_are_shown_and_called_no_confidence_interval(world, tmp_path):
    contours = tmp_path / "contours.gpkg"
    rows = frame([square(0)], detection=["d1"], share=["0.25"], meaning=["contour"])
    write_layers(contours, {"contours": rows})
    review_project(*world, tmp_path / "review.qgs", contours)
    root = fromstring((tmp_path / "review.qgs").read_text())
    assert sources(root)["outlines_contours"] == "../mapping/contours.gpkg|layername=contours"
    names = {layer.findtext("id"): layer.findtext("layername") for layer in root.iter("maplayer")}
    assert names["outlines_contours"] == "contours at the calibrated 0.25 and 0.75 (no confidence interval)"


def test_maps_labels_and_terrain_are_there_and_off_at_first(world, tmp_path):
    labels, dem = tmp_path / "polygons.gpkg", tmp_path / "dem.tif"
    write_layers(labels, {"kept": frame([square(0)], **{"class": ["positive"]}, polygon=["p"], source=["hand.shp"])})
    grid = Grid(50, 50, Affine(0.001, 0, 80, 0, -0.001, 36), CRS.from_epsg(4326))
    with CogWriter(dem, grid, count=1, dtype="float32") as target:
        target.write(np.full((1, 50, 50), 4000, dtype="float32"), 0)
    view = tmp_path / "view"
    dem_facts(dem, view)
    facts = json.loads(view.read_text())
    assert (facts["path"], facts["metres_a_unit"]) == (str(dem), 1.0)
    extras = {"probabilities": world[1], "labels": labels, "dem": view}
    review_project(*world, tmp_path / "review.qgs", **extras, region="here")
    root = fromstring((tmp_path / "review.qgs").read_text())
    assert sources(root) | {
        "outlines_labels": "../labels/polygons.gpkg|layername=kept",
        "probability_of_tile_0": "../mapping/T44.tif",
        "probability_of_tile_1": "../mapping/T45.tif",
        "hillshade_of_dem": str(dem),
    } == sources(root)
    checked = {entry.get("id"): entry.get("checked") for entry in root.iter("layer-tree-layer")}
    off = {name for name, state in checked.items() if state == "Qt::Unchecked"}
    assert off == {"probability_of_tile_0", "probability_of_tile_1", "hillshade_of_dem"}
    groups = [group.get("name") for group in root.iter("layer-tree-group")][1:]
    assert groups == ["probability", "images", "terrain"]
    first = (tmp_path / "review.qgs").read_bytes()
    review_project(*world, tmp_path / "review.qgs", **{**extras, "dem": dem}, region="here")
    assert (tmp_path / "review.qgs").read_bytes() == first, "the view says all of the DEM that counts"


def test_a_dem_of_the_settings_is_named_from_the_root(world, tmp_path):
    view = tmp_path / "view"
    view.write_text(
        json.dumps({"path": "results/r/dem.tif", "wkt": CRS.from_epsg(32644).to_wkt(), "metres_a_unit": 1.0})
    )
    review_project(*world, tmp_path / "review.qgs", dem=view, region="here")
    assert (
        sources(fromstring((tmp_path / "review.qgs").read_text()))["hillshade_of_dem"] == "../../../results/r/dem.tif"
    )
