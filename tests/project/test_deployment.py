"""The workflow deployed as a module of somebody's own, in a folder of theirs, as Snakemake's documentation has it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLAIN = """
configfile: "config/config.yaml"

module lobate:
    snakefile: {snakefile!r}
    config: config

use rule * from lobate
"""
RENAMED = """
configfile: "config/config.yaml"

rule all:
    default_target: True
    input: "results/tiny/own.txt"

rule own:
    input: "results/tiny/example/insar.gpkg", "results/tiny/figures/rules.dot"
    output: "results/tiny/own.txt"
    shell: "which lobate > {{output}}"

onstart:
    print("a start of their own")

module lobate:
    snakefile: {snakefile!r}
    config: config

use rule * from lobate as lobate_*
"""


@pytest.fixture
def theirs(tmp_path, project, monkeypatch):
    """Return a function that calls Snakemake in a folder with a Snakefile of somebody's own."""
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    (tmp_path / "config").mkdir()
    (tmp_path / "workflow").mkdir()
    shutil.copy(project / "tests/conf/tiny.yaml", tmp_path / "config/config.yaml")

    def snakemake(template: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        text = template.format(snakefile=str(project / "workflow/Snakefile"))
        (tmp_path / "workflow/Snakefile").write_text(text)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return snakemake


def planned(done: subprocess.CompletedProcess[str]) -> set[str]:
    """Return the rules in the table of a plan."""
    assert done.returncode == 0, done.stderr
    lines = (done.stdout + done.stderr).partition("Job stats:")[2].partition("total")[0].splitlines()
    return {words[0] for line in lines[2:] if len(words := line.split()) == 2}


def test_as_the_template_of_snakedeploy_has_it(theirs, project):
    command = [sys.executable, "-m", "snakemake", "-n", "--configfile", "tests/conf/tiny.yaml"]
    own = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    everything = planned(own)
    assert {"train", "compile_inventory", "report", "all"} <= everything
    assert planned(theirs(PLAIN, "-n")) == everything


def test_beside_rules_of_their_own_under_other_names(theirs, tmp_path):
    done = theirs(RENAMED)
    assert done.returncode == 0, done.stderr
    assert "a start of their own" in done.stdout
    assert Path((tmp_path / "results/tiny/own.txt").read_text().strip()).parent == Path(sys.executable).parent
    graph = (tmp_path / "results/tiny/figures/rules.dot").read_text()
    assert "compile_inventory" in graph and "lobate_" not in graph and "own" not in graph
    assert (tmp_path / "results/tiny/settings.json").exists(), "the start of the module's runs is noted, too"
    again = theirs(RENAMED)
    assert "Nothing to be done" in again.stdout + again.stderr
    for record in (tmp_path / ".snakemake/run_ids").rglob("tiny"):
        record.write_text("of other results")
    assert "lobate_make_example" in planned(theirs(RENAMED, "-n")), "records of other results do not count"


def test_a_mistake_in_the_settings_is_a_mistake_of_their_workflow(theirs, tmp_path):
    with (tmp_path / "config/config.yaml").open("a") as file:
        file.write("seeed: 1\n")
    done = theirs(PLAIN, "-n")
    assert done.returncode == 1
    assert "Setting seeed is not known" in done.stdout + done.stderr


def test_a_configuration_is_not_merged_into_another(theirs, tmp_path, project):
    other = tmp_path / "other.yaml"
    other.write_text((project / "tests/conf/tiny.yaml").read_text().replace("tiny", "other"))
    done = theirs(PLAIN, "-n", "--configfile", other)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "--replace-workflow-config" in said and "config/config.yaml" in said
    whole = theirs(PLAIN, "-n", "--replace-workflow-config", "--configfile", other)
    assert "report" in planned(whole)


def test_a_prefix_is_refused(theirs):
    done = theirs(PLAIN.replace("    config: config\n", '    config: config\n    prefix: "theirs"\n'), "-n")
    assert done.returncode == 1
    assert "Delete it: all results" in done.stdout + done.stderr
