"""Tests of byte equality state their threads: all processes of the tests compute with the number in `tests/threads.py`."""

from __future__ import annotations

import os
import subprocess
import sys

import torch
from tests.chain.clone import Clone
from tests.faults.bench import Bench
from tests.threads import THREADS

PRINT = [sys.executable, "-c", "import torch; print(torch.get_num_threads())"]
LEAVES_ANOTHER = """
import os, torch
def test_pytorch(): torch.set_num_threads(1)
def test_environment(): os.environ["OMP_NUM_THREADS"] = "3"
def test_neither(monkeypatch):
    torch.set_num_threads(1)
    torch.set_num_threads(2)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
"""


def printed(*words: str, **options: object) -> str:
    return subprocess.run(words, check=False, capture_output=True, text=True, **options).stdout


def test_this_process_and_its_children_compute_with_the_stated_threads():
    assert torch.get_num_threads() == THREADS
    assert printed(*PRINT) == f"{THREADS}\n"


def test_a_stage_by_the_command_line_computes_with_the_stated_threads(toy):
    toy.copy()
    assert f" {THREADS} threads, " in toy.run("explain", "out/result.txt").stdout


def test_a_run_of_the_chain_and_of_the_torture_state_their_threads(tmp_path, project, monkeypatch):
    """They do not take them from the process that starts them: `make torture` knows nothing of pytest."""
    options = Clone(tmp_path / "clone", project, tmp_path / "store").options()
    assert options[options.index("--cores") + 1] == str(THREADS)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert Bench(tmp_path).environment("store")["OMP_NUM_THREADS"] == str(THREADS)


def test_a_test_that_leaves_another_number_of_threads_fails(tmp_path, project):
    """So no test of byte equality, of today or to come, computes with a number that nobody stated."""
    (tmp_path / "conftest.py").write_text("from tests.threads import stated_threads\n")
    (tmp_path / "test_it.py").write_text(LEAVES_ANOTHER)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(tmp_path)]
    output = printed(*words, env={**os.environ, "PYTHONPATH": str(project)}, cwd=tmp_path)
    assert "3 passed, 2 errors" in output, output
    assert output.count("this test changes the number of threads of the next") >= 2
