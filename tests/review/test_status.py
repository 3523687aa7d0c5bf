"""How far a region is: read from Snakemake's logs, the rounds' verdicts and the decisions."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pytest

from lobate.io.drawn import decisions_path
from lobate.io.vector import write_layers
from lobate.review.decisions_file import Decision, DecisionsFile
from lobate.review.desk import Desk
from lobate.review.items import DETECTIONS, read_lists
from lobate.review.region_outlines import read_context
from lobate.review.status import read_jobs, read_status
from lobate.review.waiting import count_waiting
from lobate.settings.load import load

from .client import COUNT, REMOVED
from .region import make_region
from .test_server import lobate

HEAD = """Building DAG of jobs...
Job stats:
job                count
---------------  -------
all                    1
compile_inventory      1
vectorize              2
total                  4

Select jobs to execute...
"""
FIRST = """
[Mon Nov 30 21:20:00 2026]
Job 6: Vectorizing the detections of tile T44SPC
Reason: Missing output files: results/demo/mapping/T44SPC_detections.gpkg
"""
DONE = """[Mon Nov 30 21:20:04 2026]
Finished jobid: 6 (Rule: vectorize)
1 of 4 steps (25%) done
"""
SECOND = """
localrule compile_inventory:
    output: results/demo/inventory/inventory.gpkg
    jobid: 1
    reason: Missing output files
"""
FAILED = """Error in rule compile_inventory:
    jobid: 1
Shutting down, this might take some time.
"""
END = "Complete log(s): x\n"


@pytest.fixture
def region(tmp_path, monkeypatch):
    make_region(tmp_path, COUNT, across=5, removed=REMOVED)
    monkeypatch.chdir(tmp_path)
    return load(["config.yaml"])


def write_log(folder, text: str, *, locked: bool, name: str = "2026-11-30T211958.755305.snakemake.log") -> None:
    (folder / ".snakemake/log").mkdir(parents=True, exist_ok=True)
    (folder / ".snakemake/locks").mkdir(exist_ok=True)
    (folder / ".snakemake/log" / name).write_text(text)
    if locked:
        (folder / ".snakemake/locks/0.input.lock").write_text("")


class TestJobs:
    def test_without_a_run_there_are_none(self, region, tmp_path):
        assert read_jobs("demo") is None

    def test_what_runs_is_said_by_its_message_or_its_rule(self, region, tmp_path):
        write_log(tmp_path, HEAD + FIRST, locked=True)
        jobs = read_jobs("demo")
        assert (jobs.running, jobs.done, jobs.all, jobs.now) == (
            True,
            0,
            4,
            ["Vectorizing the detections of tile T44SPC"],
        )
        write_log(tmp_path, HEAD + FIRST + DONE + SECOND, locked=True)
        jobs = read_jobs("demo")
        assert (jobs.done, jobs.all, jobs.now) == (1, 4, ["compile_inventory"])
        assert jobs.seconds_left == pytest.approx(3 * jobs.seconds, abs=1)

    @pytest.mark.parametrize(("end", "locked"), [(END, True), ("", False), (FAILED + END, True)])
    def test_a_run_that_ended_or_was_killed_does_not_run(self, region, tmp_path, end, locked):
        write_log(tmp_path, HEAD + FIRST + DONE + SECOND + end, locked=locked)
        jobs = read_jobs("demo")
        assert (jobs.running, jobs.now, jobs.seconds_left) == (False, [], None)
        assert jobs.failed == (["compile_inventory"] if "Error" in end else [])

    def test_the_run_of_another_region_is_not_this_ones(self, region, tmp_path):
        write_log(tmp_path, HEAD + FIRST.replace("demo", "other") + END, locked=False)
        assert read_jobs("demo") is None
        assert read_jobs("other").all == 4


class TestWaiting:
    def test_decided_ones_wait_no_more_and_are_new_until_a_run(self, region):
        assert count_waiting(region, Path(decisions_path(region.region))).waiting == COUNT
        item = read_lists(region)[DETECTIONS][0]
        kept = DecisionsFile(Path(decisions_path(region.region)))
        kept.decide("Ada", Decision(item.id, "accepted", item.shape, item.shape))
        found = count_waiting(region, Path(decisions_path(region.region)))
        assert (found.detections, found.waiting, found.conflicts, found.new) == (COUNT, COUNT - 1, 0, 1)
        kept.decide("Ben", Decision(item.id, "rejected", item.shape, item.shape), base=0)
        assert count_waiting(region, Path(decisions_path(region.region))).conflicts == 1

    def test_numbers_of_detections_do_not_count_but_places_do(self, region):
        """As after a new training: the same outlines under other names."""
        first, second, *_ = read_lists(region)[DETECTIONS]
        DecisionsFile(Path(decisions_path(region.region))).decide(
            "Ada", Decision("d77777", "accepted", first.shape, first.shape)
        )
        DecisionsFile(Path(decisions_path(region.region))).decide(
            "Ada", Decision(first.id, "rejected", second.shape, second.shape)
        )
        assert count_waiting(region, Path(decisions_path(region.region))).waiting == COUNT - 2

    def test_before_a_map_there_is_nothing_to_wait(self, region, tmp_path):
        (tmp_path / "results/demo/mapping/detections.gpkg").unlink()
        assert count_waiting(region, Path(decisions_path(region.region))) is None


class TestNext:
    def said(self, region) -> str:
        return read_status(region, "config.yaml", Path(decisions_path(region.region))).next

    def test_the_person_is_told_what_to_do_at_each_point(self, region, tmp_path):
        assert self.said(region) == f"{COUNT} detections wait for you: lobate review config.yaml"
        write_log(tmp_path, HEAD + FIRST, locked=True)
        assert self.said(region) == "wait for the run"
        write_log(tmp_path, HEAD + FIRST + SECOND + FAILED + END, locked=False)
        assert "compile_inventory failed" in self.said(region)
        write_log(tmp_path, HEAD + FIRST + END, locked=False)
        items = read_lists(region)[DETECTIONS]
        statements = [Decision(item.id, "accepted", item.shape, item.shape) for item in items]
        DecisionsFile(Path(decisions_path(region.region))).decide("Ada", statements[1:])
        assert self.said(region) == "1 detection waits for you: lobate review config.yaml"
        DecisionsFile(Path(decisions_path(region.region))).decide("Ada", statements[0])
        assert self.said(region).startswith(f"{COUNT} decisions of yours are not in the inventory yet: snakemake")
        (tmp_path / "results/demo/mapping/detections.gpkg").unlink()
        assert self.said(region) == "run snakemake --configfile config.yaml"


def test_the_command_prints_it_for_people_and_for_programs(region, tmp_path):
    write_log(tmp_path, HEAD + FIRST + DONE + END, locked=False)
    rounds = tmp_path / "results/demo/training/round_1"
    rounds.mkdir(parents=True)
    ious = {"training_iou": {"landform": 0.5}, "validation_iou": {"landform": 0.41}}
    (rounds / "verdict.json").write_text(json.dumps(ious))
    lines = [
        "iteration,split,iou_background,iou_landform",
        "3,training,0.9,0.5",
        "3,validation,0.9,0.3",
        "6,validation,0.9,0.41",
    ]
    (rounds / "metrics.csv").write_text("\n".join(lines) + "\n")
    text = lobate(tmp_path, "status", "config.yaml")
    assert text.returncode == 0, text.stderr
    assert "1 of 4 done, ended" in text.stdout
    assert "round 1    IoU 0.500 in training, 0.410 in validation (target 0.80)" in text.stdout
    facts = json.loads(lobate(tmp_path, "status", "config.yaml", "--json").stdout)
    assert facts["rounds"][0]["curve"] == [[3, 0.3], [6, 0.41]]
    assert facts["review"]["waiting"] == COUNT
    assert not Path(decisions_path("demo")).exists(), "looking writes nothing"


def test_a_file_that_the_workflow_does_not_read_is_told(region, tmp_path):
    def notes(decisions: str) -> str:
        return " ".join(Desk(region, Path(decisions), lambda names, by: None).notes)

    assert "name mine.gpkg in inventory.decisions" in notes("mine.gpkg")
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + "inventory: {decisions: [mine.gpkg]}\n")
    named = load(["config.yaml"])
    assert not Desk(named, Path("mine.gpkg"), lambda names, by: None).notes


def test_contours_say_their_share_and_are_no_interval(region, tmp_path):
    item = read_lists(region)[DETECTIONS][0]
    rows = {"detection": [item.id] * 2, "share": [0.25, 0.75], "probability": [0.4, 0.8], "meaning": ["m"] * 2}
    frame = gpd.GeoDataFrame(rows, geometry=[item.shape, item.shape.buffer(-1e-5)], crs=4326)
    write_layers(tmp_path / "results/demo/mapping/contours.gpkg", {"contours": frame})
    notes: list[str] = []
    (layer,) = [layer for layer in read_context(region, notes) if layer.id == "uncertain"]
    assert list(layer.words) == [
        f"contour at the calibrated {share} (no confidence interval)" for share in (0.25, 0.75)
    ]
    assert not notes
