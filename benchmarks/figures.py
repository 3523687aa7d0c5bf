"""The figures `make bench` measures: what a figure is, and the fair ways to take one.

A ratio is this project over the other tool, both run in turn in one process of measuring, the median of the pairs'
ratios: a machine that slows down for a while slows both. Peak memory is the growth of a process of its own, beyond what
it held before the work.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured number: ``against`` says what it is compared with, or the limit it should keep."""

    value: float
    unit: str
    what: str
    against: str


Measure = Callable[[Path], dict[str, Figure]]
MEASURES: dict[str, Measure] = {}
"""Name -> function of a scratch folder; each returns one or more figures by name."""


def measures(function: Measure) -> Measure:
    """Register a function of a scratch folder that returns figures by name."""
    MEASURES[function.__name__] = function
    return function


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of ``work`` in seconds."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def ratio(ours: Callable[[], object], theirs: Callable[[], object], pairs: int = 5) -> float:
    """Return the median of ours / theirs over ``pairs`` runs in turn; each runs once before, unmeasured."""
    ours(), theirs()
    return statistics.median(
        seconds(ours) / seconds(theirs) if n % 2 else 1 / (seconds(theirs) / seconds(ours)) for n in range(pairs)
    )


def command(*words: object) -> Callable[[], object]:
    """Return a function that runs a command as a whole process and insists that it succeeds."""
    listed = [str(word) for word in words]

    def work() -> None:
        done = subprocess.run(listed, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(listed)}\n{done.stderr}")

    return work


PEAK = """
import re, sys
{before}
def held(name): return int(re.search(name + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
open("/proc/self/clear_refs", "w").write("5")  # forget the peak so far
start = held("VmRSS")
{work}
print(held("VmHWM") - start)
"""


def peak_mb(before: str, work: str) -> float:
    """Return by how many MiB a fresh Python grows at most while it runs ``work``, beyond what it holds after ``before``."""
    script = PEAK.format(before=before, work=work)
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.split()[-1])
