"""Annotations of other tools on georeferenced images: each format gives the same outline on the ground."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin

from lobate.cli.main import main
from lobate.errors import UserError
from lobate.labels.annotations.coco import _unpack, decode_mask
from lobate.labels.annotations.images import base_name
from lobate.labels.annotations.outlines import import_labels

HEIGHT, WIDTH = 40, 60
RING = [[10, 5], [30, 5], [30, 25], [10, 25]]
"""In pixels: columns 10 to 30, rows 5 to 25."""
GROUND = shapely.box(500000 + 100, 4000000 - 250, 500000 + 300, 4000000 - 50)
CRS = "EPSG:32644"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_image("scene.tif")
    return tmp_path


def write_image(path, *, height=HEIGHT, width=WIDTH, left=500000, crs=CRS, transform=None):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    transform = transform or from_origin(left, 4000000, 10, 10)
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "uint8", "crs": crs}
    with rasterio.open(path, "w", transform=transform, **profile) as dataset:
        dataset.write(np.ones((1, height, width), np.uint8))


def mask():
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[5:25, 10:30] = True
    return pixels


def runs_of(pixels):
    """Return the runs of a mask down its columns, the first one outside, as COCO writes them."""
    flat = pixels.ravel(order="F").astype(int)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, len(flat)]).tolist()
    return [0, *runs] if flat[0] else runs


def packed(runs):
    """Return runs as COCO's compressed text; an encoder apart from the library's decoder."""
    text = ""
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        while True:
            bits, value = value & 31, value >> 5
            is_last = (value == 0 and not bits & 16) or (value == -1 and bits & 16)
            text += chr(48 + (bits if is_last else bits | 32))
            if is_last:
                break
    return text


def coco(segmentation, **image):
    return {
        "images": [{"id": 1, "file_name": "images/scene.tif", "height": HEIGHT, "width": WIDTH, **image}],
        "categories": [{"id": 7, "name": "rock glacier"}],
        "annotations": [{"id": 3, "image_id": 1, "category_id": 7, "segmentation": segmentation}],
    }


def task(value, kind="polygonlabels", image="/data/upload/1/0a1b2c3d-scene.tif"):
    item = {"id": "x1", "type": kind, "value": value, "original_width": WIDTH, "original_height": HEIGHT}
    return [{"id": 9, "data": {"image": image}, "annotations": [{"result": [item]}]}]


def feature(ring, **properties):
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": properties, "geometry": geometry}],
    }


PER_CENT = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in RING]
SOURCES = {
    "coco polygon": coco([np.ravel(RING).tolist()]),
    "coco mask": coco({"counts": runs_of(mask()), "size": [HEIGHT, WIDTH]}),
    "coco packed mask": coco({"counts": packed(runs_of(mask())), "size": [HEIGHT, WIDTH]}),
    "label studio": task({"points": PER_CENT, "polygonlabels": ["rock glacier"]}),
    "label studio local": task(
        {"points": PER_CENT, "polygonlabels": ["rock glacier"]}, image="/data/local-files/?d=some/scene.tif"
    ),
    "labelme": {
        "imagePath": "..\\scene.tif",
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        "shapes": [{"label": "rock glacier", "points": RING, "shape_type": "polygon"}],
    },
    "geojson": feature(RING, image="scene.tif", label="rock glacier"),
    "geojson upwards": feature([[x, -y] for x, y in RING], image="scene.tif", classification={"name": "rock glacier"}),
}


def imported(source, **options):
    counts = import_labels(Path(source), Path("out.gpkg"), **options)
    return counts, gpd.read_file("out.gpkg", layer="outlines")


@pytest.mark.parametrize("kind", SOURCES)
def test_each_format_gives_the_outline_on_the_ground(folder, kind):
    Path("a.json").write_text(json.dumps(SOURCES[kind]))
    counts, found = imported("a.json")
    assert counts == {"rock glacier": 1}
    assert found.crs.to_epsg() == 4326
    assert found["class"].tolist() == ["rock glacier"]
    assert found["id"].tolist()[0].startswith(("scene_", "0a1b2c3d-scene_"))
    assert found.to_crs(CRS).geometry[0].symmetric_difference(GROUND).area < 1


@pytest.mark.parametrize("names", ["names: [lake, rock glacier]", "names: {0: lake, 1: rock glacier}", None])
def test_yolo_in_its_folders_of_labels_and_images(folder, names):
    write_image("set/images/train/scene.tif")
    Path("set/labels/train").mkdir(parents=True)
    shares = " ".join(f"{x / WIDTH} {y / HEIGHT}" for x, y in RING)
    Path("set/labels/train/scene.txt").write_text(f"1 {shares}\n\n0 0.5 0.5 0.1 0.1\n")
    if names:
        Path("set/data.yaml").write_text(names)
    for source in ("set/labels/train", "set/labels", "set/labels/train/scene.txt"):
        counts, found = imported(source)
        assert counts == {"rock glacier" if names else "1": 1}
        assert found.to_crs(CRS).geometry[0].symmetric_difference(GROUND).area < 1


def test_an_image_of_another_format_is_placed_by_the_geotiff_of_its_name(folder):
    Path("a.json").write_text(json.dumps(coco([np.ravel(RING).tolist()], file_name="scene.png")))
    assert imported("a.json")[1].to_crs(CRS).geometry[0].symmetric_difference(GROUND).area < 1


@pytest.mark.parametrize("case", ["none", "no place", "another size", "several"])
def test_an_image_without_one_place_is_refused_and_nothing_is_written(folder, case, capfd):
    Path("a.json").write_text(json.dumps(SOURCES["coco polygon"]))
    Path("scene.tif").unlink()
    if case == "no place":
        write_image("scene.tif", crs=None, transform=rasterio.Affine.identity())
    if case == "another size":
        write_image("scene.tif", height=80)
    if case == "several":
        write_image("one/scene.tif")
        write_image("two/scene.tif", left=600000)
    assert main(["import-labels", "a.json", "--out", "out.gpkg"]) == 2
    told = capfd.readouterr().err
    words = {"another size": "60 x 40 pixels", "several": "Several images"}.get(case, "have no place")
    assert words in told
    assert "scene.tif" in told
    assert not Path("out.gpkg").exists()
    if case == "several":
        assert main(["import-labels", "a.json", "--out", "out.gpkg", "--images", "one"]) == 0


def test_what_is_no_outline_is_counted_once_and_never_dropped_in_silence(folder, caplog):
    content = coco([np.ravel(RING).tolist()])
    content["annotations"] += [{"id": n, "image_id": 1, "category_id": 7, "bbox": [0, 0, 5, 5]} for n in (4, 5)]
    content["annotations"] += [{"id": 6, "image_id": 1, "category_id": 7, "segmentation": [[1, 1, 2, 2]]}]
    Path("a.json").write_text(json.dumps(content))
    with caplog.at_level("WARNING", logger="lobate"):
        assert import_labels(Path("a.json"), Path("out.gpkg")).total() == 1
    assert sorted(record.getMessage() for record in caplog.records) == [
        "a.json: 1 outlines without area are left out",
        "a.json: 2 boxes without an outline are left out",
    ]
    content["annotations"] = content["annotations"][1:]
    Path("a.json").write_text(json.dumps(content))
    with pytest.raises(
        UserError, match=r"holds no outline \(but 2 boxes without an outline, 1 outlines without area|holds no outline"
    ):
        import_labels(Path("a.json"), Path("other.gpkg"))


def test_classes_choose_and_a_class_that_is_not_there_is_told(folder):
    content = coco([np.ravel(RING).tolist()])
    content["categories"].append({"id": 8, "name": "lake"})
    content["annotations"].append({**content["annotations"][0], "id": 4, "category_id": 8})
    Path("a.json").write_text(json.dumps(content))
    assert imported("a.json", classes=["lake"])[0] == {"lake": 1}
    assert imported("a.json")[0] == {"lake": 1, "rock glacier": 1}
    with pytest.raises(UserError, match="no class pond; it has lake, rock glacier"):
        imported("a.json", classes=["pond"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("[1, 2]", "none of the formats"),
        (json.dumps(coco({"counts": [1, 2], "size": [HEIGHT, WIDTH]})), "annotation 3: its mask has 3 pixels"),
        (json.dumps(coco([[1, 2, 3]])), "annotation 3 is not as the tool writes it"),
        (json.dumps({**coco([[1, 2]]), "images": []}), "annotation 3 is not as the tool writes it"),
        (json.dumps([{"data": {}}]), "task 0 is not as the tool writes it"),
        (json.dumps(task({"rle": [1]}, "brushlabels")), "1 brush shapes, which are no polygons"),
    ],
)
def test_other_content_is_a_paragraph(folder, content, words):
    Path("a.json").write_text(content)
    with pytest.raises(UserError, match=words.replace("(", r"\(")):
        import_labels(Path("a.json"), Path("out.gpkg"))


@pytest.mark.parametrize(
    "line", ["1 0.1 0.2 0.3", "1 0.1 0.2 0.3 0.4 0.5", "1 10 20 30 40 50 60", "one 0.1 0.2 0.3 0.4 0.5 0.6"]
)
def test_a_line_that_is_no_outline_of_yolo_is_named(folder, line):
    Path("scene.txt").write_text(f"\n{line}\n")
    with pytest.raises(UserError, match=r"scene\.txt, line 2"):
        import_labels(Path("scene.txt"), Path("out.gpkg"))


@given(st.lists(st.booleans(), min_size=12, max_size=12))
def test_a_mask_is_read_as_it_was_written(pixels):
    grid = np.array(pixels).reshape(3, 4)
    runs = runs_of(grid)
    assert _unpack(packed(runs)) == runs
    for counts in (runs, packed(runs)):
        assert (decode_mask(counts, (3, 4), "x") == grid).all()


@given(st.lists(st.integers(0, 10**6), max_size=20))
def test_packed_runs_are_read_as_they_were_written(runs):
    assert _unpack(packed(runs)) == runs


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("a/b/c.tif", "c.tif"),
        (r"a\b\c.tif", "c.tif"),
        ("/data/local-files/?d=a/b%20c.tif", "b c.tif"),
        ("https://archive.example/x/c.tif?sign=1", "c.tif"),
        ("s3://bucket/x/c.tif", "c.tif"),
    ],
)
def test_the_name_of_an_image_is_the_last_part_of_its_path(name, base):
    assert base_name(name) == base


def test_outlines_that_are_on_the_ground_already_are_not_taken_for_pixels(folder):
    degrees = feature([[15.1, 46.2], [15.2, 46.2], [15.2, 46.3]], image="scene.tif")
    Path("a.geojson").write_text(json.dumps(degrees))
    write_image("scene.tif", height=90, width=90)
    with pytest.raises(UserError, match="smaller than a pixel"):
        import_labels(Path("a.geojson"), Path("out.gpkg"))
    Path("a.geojson").write_text(json.dumps({**degrees, "crs": {"type": "name"}}))
    with pytest.raises(UserError, match="on the ground already"):
        import_labels(Path("a.geojson"), Path("out.gpkg"))
    assert not Path("out.gpkg").exists()


@pytest.mark.parametrize("kind", ["coco polygon", "geojson", "label studio"])
def test_an_outline_off_the_image_was_drawn_on_another(folder, kind):
    moved = json.loads(json.dumps(SOURCES[kind]).replace("scene.tif", "small.tif"))
    if kind == "coco polygon":
        moved["images"] = [{"id": 1, "file_name": "small.tif"}]
    if kind == "label studio":
        moved[0]["annotations"][0]["result"][0]["value"]["points"] = [[110, 10], [120, 10], [120, 20]]
        write_image("small.tif")
    else:
        write_image("small.tif", height=4, width=4)
    Path("a.json").write_text(json.dumps(moved))
    with pytest.raises(UserError, match="lie off the image"):
        import_labels(Path("a.json"), Path("out.gpkg"))


def test_coordinates_that_are_no_numbers_are_counted(folder, caplog):
    content = coco([np.ravel(RING).tolist()])
    content["annotations"].append({**content["annotations"][0], "id": 4, "segmentation": [[float("nan")] * 6]})
    Path("a.json").write_text(json.dumps(content))
    assert import_labels(Path("a.json"), Path("out.gpkg")).total() == 1
    assert "1 outlines without area" in caplog.text


JUNK = (None, 0, -1, 1e308, "", "x", [], {}, [[]], True, [1, 2], {"a": 1})


def places(node, place=()):
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*place, key)
        yield from places(value, (*place, key))


@pytest.mark.parametrize("kind", SOURCES)
def test_anything_in_any_place_is_taken_or_a_paragraph(folder, kind):
    choose = np.random.default_rng(3)
    everywhere = [*places(SOURCES[kind])]
    for place in (everywhere[n] for n in choose.integers(0, len(everywhere), 60)):
        content = json.loads(json.dumps(SOURCES[kind]))
        node = content
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = JUNK[choose.integers(len(JUNK))]
        Path("a.json").write_text(json.dumps(content))
        with suppress(UserError):
            import_labels(Path("a.json"), Path("out.gpkg"))
