"""A cluster for the session, and the chain's clone run through it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chain.clone import CORE, Clone, Run
from tests.needs import lacking
from tests.slurm.cluster import Cluster, missing

SITE = {
    # what whoever works on this cluster would write into the profile's lines marked SITE
    "latency-wait: 60": "latency-wait: 20",
    "cores: 16": "cores: 2",
    "mem_mb: 64000": "mem_mb: 3000",
    "runtime: 1440": "runtime: 600",
    "# slurm_account: my_project": "slurm_account: glaciers",
    "# set-resources:": "set-resources:",
    "#   ": "  ",
    "a100}": "stand_in}",
}
QUICK = ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1")
"""There is no accounting to ask, and no reason to spare the controller."""
GROUPED = {"rasterize_labels", "crop_patches", "vectorize"}
STAGES = {"copy_previous_round": "train", "keep_patch_iou": "judge_round", "skip_mining": "mine_negatives"}
"""Stages that are not called as their rule is."""


class OnCluster(Clone):
    """A clone of the project whose jobs go through Slurm."""

    whole = CORE
    # a submission costs seconds of waiting: most rows of the table end with what is dearest
    core = ("--", "results/tiny/training/round_1/model.safetensors")
    detected = ("--", "results/tiny/mapping/detections.gpkg")

    def __init__(self, folder: Path, project: Path, store: Path, cluster: Cluster) -> None:
        super().__init__(folder, project, store)
        self.cluster = cluster
        shutil.copy(project / "tests/slurm/partitions.yaml", folder / "profiles/slurm")
        profile = folder / "profiles/slurm/config.yaml"
        text = profile.read_text()
        for before, after in SITE.items():
            assert before in text, f"the profile has no line with {before}"
            text = text.replace(before, after)
        profile.write_text(text)

    def fresh(self, folder: Path) -> OnCluster:
        return OnCluster(folder, self.project, self.store, self.cluster)

    def options(self) -> list[str]:
        return ["--workflow-profile", "profiles/slurm", "--printshellcmds", *QUICK]

    def environment(self) -> dict[str, str]:
        return {
            **self.cluster.environment,
            "PYTHONPATH": str(self.folder / "workflow"),
            "LOBATE_STORE": str(self.store),
        }

    def run(self, *words: str, overlay: dict[str, object] | None = None, config: str = "tests/conf/tiny.yaml") -> Run:
        """Run the chain; what its jobs told is in their logs, and must be what Snakemake and Slurm have on record."""
        shutil.rmtree(self.results / "logs", ignore_errors=True)
        done = super().run(*words, overlay=overlay, config=config)
        logs = sorted((self.results / "logs").rglob("*.log"))
        done = Run(done.status, done.text + "".join(log.read_text() for log in logs))
        if done.status == 0:
            insist_on_record(done, self.cluster)
        return done


def insist_on_record(done: Run, cluster: Cluster) -> None:
    """Insist that the jobs' own logs, Snakemake's record and Slurm's accounting tell of the same jobs."""
    told: Counter[str] = Counter()
    for stage, times in (done.computed + done.restored).items():
        told[STAGES.get(stage, stage)] += times
    assert told == done.finished
    run = re.findall(r"^SLURM run ID: (\S+)$", done.text, re.M)
    names = [job["rule"] for job in cluster.jobs() if job["run"] in run and job["state"] == "COMPLETED"]
    alone = Counter({name: times for name, times in done.finished.items() if name not in GROUPED})
    assert Counter(name for name in names if name in alone) == alone
    groups = [
        f"_{name}" for name in names if name not in alone
    ]  # of a group Slurm knows the rules, not how many of each
    assert {name for name in GROUPED if any(f"_{name}" in group for group in groups)} == done.finished.keys() & GROUPED


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if reason := missing():
        lacking(reason)
    with Cluster() as running:
        yield running


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, project: Path, cluster: Cluster) -> tuple[OnCluster, Run]:
    """The chain after its first run on the cluster."""
    folder = tmp_path_factory.mktemp("slurm")
    clone = OnCluster(folder / "clone", project, folder / "store", cluster)
    return clone, clone.run(*CORE)


@pytest.fixture
def clone(finished: tuple[OnCluster, Run], tmp_path: Path) -> OnCluster:
    """A copy of the finished clone with its results, sharing its store."""
    first, _ = finished
    return first.copy(tmp_path / "copy")
