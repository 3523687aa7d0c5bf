from __future__ import annotations

import importlib
import json

import pytest


@pytest.fixture
def bench(project, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(project))
    module = importlib.import_module("benchmarks.__main__")
    figures = importlib.import_module("benchmarks.figures")
    monkeypatch.setattr(module, "LATEST", tmp_path / "latest.json")
    monkeypatch.setattr(module, "HERE", tmp_path)  # no measures but the test's own
    monkeypatch.setattr(module, "MEASURES", {})
    return module, figures


def fails(folder):
    raise RuntimeError("no")


def test_figures_are_written_and_a_failed_measure_leaves_none(bench, tmp_path):
    module, figures = bench
    module.MEASURES["good"] = lambda folder: {"speed": figures.Figure(0.97123456, "ratio", "us", "them")}
    assert module.main([]) == 0
    written = json.loads((tmp_path / "latest.json").read_text())
    assert written == {"speed": {"value": 0.9712, "unit": "ratio", "what": "us", "against": "them"}}
    module.MEASURES["bad"] = fails
    assert module.main(["bad"]) == 1
    assert json.loads((tmp_path / "latest.json").read_text()) == written
    assert module.main(["nonsense"]) == 2
    module.MEASURES.pop("good")
    assert module.main([]) == 1
    assert json.loads((tmp_path / "latest.json").read_text()) == {}


def test_peak_is_what_the_work_adds(bench):
    _, figures = bench
    before = "import numpy as np; held = np.ones(30_000_000, np.uint8)"
    assert 90 < figures.peak_mb(before, "more = np.ones(100_000_000, np.uint8); del more") < 110
    assert figures.peak_mb(before, "pass") < 5
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        figures.peak_mb("", "1 / 0")


def test_ratio_is_ours_over_theirs(bench):
    _, figures = bench
    assert figures.ratio(lambda: sum(range(1_000_000)), lambda: sum(range(4_000_000)), pairs=3) < 0.6


def test_command_must_succeed(bench):
    _, figures = bench
    figures.command("true")()
    with pytest.raises(RuntimeError, match="false"):
        figures.command("false")()
