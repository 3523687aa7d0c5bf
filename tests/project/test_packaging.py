"""The pins, and rules the whole tree keeps."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest
import yaml

CONDA_NAMES = {"torch": "pytorch"}


def locked(project) -> dict[str, str]:
    lock = (project / "envs/requirements.lock").read_text()
    found = re.findall(r"^([\w.-]+)==(\S+)(?: ; ([^\\\n]+?))? \\$", lock, re.M)
    return {name: version for name, version, marker in reversed(found) if "< '3.12'" in marker or ">=" not in marker}


def required(project) -> list[str]:
    lines = (project / "envs/requirements.in").read_text().splitlines()
    return [match[0] for line in lines if (match := re.match(r"[A-Za-z][\w-]*", line))]


def test_conda_environment_has_the_locks_versions(project):
    environment = yaml.safe_load((project / "envs/environment.yaml").read_text())
    pins = dict(dependency.split(" =") for dependency in environment["dependencies"])
    assert pins.pop("python") == "3.11"
    lock = locked(project)
    assert pins == {CONDA_NAMES.get(name, name): lock[name] for name in required(project)}


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


def test_what_is_pinned_is_imported_or_says_why_not(project):
    lines = (project / "envs/requirements.in").read_text().splitlines()
    silent = {match[0] for line in lines if (match := re.match(r"[A-Za-z][\w-]*", line)) and "#" not in line}
    known = imported(project)
    assert {name for name in silent if IMPORT_NAMES.get(name, name.replace("-", "_")) not in known} == set()


def test_lock_has_hashes_and_no_addresses(project):
    lock = (project / "envs/requirements.lock").read_text()
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
