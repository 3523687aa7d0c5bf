"""Configurations: defaults, merging, and all mistakes in one message."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import yaml

from lobate.errors import UserErrors
from lobate.io import redaction
from lobate.settings.load import NOWHERE, load, parse, parse_rest, resolved_json
from lobate.settings.schema import json_schema, settings_schema

LEAST = {"region": "r", "imagery": {"tiles": {"T": ["a.tif"]}}, "labels": {"positives": [{"path": "p.shp"}]}}


def test_defaults_are_the_papers_values():
    region = parse(LEAST)
    assert region.training.target_iou == 0.80
    assert region.training.network.backbone == "xception71"
    schedule = region.training.schedule
    assert (schedule.iterations, schedule.batch, schedule.learning_rate, schedule.crop) == (30_000, 8, 0.007, 480)
    assert (region.patches.crop.buffer_m, region.patches.crop.core + 2 * region.patches.crop.margin) == (1500, 480)
    assert region.mapping.filter.min_area_km2 == 0.03


def test_schema_file_is_in_step_with_the_models(project):
    assert (project / "workflow/schemas/config.schema.json").read_text() == json_schema(), "run: make schema"


def test_every_setting_is_described():
    def bare(node: object, place: str) -> list[str]:
        if isinstance(node, dict):
            missing = [f"{place}.{key}" for key, one in node.get("properties", {}).items() if "description" not in one]
            return missing + [name for key, one in node.items() for name in bare(one, f"{place}.{key}")]
        return []

    assert bare(settings_schema(), "") == []


def test_all_mistakes_come_at_once_with_the_nearest_key():
    bad = {
        **LEAST,
        "trainig": {},
        "patches": {"crop": {"bufer_m": 1}},
        "training": {"target_iou": 3},
        "mapping": {"predict": {"overlap": 400}},
    }
    with pytest.raises(UserErrors) as caught:
        parse(bad)
    text = "\n".join(caught.value.messages)
    assert len(caught.value.messages) == 4
    assert "Setting trainig is not known; the nearest known key is training." in text
    assert "the nearest known key is patches.crop.buffer_m" in text
    assert "Setting training.target_iou is 3: input should be less than or equal to 1" in text
    assert "overlap must not exceed half the window" in text


def test_a_section_whose_lines_are_all_commented_out_has_its_defaults():
    """YAML calls it null: what is left of ``inventory:`` when ``dem:`` below it gets a #."""
    empty = {"patches": None, "training": {"schedule": None}, "inventory": None, "mapping": {"filter": None}}
    assert parse({**LEAST, **empty}) == parse(LEAST)
    assert parse({**LEAST, "mapping": {"reference": None}, "example": None}) == parse(LEAST)


def test_an_empty_section_that_must_hold_something_says_what():
    with pytest.raises(UserErrors, match=r"Setting labels\.positives is missing"):
        parse({**LEAST, "labels": None})


def test_missing_setting_is_named():
    with pytest.raises(UserErrors, match=r"Setting labels\.positives is missing"):
        parse({**LEAST, "labels": {}})


def test_nearest_key_inside_lists_and_mappings():
    bad = {
        **LEAST,
        "inventory": {"others": {"insar": {"path": "x", "methd": "y"}}},
        "labels": {"positives": [{"path": "p", "id_feld": "i"}]},
    }
    with pytest.raises(UserErrors) as caught:
        parse(bad)
    assert "inventory.others.insar.method" in str(caught.value)
    assert "labels.positives.0.id_field" in str(caught.value)


def test_later_files_overrule_earlier_ones(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(json.dumps({**LEAST, "training": {"target_iou": 0.7, "max_rounds": 2}}))
    second.write_text("training: {target_iou: 0.9}")
    region = load([first, second])
    assert (region.training.target_iou, region.training.max_rounds) == (0.9, 2)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [", "\x00", "region: {"])
def test_unreadable_configuration_is_a_mistake(tmp_path, text):
    from lobate.errors import UserError

    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UserError, match="configuration file"):
        load([tmp_path / "c.yaml"])


def test_resolved_settings_read_back_alike():
    region = parse(LEAST)
    assert parse(json.loads(resolved_json(region))) == region


def test_a_path_stands_for_a_file_of_outlines_and_for_a_list_of_one():
    plain = {
        "region": "r",
        "imagery": {"tiles": {"A": "image.tif"}},
        "labels": {"positives": "p.shp", "negatives": ["n.geojson", {"path": "m.gpkg", "layer": "a"}]},
        "mapping": {
            "reference": "r.gpkg",
            "filter": {"occurrence_files": "o.gpkg"},
            "predict": {"ensemble": "m.safetensors"},
        },
        "patches": {"split": {"test": {"method": "region", "region": "t.gpkg"}}},
        "inventory": {"others": {"insar": "i.gpkg"}},
    }
    written = {
        "region": "r",
        "imagery": {"tiles": {"A": ["image.tif"]}},
        "labels": {
            "positives": [{"path": "p.shp"}],
            "negatives": [{"path": "n.geojson"}, {"path": "m.gpkg", "layer": "a"}],
        },
        "mapping": {
            "reference": {"path": "r.gpkg"},
            "filter": {"occurrence_files": [{"path": "o.gpkg"}]},
            "predict": {"ensemble": ["m.safetensors"]},
        },
        "patches": {"split": {"test": {"method": "region", "region": {"path": "t.gpkg"}}}},
        "inventory": {"others": {"insar": {"path": "i.gpkg"}}},
    }
    assert parse(plain) == parse(written)
    assert parse(json.loads(resolved_json(parse(plain)))) == parse(plain)
    jsonschema = pytest.importorskip("jsonschema")
    for config in (plain, written):
        jsonschema.validate(config, json.loads(json_schema()))


@pytest.mark.parametrize(
    "catalogue",
    [
        {"url": "https://me:secret-word@stac.example/v1", "collection": "c"},
        {"signing": "https://secret-word@sign.example"},
        {"archive": {"token_url": "https://me:secret-word@login.example/token"}},
        {"archive": {"s3_endpoint": "https://KEY:secret-word@s3.example"}},
        {"archive": {"password": "secret-word"}},
        {"archive": {"token_hosts": ["me:secret-word@files.example"]}},
    ],
)
def test_a_configuration_takes_no_keys_and_its_mistakes_show_none(catalogue, monkeypatch):
    monkeypatch.setattr(redaction, "_hidden", set())
    with pytest.raises(UserErrors) as raised:
        parse({**LEAST, "imagery": {**LEAST["imagery"], "catalogue": catalogue}})
    assert "secret-word" not in str(raised.value)


def test_what_is_left_of_a_wrong_configuration_is_told_as_the_whole_is(project):
    """Anything in any place: the mistakes are found where ``parse`` finds some, and no placeholder is told."""
    whole = yaml.safe_load((project / "config/west_kunlun.yaml").read_text())
    choose = np.random.default_rng(5)
    everywhere = [*_places(whole)]
    left = 0
    for place in (everywhere[n] for n in choose.integers(0, len(everywhere), 120)):
        config = copy.deepcopy(whole)
        node = config
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = copy.deepcopy(JUNK[choose.integers(len(JUNK))])
        try:
            parse(config)
            wrong = False
        except UserErrors:
            wrong = True
        region, mistakes = parse_rest(config)
        assert bool(mistakes) == wrong, place
        assert not any(NOWHERE in mistake for mistake in mistakes)
        left += region is not None
    assert left > 110, "of nearly all, the files can be checked"


JUNK = (None, 0, -1, 1e308, "", "x", [], {}, [[]], True, [1, 2], {"a": 1}, [{}], "a{b}")


def _places(node, place=()):
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*place, key)
        yield from _places(value, (*place, key))
