"""Facts of the machine: recorded beside each result, and shown by `lobate explain`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lobate.engine.machine import machine_facts, processor_name


def test_processor_has_a_name():
    assert processor_name().strip()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("loaded", ["", "import torch; "])
def test_threads_are_those_that_a_stage_computes_with(threads, loaded):
    """Snakemake gives each job its number of threads in OMP_NUM_THREADS, and PyTorch follows it."""
    code = f"{loaded}from lobate.engine.machine import thread_count; print(thread_count())"
    process = subprocess.run(
        ["env", f"OMP_NUM_THREADS={threads}", sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert int(process.stdout) == threads


def test_device_is_the_processor_without_pytorch():
    code = "from lobate.engine.machine import device_name; print(device_name())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "cpu\n"


def test_explain_shows_the_machine_that_computed_a_result(toy):
    toy.copy()
    line = next(line for line in toy.run("explain", "out/result.txt").stdout.splitlines() if " threads, " in line)
    facts = machine_facts()
    assert facts["processor"] in line
    tree = json.loads(toy.run("explain", "out/result.txt", "--json").stdout)
    assert set(facts) <= set(tree["run"])


def test_a_result_of_another_number_of_threads_is_not_computed_again(toy):
    """The key leaves the machine out, or a store could not be shared between machines."""
    assert toy.run(
        "copy", "--source", "in.txt", "--result", "a.txt", "--settings", "toy.json", OMP_NUM_THREADS="1"
    ).stderr.startswith("computed")
    assert toy.run(
        "copy", "--source", "in.txt", "--result", "a.txt", "--settings", "toy.json", OMP_NUM_THREADS="2"
    ).stderr.startswith("restored")
    assert " 1 threads, " in toy.run("explain", "a.txt").stdout
