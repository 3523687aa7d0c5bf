"""Every command that the README and the docs name is one that there is, with options that there are, on files that there are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import CycloptsError, MissingArgumentError
from snakemake.cli import get_argument_parser
from tests.docs.spoken import Command, commands

from lobate.cli import app, main
from lobate.cli.commands import COMMANDS
from lobate.cli.wording import OptionNames
from lobate.engine import registry

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md", "profiles/README.md")),
    *sorted((PROJECT / "docs").glob("*.md")),
    *sorted((PROJECT / "config").glob("*.yaml")),
]
SPOKEN = [command for page in PAGES for command in commands(page)]
TRANSIENT = (
    "results/",
    "resources/",
    "config/valley.yaml",
)  # made by the commands themselves, or brought by the reader

# What is not run below is run there: the test, and a word that shows it.
ELSEWHERE = {
    "make demo": (".ci/run", "make demo"),
    "make test": (".ci/run", "make test"),
    "make lint": (".ci/run", "make lint"),
    "make docs": ("tests/docs/test_docs.py", "-q docs site"),
    "make wheel": (".ci/run", "make wheel"),
    "make bench": ("tests/project/test_benchmarks.py", "benchmarks"),
    "make torture": ("tests/faults/test_faults.py", "torture"),
    "make lock": ("tests/project/test_packaging.py", "requirements.lock"),
    "make reference": ("tests/docs/test_reference.py", "reference.page(name)"),
    "make schema": ("tests/docs/test_commands.py", "config.schema.json"),
    "snakemake": ("tests/chain/clone.py", '"snakemake"'),
    "snakemake find_scenes": ("tests/imagery/test_from_catalogue.py", "find_scenes"),
    "lobate map": ("tests/cli/test_map.py", '"map"'),
    "lobate compare": ("tests/inventory/test_compare.py", '"compare"'),
    "lobate explain": ("tests/store/test_lineage.py", "explain"),
    "lobate model": ("tests/cli/test_show.py", '"show"'),
    "lobate store": ("tests/store/test_verify.py", '"store"'),
    "lobate summary": ("tests/cli/test_summary.py", '"summary"'),
    "lobate check": ("tests/docs/test_west_kunlun.py", '"check"'),
    "lobate review": ("tests/review/region.py", '"review"'),
    "lobate status": ("tests/review/test_status.py", '"status"'),
    "lobate sample": ("tests/cli/test_sample.py", '"sample"'),
    "lobate export-dataset": ("tests/patches/test_dataset_files.py", '"export-dataset"'),
    "lobate import-labels": ("tests/labels/test_annotations.py", '"import-labels"'),
}


@pytest.mark.parametrize("command", SPOKEN, ids=str)
def test_a_command_of_the_docs_is_one_that_can_be_given(command):
    wrong(command)


def wrong(command: Command) -> None:
    """Fail with what is wrong with a command."""
    {"lobate": _lobate, "snakemake": _snakemake, "make": _make}[command.program](command)
    for word in command.words[1:]:
        if re.fullmatch(r"[\w./-]+/[\w.-]+\.(ya?ml|json|smk|tsv)", word) and not word.startswith(TRANSIENT):
            assert (PROJECT / word).exists(), f"{command} names {word}, which is not there"


def _lobate(command: Command) -> None:
    words = list(command.words[1:])
    named = next((word for word in words if not word.startswith("-")), None)
    assert named is None or named in COMMANDS or named.replace("-", "_") in registry.ROOM_OF, f"{command}: no such verb"
    # several alternatives at once, as in `lobate store du|verify|gc`
    options = words[-1].split("|") if words and "|" in words[-1] else words[-1:]
    for last in options:
        given = [*words[:-1], last]
        try:
            app._app(given, OptionNames({})).parse_args(given, exit_on_error=False, print_error=False)
        except MissingArgumentError as error:
            assert command.passing, f"{command}: {error}"
        except CycloptsError as error:
            pytest.fail(f"{command}: {error}")


def _snakemake(command: Command) -> None:
    words = ["8" if word == "N" else word for word in command.words[1:]]
    try:
        given = get_argument_parser(profiles=None).parse_args(words)
    except (SystemExit, ValueError) as error:  # the latter where a target is taken for a resource
        pytest.fail(f"{command}: {error}")
    rules = {
        name for file in PROJECT.glob("workflow/rules/*.smk") for name in re.findall(r"rule (\w+):", file.read_text())
    }
    for target in given.targets or ():
        assert target in rules or target.startswith("results/"), f"{command}: nothing makes {target}"


def _make(command: Command) -> None:
    text = (PROJECT / "Makefile").read_text()
    for word in command.words[1:]:
        name, assigned, _ = word.partition("=")
        there = rf"\$\({name}\)" if assigned else rf"^{name}:"
        assert re.search(there, text, re.M), f"{command}: the Makefile knows no {name}"


@pytest.mark.parametrize(
    "words",
    [
        ("lobate", "map", "a.tif", "--modle", "m", "--out", "o.gpkg"),
        ("lobate", "chek", "config/config.yaml"),
        ("lobate", "explain"),
        ("lobate", "store", "du|verfy"),
        ("lobate", "check", "config/no_such.yaml"),
        ("snakemake", "--corse", "2"),
        ("snakemake", "find_scense", "--cores", "1"),
        ("snakemake", "--cores", "1", "--resources", "gpu=1", "find_scenes"),
        ("make", "dmeo"),
        ("make", "bench", "ONYL=compose"),
    ],
    ids=" ".join,
)
def test_a_wrong_command_would_be_found(words):
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        wrong(Command("page.md", words, passing=False))


def test_commands_are_found_in_blocks_and_in_text(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Say `lobate check config/<region>.yaml`, or `make`.\n\n"
        "```\nmake demo   # installs\nLOBATE_STORE=/s .venv/bin/snakemake -n \\\n    --cores 2\ncd there\n```\n\n"
        "```python\nmake = 1\n```\n"
    )
    assert [(*command.words, command.passing) for command in commands(page)] == [
        ("make", "demo", False),
        ("snakemake", "-n", "--cores", "2", False),
        ("lobate", "check", "config/west_kunlun.yaml", True),
    ]


def test_each_page_is_read():
    assert {"README.md", "tutorial.md", "cluster.md"} <= {command.page for command in SPOKEN}
    assert len(SPOKEN) > 40


def kind(command: Command) -> str:
    """Return what must be run somewhere for a command to count as run."""
    if command.program == "snakemake":
        return "snakemake find_scenes" if "find_scenes" in command.words else "snakemake"
    return " ".join(command.words[:2])


def run_here() -> set[str]:
    return {
        "lobate init",
        "lobate --help",
        "lobate schema",
        *(f"lobate {verb.replace('_', '-')}" for verb in registry.ROOM_OF),
    }


@pytest.mark.parametrize("spoken", sorted({kind(command) for command in SPOKEN} - run_here()))
def test_what_is_not_run_here_is_run_elsewhere(spoken):
    test, word = ELSEWHERE[spoken]
    assert word in (PROJECT / test).read_text(), f"{test} does not run {spoken}"


@pytest.mark.parametrize("verb", ["find-scenes", "predict", "compile-inventory"])
def test_verbs_have_help(verb, capsys):
    assert main.main([verb, "--help"]) == 0
    assert f"Usage: lobate {verb}" in capsys.readouterr().out


def test_help_lists_all_verbs_and_commands(capsys):
    assert main.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(name.replace("_", "-") in said for name in [*registry.ROOM_OF, *COMMANDS])


def test_schema_is_the_one_that_is_kept(capsys):
    assert main.main(["schema"]) == 0
    assert capsys.readouterr().out == (PROJECT / "workflow/schemas/config.schema.json").read_text()


def test_the_tutorials_beginning_can_be_followed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").touch()
    init = next(one for one in SPOKEN if one.page == "tutorial.md" and one.words[1] == "init")
    assert main.main(list(init.words[1:])) == 0
    assert main.main(["check", "config/valley.yaml"]) == 2
    assert "resources/valley/area.gpkg, which does not exist" in capsys.readouterr().err
    _brought(tmp_path)
    assert main.main(["check", "config/valley.yaml"]) == 0
    assert "can be estimated once its scenes are found" in capsys.readouterr().out


def _brought(folder: Path) -> None:
    import geopandas as gpd
    from shapely.geometry import box

    gpd.GeoDataFrame(geometry=[box(83, 33, 83.2, 33.2)], crs=4326).to_file(folder / "resources/valley/area.gpkg")


def test_the_plain_plan_can_be_made(tmp_path):
    for part in ("Snakefile", "workflow", "profiles", "envs"):
        (tmp_path / part).symlink_to(PROJECT / part)
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--configfile", "config/config.yaml"],
        cwd=tmp_path,
        env={**os.environ, "LOBATE_STORE": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "compile_inventory" in done.stdout + done.stderr
