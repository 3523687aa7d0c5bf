"""A cluster for the session, and the chain's clone run through it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chain.clone import CORE, Clone, Run
from tests.needs import lacking
from tests.slurm.cluster import Cluster, missing

HEAVY = ("train", "train_other", "mine_negatives", "predict")
SITE = {
    # what a real site has written into the profile
    "--slurm-partition-config": ["tests/slurm/partitions.yaml"],
    "--slurm-status-command": ["squeue"],
    "--slurm-init-seconds-before-status-checks": ["1"],
    "--latency-wait": ["20"],
    "--set-threads": [f"{rule}=2" for rule in HEAVY],
    "--set-resources": [f"{rule}:mem_mb=3000" for rule in HEAVY],
}


class OnCluster(Clone):
    """A clone of the project whose jobs go through Slurm."""

    def __init__(self, folder: Path, project: Path, store: Path, cluster: Cluster) -> None:
        super().__init__(folder, project, store)
        self.cluster = cluster
        (folder / "tests/slurm").mkdir()
        (folder / "tests/slurm/partitions.yaml").write_text((project / "tests/slurm/partitions.yaml").read_text())

    def submit(self, *words: str, **site: list[str]) -> Run:
        """Run Snakemake with profiles/slurm; ``site`` replaces options of the site (set_resources=[...])."""
        options = {**SITE, **{f"--{name.replace('_', '-')}": value for name, value in site.items()}}
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm"]
        command += [word for name in options for word in (name, *options[name])]
        done = subprocess.run(
            [*command, "--configfile", "tests/conf/tiny.yaml", *words],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=1500,
        )
        logs = sorted((self.folder / "results/tiny/logs").rglob("*.log"))
        return Run(done.returncode, done.stdout + done.stderr + "".join(log.read_text() for log in logs))

    def environment(self) -> dict[str, str]:
        own = {"PYTHONPATH": str(self.folder / "workflow"), "LOBATE_STORE": str(self.store)}
        return {**self.cluster.environment, **own}


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if reason := missing():
        lacking(reason)
    with Cluster() as running:
        yield running


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory, project: Path, cluster: Cluster) -> tuple[OnCluster, Run]:
    """The chain after its first run on the cluster."""
    folder = tmp_path_factory.mktemp("slurm")
    clone = OnCluster(folder / "clone", project, folder / "store", cluster)
    return clone, clone.submit(*CORE)
