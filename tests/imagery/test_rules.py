"""The rules of the room: images that share a measured range wait for it, and only they."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

IMAGES = [f"results/tiny/imagery/{tile}.tif" for tile in ("T44SPC", "T44SQC")]


@pytest.fixture
def snakemake(project, tmp_path):
    """Run Snakemake on the tiny example in a folder of its own; returns what it says."""

    def run(method: str, *words: str) -> str:
        (tmp_path / "stretch.yaml").write_text(json.dumps({"imagery": {"stretch": {"method": method}}}))
        command = [
            *(sys.executable, "-m", "snakemake", "--snakefile", project / "Snakefile", "--directory", tmp_path),
            *("--configfile", project / "tests/conf/tiny.yaml", tmp_path / "stretch.yaml", *words, "--", *IMAGES),
        ]
        environment = {**os.environ, "LOBATE_STORE": str(tmp_path / "store")}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_a_measured_range_is_made_once_and_shared(snakemake, tmp_path):
    told = snakemake("percentiles", "--cores", "1")
    assert told.count("computed measure_stretch") == 1
    measured = json.loads((tmp_path / "results/tiny/imagery/stretch.json").read_text())
    assert sorted(measured["pixels"]) == ["T44SPC", "T44SQC"]
    facts = [json.loads((tmp_path / image).with_suffix(".json").read_text()) for image in IMAGES]
    assert [one["stretch"] for one in facts] == [{"method": "percentiles", "ranges": measured["ranges"]}] * 2
    assert "measure_stretch" not in snakemake("fixed", "--dry-run", "--forceall")
