"""What the Snakemake workflow catalogue wants of a repository, as its own scripts look for it (source: its README, 2025)."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

USAGE = {"mandatory-flags", "software-stack-deployment", "report"}
DEPLOYMENT = {"conda", "apptainer", "singularity", "apptainer+conda", "singularity+conda"}


@pytest.fixture(scope="module")
def usage(project):
    told = yaml.safe_load((project / ".snakemake-workflow-catalog.yml").read_text())
    assert set(told) == {"usage"}
    return told["usage"]


def test_the_catalogues_file_says_what_it_may_say(usage):
    assert set(usage) <= USAGE
    deployment = usage["software-stack-deployment"]
    assert deployment and set(deployment) <= DEPLOYMENT
    assert all(type(value) is bool for value in (usage["report"], *deployment.values()))


def test_what_it_claims_is_so(usage, project):
    """A deployment that works without `make` would need lobate in the environment that the rules name."""
    environment = yaml.safe_load((project / "envs/environment.yaml").read_text())
    names = [
        dependency if isinstance(dependency, str) else str(dependency) for dependency in environment["dependencies"]
    ]
    assert usage["software-stack-deployment"]["conda"] == any(re.match(r"lobate\b", name) for name in names)
    containers = any("container:" in one.read_text() for one in (project / "workflow/rules").glob("*.smk"))
    assert usage["software-stack-deployment"]["apptainer"] == containers
    assert usage["report"] == ("=report(" in (project / "workflow/rules/figures.smk").read_text())


def test_the_repository_is_one_that_the_catalogue_takes(project):
    readme = (project / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme
    assert (project / "config/README.md").read_text().strip()
    assert list((project / "workflow/rules").glob("*.smk"))
    assert (project / "workflow/Snakefile").is_file(), "a repository with a folder workflow/ is looked for there"


def test_the_catalogues_snakefile_is_the_same_workflow(project):
    def targets(snakefile: str) -> str:
        command = [sys.executable, "-m", "snakemake", "--snakefile", snakefile, "--list-rules"]
        done = subprocess.run(command, cwd=project, check=True, capture_output=True, text=True)
        return done.stdout

    whole = targets("Snakefile")
    assert "compile_inventory" in whole
    assert targets("workflow/Snakefile") == whole
