"""The pins, and rules the whole tree keeps."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib

import pytest
import yaml

CONDA_NAMES = {"torch": "pytorch"}


LOCKS = ("requirements.lock", "requirements-dev.lock")


def locked(project, name: str = "requirements.lock") -> dict[str, str]:
    lock = (project / "envs" / name).read_text()
    found = re.findall(r"^([\w.-]+)==(\S+)(?: ; ([^\\\n]+?))? \\$", lock, re.M)
    return {name: version for name, version, marker in reversed(found) if "< '3.12'" in marker or ">=" not in marker}


RUN = ("workflow", "review", "onnx")
"""Extras that `make demo` installs."""


def asked_for(project, extras: tuple[str, ...]) -> list[str]:
    """Return the names that pyproject.toml asks for, itself and in these extras."""
    asked = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    lines = asked["dependencies"] + [line for extra in extras for line in asked["optional-dependencies"][extra]]
    return [match[0] for line in lines if (match := re.match(r"[A-Za-z][\w-]*", line))]


def required(project) -> list[str]:
    return asked_for(project, RUN)


def test_conda_environment_has_the_locks_versions(project):
    environment = yaml.safe_load((project / "envs/environment.yaml").read_text())
    pins = dict(dependency.split(" =") for dependency in environment["dependencies"])
    assert pins.pop("python") == "3.11"
    lock = locked(project)
    assert pins == {CONDA_NAMES.get(name, name): lock[name] for name in required(project)}


ALL = (*RUN, "docs", "dev")
IMPORT_NAMES = {"pyyaml": "yaml"}


def imported(project) -> set[str]:
    """Return the names of all packages that any file of Python imports."""
    files = [
        file for folder in ("workflow", "tests", "benchmarks", "docs") for file in (project / folder).rglob("*.py")
    ]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {module.partition(".")[0] for module in modules}


def test_what_is_asked_for_is_imported_or_says_why_not(project):
    lines = re.findall(r'^ *"([A-Za-z][\w-]*)[^"]*",?( *#)?', (project / "pyproject.toml").read_text(), re.M)
    silent = {name for name, comment in lines if not comment} & {*asked_for(project, ALL)}
    known = imported(project)
    assert len(silent) > 25
    assert {name for name in silent if IMPORT_NAMES.get(name, name.replace("-", "_")) not in known} == set()


def test_locks_hold_what_is_asked_for_and_agree(project):
    run, tests = (locked(project, name) for name in LOCKS)
    assert {*asked_for(project, RUN)} <= {*run}
    assert {*asked_for(project, ALL)} <= {*tests}
    assert {name: tests.get(name) for name in run} == run
    assert not {*asked_for(project, ("dev", "docs"))} - {*asked_for(project, RUN)} & {*run}, "users need none of these"


def test_the_conda_environment_has_no_tool_of_developers(project):
    environment = yaml.safe_load((project / "envs/environment.yaml").read_text())
    names = {dependency.split(" ")[0] for dependency in environment["dependencies"]}
    assert not names & ({*asked_for(project, ("dev", "docs"))} - {*asked_for(project, RUN)})


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_hashes_and_no_addresses(project, name):
    lock = (project / "envs" / name).read_text()
    assert "://" not in lock
    pins = re.split(r"^(?=[\w.-]+==)", lock, flags=re.M)[1:]
    assert len(pins) > 50
    assert all("--hash=sha256:" in pin for pin in pins)


def tracked(project) -> list[str]:
    listed = subprocess.run(["git", "ls-files"], check=False, cwd=project, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return listed.stdout.split()


def test_no_file_of_code_is_over_450_lines(project):
    code = [one for one in tracked(project) if one.endswith((".py", ".smk")) or one == "Snakefile"]
    lengths = {one: len((project / one).read_text().splitlines()) for one in code if (project / one).exists()}
    assert {one: count for one, count in lengths.items() if count > 450} == {}


def test_five_places_have_one_name(project):
    for room in ("imagery", "labels", "patches", "training", "mapping", "inventory", "figures"):
        for place in (
            "workflow/lobate/{}/__init__.py",
            "workflow/lobate/settings/{}.py",
            "workflow/rules/{}.smk",
            "tests/{}",
        ):
            assert (project / place.format(room)).exists(), place.format(room)


ORDER = ["imagery", "labels", "patches", "training", "mapping", "inventory", "figures"]


def test_rules_read_only_rooms_before_theirs(project):
    for place, room in enumerate(ORDER):
        text = (project / f"workflow/rules/{room}.smk").read_text()
        inputs = "".join(re.findall(r"    input:\n(.*?)    output:", text, re.S))
        assert not set(re.findall(r'"(\w+)/', inputs)) & set(ORDER[place + 1 :]), room
