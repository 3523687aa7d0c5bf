"""The tiny region on a real Slurm: where its jobs ran, and what happens when jobs or nodes die."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import OnCluster

pytestmark = pytest.mark.xdist_group("slurm")

WITH_GPU = {"train", "judge_round", "train_other", "mine_negatives", "predict"}
A_GPU, NONE = "gres:gpu:stand_in:1", {"N/A", "gres:gpu:stand_in:0"}
COMMAND = 'command("clean_labels")'
HANGS_ONCE = f'"[[ -e hung ]] || (touch hung; sleep 600); " + {COMMAND}'


def seen(cluster: Cluster, name: str, state: str) -> list[dict[str, str]]:
    return [job for job in cluster.jobs() if job["rule"] == name and job["state"] == state]


def test_chain_runs_on_the_cluster(finished):
    """With what a site writes into the profile: its account, its type of GPU, and limits that every job keeps."""
    clone, run = finished
    assert run.status == 0, run.text
    assert (clone.results / "inventory/inventory.gpkg").exists()
    (name,) = re.findall(r"^SLURM run ID: (\S+)$", run.text, re.M)
    jobs = [job for job in clone.cluster.jobs() if job["run"] == name]
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    with_gpu = [job for job in jobs if job["gpus"] not in NONE]
    assert {job["rule"] for job in with_gpu} == WITH_GPU
    assert {(job["gpus"], job["partition"], job["node"]) for job in with_gpu} == {(A_GPU, "gpu", "c1")}
    assert {job["partition"] for job in jobs if job not in with_gpu} == {"main"}
    assert {(job["account"], job["most_nodes"]) for job in jobs} == {("glaciers", "1")}
    assert {(job["time"], job["memory"]) for job in jobs if job["rule"] == "train"} >= {("10:00:00", "3000M")}


def test_what_the_store_knows_asks_for_no_gpu_and_little_time(clone):
    asked = {job["time"] for job in clone.cluster.jobs() if job["rule"] == "predict"}
    assert asked == {"2:00:00"}
    run = clone.run("--forcerun", "predict", "--until", "predict")
    assert (run.status, run.restored["predict"]) == (0, 2), run.text
    again = [job for job in clone.cluster.jobs() if job["rule"] == "predict" and job["time"] == "10:00"]
    assert [(job["partition"], job["state"]) for job in again] == [("main", "COMPLETED")] * 2
    assert {job["gpus"] for job in again} <= NONE


def test_job_over_its_memory_is_sent_again_with_more(clone):
    """It asks for twice the time as well: a rule cannot tell why it failed."""
    polygons = clone.results / "labels/polygons.gpkg"
    polygons.unlink()
    run = clone.run("--until", "clean_labels", "--set-resources", "clean_labels:mem_mb=40*16**(attempt-1)")
    assert (run.status, polygons.exists()) == (0, True), run.text
    sent = {(job["state"], job["memory"], job["time"]) for job in clone.cluster.jobs() if job["rule"] == "clean_labels"}
    assert {("FAILED", "40M", "30:00"), ("COMPLETED", "640M", "1:00:00")} <= sent


def test_job_over_its_time_is_sent_again_with_more(clone):
    rules = clone.folder / "workflow/rules/labels.smk"
    text = rules.read_text()
    assert COMMAND in text
    rules.write_text(text.replace(COMMAND, HANGS_ONCE))
    (clone.results / "labels/polygons.gpkg").unlink()
    run = clone.run("--until", "clean_labels", "--set-resources", "clean_labels:runtime=attempt")
    assert run.status == 0, run.text
    sent = {(job["state"], job["time"]) for job in clone.cluster.jobs() if job["rule"] == "clean_labels"}
    assert {("TIMEOUT", "1:00"), ("COMPLETED", "2:00")} <= sent


def test_node_that_dies_is_left_out(cluster, tmp_path, project):
    clone = OnCluster(tmp_path / "clone", project, tmp_path / "store", cluster)
    before = len(seen(cluster, "make_example", "COMPLETED"))
    with ThreadPoolExecutor() as pool:
        running = pool.submit(clone.run, "--until", "make_example")
        end = time.monotonic() + 120
        while not (found := seen(cluster, "make_example", "RUNNING")) and time.monotonic() < end:
            time.sleep(0.1)
        cluster.kill_node(found[0]["node"])
        run = running.result()
    assert run.status == 0, run.text
    assert seen(cluster, "make_example", "NODE_FAIL")
    assert len(seen(cluster, "make_example", "COMPLETED")) == before + 1
    assert clone.lobate("store", "verify").returncode == 0
