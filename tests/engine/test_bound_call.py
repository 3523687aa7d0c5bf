"""A verb and its arguments: paths and scalars of the caller, settings of the region, the stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

from lobate.engine.bound_call import bind, json_settings, resolve_args
from lobate.engine.signature import Input, Output, Setting, run_instead_if
from lobate.errors import UserError
from lobate.settings.load import parse
from lobate.settings.mapping import Vectorize
from lobate.store.link import OutputTarget


def first_tile(names: dict[str, list[str]], tile: str = "") -> list[str]:
    return names[tile]


def reached(
    score: Annotated[Path | None, Input()] = None, *, goal: Annotated[float, Setting("training.target_iou")]
) -> bool:
    return score is not None and float(score.read_text()) >= goal


def copy_previous(score: Annotated[Path, Input()], model: Annotated[Path, Output()]) -> None:
    """Copy."""


@run_instead_if(reached, instead=copy_previous)
def learn(
    patches: Annotated[list[Path], Input()],
    model: Annotated[Path, Output()],
    sheet: Annotated[Path | None, Output(editable=True)] = None,
    *,
    tile: str,
    number: int = 1,
    vectorize: Annotated[Vectorize, Setting("mapping.vectorize")],
    scenes: Annotated[list[str], Setting("imagery.tiles", view=first_tile)],
) -> None:
    """Learn."""


def write_seed(result: Annotated[Path, Output()], *, seed: Annotated[int, Setting("seed")], count: int) -> None:
    """Write."""


def two_settings(
    sources_of_it: Annotated[list[Path], Input()],
    *,
    seed: Annotated[int, Setting("seed")],
    landform: Annotated[str, Setting("landform")],
) -> None:
    """Read."""


def four_settings(
    *,
    whole: Annotated[Any, Setting("")] = None,
    pair: Annotated[Any, Setting("seed")] = None,
    by_name: Annotated[Any, Setting("seed")] = None,
    absent: Annotated[Any, Setting("seed")] = None,
) -> None:
    """Read."""


@pytest.fixture
def region():
    return parse(
        {
            "region": "r",
            "imagery": {"tiles": {"T": ["a.tif", "b.tif"], "U": ["c.tif"]}},
            "labels": {"positives": [{"path": "p.shp"}]},
        }
    )


GIVEN: dict[str, Any] = {"patches": ["a.npy", "b.npy"], "model": "out/m", "sheet": "out/s", "tile": "T"}


def test_paths_and_scalars_of_the_caller_and_settings_of_the_region(region):
    call = bind(learn, GIVEN, region)
    assert call.stage == "learn"
    assert call.arguments == {
        "patches": [Path("a.npy"), Path("b.npy")],
        "model": Path("out/m"),
        "sheet": Path("out/s"),
        "tile": "T",
        "vectorize": region.mapping.vectorize,
        "scenes": ["a.tif", "b.tif"],
    }
    assert call.sources == {}


def test_arguments_by_their_markers(region):
    call = bind(learn, GIVEN, region)
    assert call.with_marker(Input) == {"patches": (Input(), True, [Path("a.npy"), Path("b.npy")])}
    assert list(call.with_marker(Output)) == ["model", "sheet"]
    assert call.targets == {
        "model": [OutputTarget(Path("out/m"), False)],
        "sheet": [OutputTarget(Path("out/s"), True)],
    }
    assert call.settings == {
        "scenes": ["a.tif", "b.tif"],
        "vectorize": {"fill_holes_m2": 0.0, "threshold": None},
    }
    assert call.scalars == {"tile": "T"}
    assert bind(learn, {**GIVEN, "number": 3}, region).scalars == {"number": 3, "tile": "T"}


def test_what_the_verb_does_not_know_is_left_out(region):
    assert "strange" not in bind(learn, {**GIVEN, "strange": 1}, region).arguments


def test_a_setting_of_the_caller_stands_before_the_regions(region):
    call = bind(write_seed, {"result": "r", "seed": 7, "count": 2}, region)
    assert (call.arguments["seed"], call.settings, call.scalars) == (7, {"seed": 7}, {"count": 2})


def test_the_stand_in_is_bound_where_its_condition_is_true(region, tmp_path):
    (tmp_path / "score.txt").write_text("0.9")
    call = bind(learn, {**GIVEN, "score": tmp_path / "score.txt"}, region)
    assert call.stage == "copy_previous"
    assert call.arguments == {"score": tmp_path / "score.txt", "model": Path("out/m")}
    assert (call.settings, call.scalars) == ({}, {}), "what only the condition reads is in no key"
    (tmp_path / "score.txt").write_text("0.1")
    assert bind(learn, {**GIVEN, "score": tmp_path / "score.txt"}, region).stage == "learn"


def test_complete_calls_come_back_as_they_are(region):
    call = bind(learn, GIVEN, region)
    assert call.check_complete() is call


def test_all_missing_options_are_named_at_once():
    with pytest.raises(UserError) as mistake:
        bind(write_seed, {}, None).check_complete()
    assert str(mistake.value) == (
        "lobate write-seed needs --result and --settings FILE and --count; lobate write-seed --help describes each option."
    )


def test_several_missing_settings_are_one_settings_file():
    with pytest.raises(UserError, match="lobate two-settings needs --sources-of-it and --settings FILE; "):
        bind(two_settings, {}, None).check_complete()


def test_settings_become_json_values_in_sorted_order(region):
    values = {"whole": region.figures, "pair": (Vectorize(), 1), "by_name": {"a": Vectorize(fill_holes_m2=2)}}
    plain = json_settings(four_settings, {**values, "no_setting": 1})
    assert list(plain) == ["by_name", "pair", "whole"]
    assert plain["by_name"] == {"a": {"threshold": None, "fill_holes_m2": 2.0}}
    assert plain["pair"] == [{"threshold": None, "fill_holes_m2": 0.0}, 1]
    assert plain["whole"]["dpi"] == 300


def test_the_whole_region_is_a_setting_too(region):
    assert resolve_args(four_settings, {"pair": 1, "by_name": 2, "absent": 3}, region)["whole"] is region
    assert resolve_args(four_settings, {}, None) == {}
