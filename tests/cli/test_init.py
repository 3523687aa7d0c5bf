from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from lobate.cli.init import init_region
from lobate.cli.main import main
from lobate.errors import UserError
from lobate.settings.load import load, parse


@pytest.fixture(autouse=True)
def project_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
    waiting = re.findall(r"^ *# +(\w+):(?: |$)", text, re.M)
    assert waiting == [
        "scenes",
        "tiles",
        "removed",
        "training",
        "max_rounds",
        "network",
        "schedule",
        "decisions",
        "figures",
    ]
    used = yaml.safe_load(re.sub(r"^( *)# ( *)(\w+):(?= |$)", r"\1\2\3:", text, flags=re.M))
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
    assert list(Path().iterdir()) == []


def test_impossible_month_leaves_no_configuration(capsys):
    assert main(["init", "summer", "--months", "13"]) == 2
    assert "months" in capsys.readouterr().err
    assert list(Path().iterdir()) == []
