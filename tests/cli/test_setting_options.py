"""Settings as options of a verb, and the language of its messages."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import box

from lobate.cli.main import main
from lobate.cli.map import MAP_OPTIONS
from lobate.cli.setting_options import input_options, region_of, setting_options
from lobate.cli.wording import OptionNames
from lobate.engine.registry import ROOM_OF, load
from lobate.engine.signature import Setting, all_parameters
from lobate.errors import UserError
from lobate.settings import load as settings_file
from lobate.settings.region import Region


def options_of(verb):
    return setting_options(all_parameters(load(verb)))


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    profile = {"driver": "GTiff", "height": 50, "width": 60, "count": 3, "dtype": "uint8", "crs": "EPSG:32644"}
    with rasterio.open("a.tif", "w", transform=from_origin(500000, 4000000, 10, 10), **profile) as image:
        image.write(np.full((3, 50, 60), 9, np.uint8))
    shapes = [box(500100, 3999800, 500200, 3999900), box(500300, 3999800, 500308, 3999808)]
    gpd.GeoDataFrame({"id": ["p1", "p2"]}, geometry=shapes, crs="EPSG:32644").to_file("p.gpkg")
    return tmp_path


@pytest.mark.parametrize("verb", sorted(ROOM_OF))
def test_each_option_is_the_setting_of_one_name_and_none_of_the_verbs_own(verb):
    parameters = all_parameters(load(verb))
    options = options_of(verb)
    names = [option.name for option in options]
    own = {f"--{name.replace('_', '-')}" for name, one in parameters.items() if not isinstance(one.marker, Setting)}
    assert len(set(names)) == len(names)
    assert not set(names) & (own | {"--settings", "--log"})
    for option in options:
        assert settings_file._known_keys(Region, option.setting.split(".")[:-1])
        assert all(re.fullmatch(r"--[a-z0-9-]*[a-z0-9]", name) for name in names)


@pytest.mark.parametrize(
    ("verb", "option", "setting"),
    [
        ("crop_patches", "--min-valid", "patches.crop.min_valid"),
        ("mine_negatives", "--from", "training.mining.from"),
        ("split_patches", "--test-method", "patches.split.test.method"),
        ("compose_rgb", "--band-order", "imagery.band_order"),
        ("score", "--reference-complete", "mapping.reference.complete"),
    ],
)
def test_an_option_is_named_like_the_last_key_of_its_setting(verb, option, setting):
    assert {one.setting: one.name for one in options_of(verb)}[setting] == option


def test_options_go_before_the_file_and_the_rest_has_its_defaults(world):
    parameters = all_parameters(load("crop_patches"))
    (world / "c.yaml").write_text(
        "{region: r, imagery: {tiles: {T: a.tif}}, labels: {positives: p.gpkg}, patches: {crop: {min_valid: 0.3, core: 32}}}"
    )
    both = region_of([world / "c.yaml"], {"patches.crop.min_valid": 0.4}, parameters, {}).patches.crop
    assert (both.min_valid, both.core, both.margin) == (0.4, 32, 160)
    assert region_of(None, {"patches.crop.min_valid": 0.4}, parameters, {}).patches.crop.core == 160
    assert region_of(None, {}, parameters, {}) is None


def test_a_verb_runs_with_options_alone_and_its_inputs_name_their_settings(world, capfd):
    words = ["clean-labels", "--positives", "p.gpkg", "--images", "a.tif", "--tiles", "T", "--polygons"]
    assert main([*words, "out.gpkg", "--min-area-m2", "1", "--min-width-m", "0"]) == 0
    assert len(gpd.read_file("out.gpkg", layer="kept")) == 2
    assert main([*words, "few.gpkg", "--min-area-m2=100"]) == 0
    assert len(gpd.read_file("few.gpkg", layer="kept")) == 1


def test_a_wrong_value_is_told_by_the_option(world, capfd):
    words = ["clean-labels", "--positives", "p.gpkg", "--images", "a.tif", "--tiles", "T", "--polygons", "o.gpkg"]
    assert main([*words, "--min-area-m2", "-1"]) == 2
    assert "Option --min-area-m2 is -1: input should be greater" in capfd.readouterr().err
    assert main([*words, "--min-area-m2", "[1"]) == 2
    assert "Option --min-area-m2 cannot be read" in capfd.readouterr().err


def test_messages_name_options_where_options_were_given_and_settings_where_a_file_was(world, capfd):
    words = ["clean-labels", "--positives", "p.gpkg", "--images", "a.tif", "--tiles", "T", "--polygons", "o.gpkg"]
    assert main([*words, "--min-area-m2", "1e9"]) == 2
    assert "Check --positives against the images of --images" in capfd.readouterr().err
    (world / "c.yaml").write_text(
        "{region: r, imagery: {tiles: {T: a.tif}}, labels: {positives: p.gpkg, min_area_m2: 1.0e+9}}"
    )
    assert main([*words, "--settings", "c.yaml"]) == 2
    assert "Check labels.positives against the images of imagery.tiles" in capfd.readouterr().err


NAMES = OptionNames(
    {
        "imagery.offset": "--offset",
        "patches.crop.min_valid": "--min-valid",
        "mapping.predict.window": "--window",
        "mapping.predict.overlap": "--overlap",
        "imagery.tiles": "the scenes that you name",
    }
)


@pytest.mark.parametrize(
    ("library", "command_line"),
    [
        ("Lower patches.crop.min_valid.", "Lower --min-valid."),
        ("Setting patches.crop.min_valid is 3: too much.", "Option --min-valid is 3: too much."),
        ("the setting imagery.offset: none where", "the option --offset none where"),
        ('or imagery.offset: "1000" where', 'or --offset "1000" where'),
        ("imagery.offset: give it", "--offset: give it"),
        ("Setting mapping.predict is {}: too wide.", "Option --window or --overlap is {}: too wide."),
        ("Setting imagery.tiles.T: a.tif", "Setting imagery.tiles.T: a.tif"),
        ("labels.positives stays, and x.imagery.offset too", "labels.positives stays, and x.imagery.offset too"),
    ],
)
def test_settings_are_spelt_as_options(library, command_line):
    assert NAMES(library) == command_line


def test_files_of_a_setting_are_named_by_the_input_that_holds_them():
    options = input_options(all_parameters(load("clean_labels")))
    assert options["labels.positives"] == "--positives"
    assert options["imagery.tiles"] == "--images"
    assert options["inventory.decisions"] == "--decisions"
    assert "inventory.dem" not in options


def test_brackets_that_do_not_close_are_a_paragraph():
    (option,) = [one for one in options_of("compose_rgb") if one.name == "--bands"]
    assert option.value(["B04", "B03"]) == option.value(["[B04, B03]"]) == ["B04", "B03"]
    with pytest.raises(UserError, match="--bands cannot be read"):
        option.value(["[B04"])


@pytest.mark.parametrize("setting", sorted(MAP_OPTIONS))
def test_what_map_calls_a_setting_is_one_of_its_options(setting, capsys):
    *place, key = setting.split(".")
    assert key in settings_file._known_keys(Region, place)
    assert main(["map", "--help"]) == 0
    words = MAP_OPTIONS[setting]
    assert not words.startswith("--") or f"{words} " in capsys.readouterr().out
