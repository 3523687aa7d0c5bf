"""The tiny region on a real Slurm: where its jobs ran, and what happens when jobs or nodes die."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.chain.clone import CORE
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import OnCluster

pytestmark = pytest.mark.xdist_group("slurm")

WITH_GPU = {"train", "train_other", "mine_negatives", "predict"}


def rule(job: dict[str, str]) -> str:
    return job["comment"].removeprefix("rule_").split("_wildcards")[0]


def seen(cluster: Cluster, name: str, state: str) -> list[dict[str, str]]:
    return [job for job in cluster.jobs() if rule(job) == name and job["state"] == state]


def test_chain_runs_on_the_cluster(done):
    clone, run = done
    assert run.status == 0, run.text
    assert (clone.results / "inventory/inventory.gpkg").exists()
    jobs = clone.cluster.jobs()
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    with_gpu = [job for job in jobs if job["gpus"] != "N/A"]
    assert {rule(job) for job in with_gpu} == WITH_GPU
    assert {(job["partition"], job["node"]) for job in with_gpu} == {("gpu", "c1")}
    assert {job["partition"] for job in jobs if job not in with_gpu} == {"main"}


def test_second_run_has_nothing_to_do(done):
    clone, _ = done
    before = len(clone.cluster.jobs())
    run = clone.submit(*CORE)
    assert (run.status, "Nothing to be done" in run.text, len(clone.cluster.jobs())) == (0, True, before)


def test_what_the_store_knows_asks_for_no_gpu_and_little_time(done):
    clone, _ = done
    asked = {job["time"] for job in clone.cluster.jobs() if rule(job) == "predict"}
    assert asked == {"2:00:00"}
    run = clone.submit("--forcerun", "predict", "--until", "predict")
    assert (run.status, run.restored["predict"]) == (0, 2), run.text
    again = [job for job in clone.cluster.jobs() if rule(job) == "predict" and job["time"] == "10:00"]
    assert [(job["gpus"], job["partition"], job["state"]) for job in again] == [("N/A", "main", "COMPLETED")] * 2


def test_job_over_its_memory_is_sent_again_with_more(done):
    clone, _ = done
    polygons = clone.results / "labels/polygons.gpkg"
    polygons.unlink()
    run = clone.submit("--until", "clean_labels", set_resources=["clean_labels:mem_mb=40*16**(attempt-1)"])
    assert (run.status, polygons.exists()) == (0, True), run.text
    sent = {(job["state"], job["memory"]) for job in clone.cluster.jobs() if rule(job) == "clean_labels"}
    assert {("FAILED", "40M"), ("COMPLETED", "640M")} <= sent


def test_node_that_dies_is_left_out(cluster, tmp_path, project):
    clone = OnCluster(tmp_path / "clone", project, tmp_path / "store", cluster)
    before = len(seen(cluster, "make_example", "COMPLETED"))
    with ThreadPoolExecutor() as pool:
        running = pool.submit(clone.submit, "--until", "make_example")
        end = time.monotonic() + 120
        while not (found := seen(cluster, "make_example", "RUNNING")) and time.monotonic() < end:
            time.sleep(0.1)
        cluster.kill_node(found[0]["node"])
        run = running.result()
    assert run.status == 0, run.text
    assert seen(cluster, "make_example", "NODE_FAIL")
    assert len(seen(cluster, "make_example", "COMPLETED")) == before + 1
    assert clone.lobate("store", "verify").returncode == 0
