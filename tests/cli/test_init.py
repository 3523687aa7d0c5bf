from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import from_origin
from shapely.geometry import box

import lobate
from lobate.cli.init import init_region
from lobate.cli.main import main
from lobate.errors import UserError
from lobate.io.places import read_areas
from lobate.labels.outlines import read_outlines
from lobate.review.drawn_file import DrawnFile
from lobate.settings.load import load, parse


@pytest.fixture(autouse=True)
def project_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").touch()


def test_configuration_is_valid_and_holds_what_was_given(capsys):
    given = [
        "--area",
        "my area's.gpkg",
        "--years",
        "2018",
        "2019",
        "--months",
        "12",
        "1",
        "--positives",
        "a.shp",
        "b: c.gpkg",
    ]
    assert main(["init", "zailiyskiy", *given, "--negatives", "n.kml", "--landform", "rock glacier: active"]) == 0
    region = load(["config/zailiyskiy.yaml"])
    assert (region.region, region.landform) == ("zailiyskiy", "rock glacier: active")
    assert region.imagery.find.model_dump() == {
        "area": "my area's.gpkg",
        "layer": None,
        "years": [2018, 2019],
        "months": [12, 1],
    }
    assert [positive.path for positive in region.labels.positives] == ["a.shp", "b: c.gpkg"]
    assert [negative.path for negative in region.labels.negatives] == ["n.kml"]
    assert "lobate check config/zailiyskiy.yaml" in capsys.readouterr().out
    assert Path("resources/zailiyskiy/README.md").exists()


def test_files_not_given_have_a_place_and_check_names_what_is_needed_first(capsys):
    assert main(["init", "andes"]) == 0
    labels = load(["config/andes.yaml"]).labels
    assert (labels.negatives, [positive.path for positive in labels.positives]) == (
        [],
        ["resources/andes/positives.shp"],
    )
    assert main(["check", "config/andes.yaml"]) == 2
    assert "resources/andes/area.gpkg" in capsys.readouterr().err


def test_each_line_that_waits_behind_a_number_sign_can_be_used():
    init_region("andes", years=[2018], months=[7], positives=[], negatives=[])
    text = Path("config/andes.yaml").read_text()
    waiting = re.findall(r"^ *# +(?!Question)(\w+):(?: |$)", text, re.M)
    assert waiting == [
        "scenes",
        "tiles",
        "removed",
        "training",
        "max_rounds",
        "network",
        "schedule",
        "figures",
    ]
    used = yaml.safe_load(re.sub(r"^( *)# ( *)(?!Question)(\w+):(?= |$)", r"\1\2\3:", text, flags=re.M))
    assert used["imagery"].pop("scenes") == "resources/andes/scenes.tsv", "a table, or tiles instead of it"
    region = parse(used)
    assert region.imagery.tiles
    assert region.training.network.weights == "none"
    assert region.training.max_rounds == 1
    assert region.inventory.decisions == "resources/andes/decisions.gpkg"
    assert region.figures.credit == "Contains modified Copernicus Sentinel data 2018"


def test_nothing_is_overwritten(capsys):
    Path("config").mkdir()
    Path("config/here.yaml").write_text("mine")
    assert main(["init", "here"]) == 2
    assert Path("config/here.yaml").read_text() == "mine"
    assert not Path("resources").exists()


@pytest.mark.parametrize("name", ["../up", "", "a b", ".hidden", "x/y"])
def test_name_that_cannot_be_a_folder_is_refused(name):
    with pytest.raises(UserError, match="cannot name a region"):
        init_region(name, years=[2018], months=[7], positives=[], negatives=[])
    assert [path.name for path in Path().iterdir()] == ["Snakefile"]


def test_impossible_month_leaves_no_configuration(capsys):
    assert main(["init", "summer", "--months", "13"]) == 2
    assert "months" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["Snakefile"]


# Files that are looked at


def image(path, *, crs="EPSG:32644", left=500000, top=4000000, bands=3, dtype="uint8", descriptions=(), value=9):
    profile = {"driver": "GTiff", "height": 50, "width": 60, "count": bands, "dtype": dtype, "crs": crs}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", transform=from_origin(left, top, 10, 10), **profile) as dataset:
        dataset.write(np.full((bands, 50, 60), value, dtype))
        for number, text in enumerate(descriptions, 1):
            dataset.set_band_description(number, text)


def outlines(path, layer=None, *, crs="EPSG:32644", **fields):
    shapes = [box(500100 + 150 * n, 3999700, 500180 + 150 * n, 3999780) for n in range(2)]
    columns = fields or {"id": ["a", "b"]}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:32644").to_crs(crs).to_file(path, layer=layer)


def begun(*words):
    assert main(["init", "here", *map(str, words)]) == 0
    text = Path("config/here.yaml").read_text()
    return text, load(["config/here.yaml"])


def questions(text):
    return [line.split("# Question: ")[1] for line in text.splitlines() if "# Question: " in line]


def test_files_in_any_order_are_known_by_their_content(capsys):
    image("in/scene_20180711.tif")
    image("in/heights.tif", bands=1, dtype="float32", value=4200)
    outlines("in/rock_glaciers.shp", id=["a", "b"])
    outlines("in/negatives.gpkg", id=["n", "m"])
    outlines("in/study_area.geojson", id=["a", "b"])
    text, region = begun(*sorted(Path("in").iterdir()))
    assert region.imagery.tiles == {"scene_20180711": ["in/scene_20180711.tif"]}
    assert region.inventory.dem == "in/heights.tif"
    assert [file.path for file in region.labels.positives] == ["in/rock_glaciers.shp"]
    assert [file.path for file in region.labels.negatives] == ["in/negatives.gpkg"]
    assert "8 bit, 60 x 50 pixels of 10 m, EPSG:32644, 2018-07-11" in text
    assert "2 of the 2 outlines lie on the images" in text
    capsys.readouterr()
    assert main(["check", "config/here.yaml"]) == 0


def test_one_file_of_outlines_is_enough_and_its_ground_is_drawn(capsys):
    outlines("glaciers_and_more.gpkg", name=["x", "y"])
    text, region = begun("glaciers_and_more.gpkg")
    drawn = gpd.read_file("resources/here/area.gpkg").to_crs(32644)
    assert region.imagery.find.area == "resources/here/area.gpkg"
    assert drawn.buffer(-4900).contains(box(500100, 3999700, 500330, 3999780)).all()
    assert drawn.area.sum() < 15_000**2
    assert any("is this the ground to map" in question for question in questions(text))
    assert (region.labels.positives[0].id_field, region.landform) == ("name", "glacier")
    capsys.readouterr()
    assert main(["check", "config/here.yaml"]) == 0


@pytest.mark.parametrize(
    ("fields", "id_field", "asked"),
    [
        ({"id": [1, 2], "area": [0.5, 0.7]}, "id", False),
        ({"code": ["a", "b"], "id": [7, 7]}, "code", False),
        ({"RGIId": ["a", "b"], "GLIMSId": ["c", "d"]}, "RGIId", True),
        ({"kind": ["a", "a"]}, None, True),
        ({"id": ["a", None]}, None, True),
        ({"size": [0.5, 0.7]}, None, True),
    ],
)
def test_the_field_of_identifiers_is_the_unique_one_or_a_question(fields, id_field, asked):
    outlines("rock_glaciers.gpkg", **fields)
    text, region = begun("--positives", "rock_glaciers.gpkg")
    assert region.labels.positives[0].id_field == id_field
    assert any("identifier" in question or "names the outlines" in question for question in questions(text)) == asked


@pytest.mark.parametrize(
    ("name", "fields", "landform"),
    [
        ("rock_glaciers.gpkg", {"id": ["a", "b"]}, "rock glacier"),
        ("x.gpkg", {"id": ["a", "b"], "type": ["Rock glacier", "Rock glacier"]}, "rock glacier"),
        ("RGI60.gpkg", {"RGIId": ["a", "b"]}, "glacier"),
        ("landslides_2018.gpkg", {"id": ["a", "b"]}, "landslide"),
        ("x.gpkg", {"id": ["a", "b"]}, None),
    ],
)
def test_the_landform_is_what_names_tell_or_a_question(name, fields, landform):
    outlines(name, **fields)
    text, region = begun("--positives", name)
    assert region.landform == (landform or "rock glacier")
    assert any("what is mapped" in question for question in questions(text)) == (landform is None)
    Path("config/here.yaml").unlink()
    text, region = begun("--positives", name, "--landform", "pingo")
    assert region.landform == "pingo"


def test_what_an_image_does_not_tell_is_asked_and_check_names_it(capsys):
    image("raw.tif", dtype="uint16", descriptions=["B04", "B03", "B02"])
    image("five.tif", left=600000, bands=5, dtype="uint8")
    outlines("rock_glaciers.gpkg")
    text, _ = begun("raw.tif", "five.tif", "rock_glaciers.gpkg")
    asked = questions(text)
    assert any("raw.tif" in question and "imagery.offset: none" in question for question in asked)
    assert any("five.tif" in question and "imagery.band_order" in question for question in asked)
    assert any("is there cloud" in question for question in asked)
    assert any("whose images" in question for question in asked)
    capsys.readouterr()
    assert main(["check", "config/here.yaml"]) == 2
    told = capsys.readouterr().err
    assert "imagery.offset" in told
    assert "imagery.band_order" in told


def test_dates_of_one_tile_stand_together_and_no_tile_has_the_name_of_a_result():
    image("S2A_44SPC_20180711.tif")
    image("S2B_44SPC_20180731.tif")
    image("june.tif", left=700000)
    image("july.tif", left=700000)
    image("split.tif", left=800000)
    image("other/june.tif", left=900000)
    _, region = begun(*sorted(Path().rglob("*.tif")), "--positives", "later.gpkg")
    tiles = {name: sorted(Path(path).name for path in paths) for name, paths in region.imagery.tiles.items()}
    assert tiles["T44SPC"] == ["S2A_44SPC_20180711.tif", "S2B_44SPC_20180731.tif"]
    assert ["july.tif", "june.tif"] in tiles.values()
    assert "split" not in tiles
    assert len(tiles) == 4


def test_several_layers_are_a_question_that_check_repeats(capsys):
    outlines("mine.gpkg", "first")
    outlines("mine.gpkg", "second")
    text, _ = begun("mine.gpkg")
    assert any("which layer holds the outlines: first, second" in question for question in questions(text))
    Path("resources/here/area.gpkg").parent.mkdir(exist_ok=True, parents=True)
    outlines("resources/here/area.gpkg")
    capsys.readouterr()
    assert main(["check", "config/here.yaml"]) == 2
    assert "several layers (first, second)" in capsys.readouterr().err


def test_a_layer_with_the_landform_in_its_name_is_taken():
    outlines("mine.gpkg", "rock_glaciers")
    outlines("mine.gpkg", "aoi")
    _, region = begun("mine.gpkg")
    assert region.labels.positives[0].layer == "rock_glaciers"


def test_the_season_is_that_of_the_hemisphere():
    outlines("south.gpkg", crs="EPSG:4326")
    gpd.read_file("south.gpkg").translate(yoff=-70).to_file("south_rock_glaciers.gpkg")
    assert begun("south_rock_glaciers.gpkg")[1].imagery.find.months == [1, 2]
    Path("config/here.yaml").unlink()
    assert begun("south.gpkg")[1].imagery.find.months == [7, 8]


@pytest.mark.parametrize("name", ["gone.gpkg", "notes.txt", "broken.gpkg"])
def test_a_file_that_is_nothing_of_this_is_a_paragraph_and_nothing_is_written(name, capsys):
    Path("notes.txt").write_text("hello")
    Path("broken.gpkg").write_text("hello")
    assert main(["init", "here", name]) == 2
    assert name in capsys.readouterr().err
    assert not Path("config").exists()


def test_outside_a_project_nothing_is_made_unless_a_new_one_is_wanted(capsys):
    Path("Snakefile").unlink()
    assert main(["init", "here"]) == 2
    assert "is no project of lobate" in capsys.readouterr().err
    assert list(Path().iterdir()) == []
    outlines("rock_glaciers.gpkg")
    image("a.tif")
    begun("rock_glaciers.gpkg", "a.tif", "--new")
    assert main(["init", "there", "--new"]) == 2
    assert "a project already" in capsys.readouterr().err
    command = ["snakemake", "-n", "--cores", "1", "--configfile", "config/here.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(Path(lobate.__file__).parents[1])}
    plan = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, env=environment
    )
    assert plan.returncode == 0, plan.stderr
    assert re.search(r"^all +1$", plan.stdout, re.M)
    assert re.search(r"^train +3$", plan.stdout, re.M)


@pytest.mark.parametrize("field", ["id", "名称id"])
def test_an_encoding_that_nothing_names_is_a_question(field, capsys):
    outlines("rock_glaciers.shp", **{field: ["冰川一", "冰川二"]})
    frame = gpd.read_file("rock_glaciers.shp")
    frame.to_file("gbk.shp", encoding="GBK")
    Path("gbk.cpg").unlink()
    text, region = begun("--positives", "gbk.shp")
    assert region.labels.positives[0].id_field is None
    assert any("in which encoding are its fields?" in question for question in questions(text))
    Path("gbk.cpg").write_text("GBK")
    Path("config/here.yaml").unlink()
    assert begun("--positives", "gbk.shp")[1].labels.positives[0].id_field == field


def test_outlines_on_both_sides_of_180_degrees_ask_for_an_area(capsys):
    shapes = [box(179.9, 10, 179.95, 10.1), box(-179.95, 10, -179.9, 10.1)]
    gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=shapes, crs=4326).to_file("rock_glaciers.gpkg")
    assert main(["init", "here", "rock_glaciers.gpkg"]) == 2
    assert "--area" in capsys.readouterr().err
    assert not Path("config").exists()


def test_with_images_alone_the_labels_are_those_that_are_drawn_in_the_review(capsys):
    image("images/a.tif")
    assert main(["init", "andes", "images/a.tif"]) == 0
    region = load(["config/andes.yaml"])
    drawn = "resources/andes/drawn.gpkg"
    for kind in ("positives", "negatives"):
        (file,) = getattr(region.labels, kind)
        assert (file.path, file.layer, file.id_field) == (drawn, kind, "id")
    assert region.labels.complete == drawn
    assert region.inventory.decisions == "resources/andes/decisions.gpkg"
    capsys.readouterr()
    assert main(["check", "config/andes.yaml"]) == 2
    told = capsys.readouterr().err
    assert f"{drawn}, in which nothing is drawn yet. Draw the outlines with lobate review" in told
    assert "decisions.gpkg" not in told, "nothing decided is no mistake"

    outline = gpd.GeoSeries([box(500100, 3999700, 500300, 3999900)], crs="EPSG:32644").to_crs(4326)[0]
    file = DrawnFile(Path(drawn))
    file.draw("Anna", "negatives", outline)
    assert main(["check", "config/andes.yaml"]) == 2, "negatives alone teach nothing"
    file.undo("Anna")
    file.draw("Anna", "positives", outline)
    assert main(["check", "config/andes.yaml"]) == 0, capsys.readouterr().err
    assert read_areas(Path(drawn)).empty
    (negatives,) = region.labels.negatives
    assert read_outlines(Path(drawn), negatives, "negative").empty
    (positives,) = region.labels.positives
    assert read_outlines(Path(drawn), positives, "positive")["outline"].tolist() == ["positive_1"]
    file.draw("Anna", "complete", outline)
    assert len(read_areas(Path(drawn))) == 1

    config = Path("config/andes.yaml")
    config.write_text(config.read_text().replace("decisions: resources/andes/", "decisions: resources/other/"))
    capsys.readouterr()
    assert main(["check", "config/andes.yaml"]) == 2, "that one name only"
    assert "names resources/other/decisions.gpkg, which does not exist" in capsys.readouterr().err
