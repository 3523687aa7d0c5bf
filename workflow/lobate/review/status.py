"""How far a region is: the run's jobs, the rounds of training, what waits for a person, and what they do next."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lobate.io.jsonfile import read_json
from lobate.review.waiting import Waiting, count_waiting
from lobate.settings import Region

LOG_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d{6})\.\d+\.snakemake\.log")
STEPS = re.compile(r"^(\d+) of (\d+) steps \(", re.M)
STARTED = re.compile(r"^(?:Job (\d+): (.+)|(?:local)?rule (\w+):\n(?:    .*\n)*?    jobid: (\d+)$)", re.M)
FINISHED = re.compile(r"^Finished jobid: (\d+)", re.M)
FAILED = re.compile(r"^Error in rule (\w+):", re.M)
PLANNED = re.compile(r"^total\s+(\d+)\s*$", re.M)
SPEED = re.compile(r"round (\d+), iteration (\d+) of (\d+): loss \S+, ([\d.]+) images/s, (\d+) s left")
TAIL_BYTES = 64 << 10
CURVE_POINTS = 200


@dataclass(frozen=True)
class Jobs:
    """The jobs of the latest run of Snakemake: how many are done, which run (their messages), which failed."""

    log: str
    running: bool
    done: int
    all: int
    now: list[str]
    failed: list[str]
    seconds: float
    seconds_left: float | None


@dataclass(frozen=True)
class Training:
    """The round that is being trained."""

    round: int
    iteration: int
    iterations: int
    images_per_s: float
    seconds_left: float


@dataclass(frozen=True)
class Round:
    """A round that was judged; ``curve``: iteration and validation IoU of the landform."""

    round: int
    training_iou: float | None
    validation_iou: float | None
    chosen: bool
    curve: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Status:
    """How far a region is."""

    region: str
    landform: str
    target_iou: float
    jobs: Jobs | None
    training: Training | None
    rounds: list[Round]
    review: Waiting | None
    next: str

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain values for JSON."""
        return asdict(self)

    def short(self) -> dict[str, Any]:
        """Return the few facts that the page shows: what runs, the rounds' IoUs, speed, and the time left in words."""
        left = self.jobs.seconds_left if self.jobs else None
        ious = [one.validation_iou for one in self.rounds if one.validation_iou is not None]
        return {
            "running": bool(self.jobs and self.jobs.running),
            "round": self.training.round if self.training else len(self.rounds) or None,
            "iou": ious or None,
            "images_per_s": self.training.images_per_s if self.training else None,
            "left": None if left is None else f"about {_duration(left)}",
        }

    def text(self) -> str:
        """Return a few lines for a terminal."""
        lines = [f"Region {self.region}", *_job_lines(self.jobs), *_training_lines(self.training)]
        for one in self.rounds:
            chosen = ", chosen" if one.chosen else ""
            lines.append(
                f"  round {one.round}    IoU {_iou(one.training_iou)} in training, {_iou(one.validation_iou)} in validation "
                f"(target {self.target_iou:.2f}){chosen}"
            )
        if self.review:
            lines.append(f"  review     {self.review.words()}")
        return "\n".join([*lines, f"  next       {self.next}"]) + "\n"


def read_status(region: Region, config: str, decisions: Path, project: Path = Path()) -> Status:
    """Return how far a region is; ``config`` names its configuration in what the person does next.

    Raises UserError for results that another program changed.
    """
    jobs = read_jobs(region.region, project)
    review = count_waiting(region, decisions)
    return Status(
        region=region.region,
        landform=region.landform,
        target_iou=region.training.target_iou,
        jobs=jobs,
        training=_training(region.region) if jobs and jobs.running else None,
        rounds=_rounds(region.region),
        review=review,
        next=_next(region, config, jobs, review),
    )


def _next(region: Region, config: str, jobs: Jobs | None, review: Waiting | None) -> str:
    """Return what the person does next."""
    run, look = f"snakemake --configfile {config}", f"lobate review {config}"
    if jobs and jobs.running:
        return "wait for the run"
    if jobs and jobs.failed:
        return f"read {jobs.log}: {', '.join(jobs.failed)} failed; mend it, then {run}"
    if review is None:
        return f"run {run}"
    if review.conflicts:
        return f"settle {_counted(review.conflicts, 'conflict')}: {look}"
    return review.waits_for_you(look) or (
        f"{_counted(review.new, 'decision')} of yours {'is' if review.new == 1 else 'are'} not in the inventory yet: {run}"
        if review.new
        else f"the inventory is complete: results/{region.region}/inventory/inventory.gpkg"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _job_lines(jobs: Jobs | None) -> Iterator[str]:
    if jobs is None:
        yield "  jobs       no run yet"
        return
    left = "" if jobs.seconds_left is None else f", about {_duration(jobs.seconds_left)} left"
    state = "running" if jobs.running else "failed" if jobs.failed else "ended"
    yield f"  jobs       {jobs.done} of {jobs.all} done, {state}{left}"
    yield from (f"             {message}" for message in jobs.now)


def _training_lines(training: Training | None) -> Iterator[str]:
    if training:
        yield (
            f"  training   round {training.round}, iteration {training.iteration} of {training.iterations}, "
            f"{training.images_per_s:.1f} images/s, {_duration(training.seconds_left)} left in this round"
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _iou(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def read_jobs(region: str, project: Path = Path()) -> Jobs | None:
    """Return the jobs of the latest run of Snakemake in a project's folder that made results of a region; None for none."""
    logs = sorted((project / ".snakemake" / "log").glob("*.snakemake.log"), reverse=True)
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        if f"results/{region}/" in text or (log == logs[0] and "Job stats" not in text):
            return _parse_jobs(log, text)
    return None


def _parse_jobs(log: Path, text: str) -> Jobs:
    steps = STEPS.findall(text)
    planned = PLANNED.findall(text)
    done, total = map(int, steps[-1]) if steps else (0, int(planned[-1]) if planned else 0)
    ended = set(FINISHED.findall(text))
    started = {match[1] or match[4]: (match[2] or match[3]).strip() for match in STARTED.finditer(text)}
    running = _is_running(log, text)
    seconds = _seconds(log)
    left = seconds / done * (total - done) if running and done else None
    now = [message for job, message in started.items() if job not in ended] if running else []
    failed = [] if running else list(dict.fromkeys(FAILED.findall(text)))
    return Jobs(str(log), running, done, total, now, failed, round(seconds, 1), None if left is None else round(left))


def _is_running(log: Path, text: str) -> bool:
    """Whether the process of a log still writes: its lock is there, and the log has no end."""
    ended = ("Complete log(s):", "Nothing to be done", "Shutting down, this might take some time")
    locks = log.parent.parent / "locks"
    return any(locks.glob("*")) and not any(word in text for word in ended)


def _seconds(log: Path) -> float:
    """Return how long a run has taken until it last wrote."""
    name = LOG_NAME.fullmatch(log.name)
    started = datetime.strptime(name[1], "%Y-%m-%dT%H%M%S") if name else None
    changed = datetime.fromtimestamp(log.stat().st_mtime)
    return max(0.0, (changed - started).total_seconds()) if started else 0.0


def _training(region: str) -> Training | None:
    """Return what the log of the latest round in training says last."""
    logs = sorted(Path("results", region, "logs", "train").glob("*.log"), key=lambda path: path.stat().st_mtime)
    found = SPEED.findall(_tail(logs[-1])) if logs else []
    if not found:
        return None
    number, iteration, iterations, speed, left = found[-1]
    return Training(int(number), int(iteration), int(iterations), float(speed), float(left))


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
        return file.read().decode("utf-8", "replace")


def _rounds(region: str) -> list[Round]:
    training = Path("results", region, "training")
    selection = training / "selection.json"
    chosen = (
        read_json(selection, "a selection.json written by `select-model`")["chosen"] if selection.exists() else None
    )
    verdicts = sorted(training.glob("round_*/verdict.json"), key=lambda path: int(path.parent.name.rpartition("_")[2]))
    return [_round(path, chosen) for path in verdicts]


def _round(path: Path, chosen: int | None) -> Round:
    verdict = read_json(path, "a verdict.json written by `train`")
    number = int(path.parent.name.rpartition("_")[2])
    return Round(
        round=number,
        training_iou=(verdict.get("training_iou") or {}).get("landform"),
        validation_iou=(verdict.get("validation_iou") or {}).get("landform"),
        chosen=number == chosen,
        curve=_curve(path.with_name("metrics.csv")),
    )


def _curve(path: Path) -> list[tuple[int, float]]:
    """Return iterations and validation IoUs of a round, thinned to what a small curve shows."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "validation" and row["iou_landform"]]
    points = [(int(row["iteration"]), float(row["iou_landform"])) for row in rows]
    step = max(1, len(points) // CURVE_POINTS)
    return [*points[:-1:step], *points[-1:]]
