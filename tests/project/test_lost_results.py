"""`snakemake` makes a lost result again, although all that was made from it is there; nothing is made by these tests."""

from __future__ import annotations

import importlib
import re

import pytest

LOST = {
    "an image": ["imagery/T0000.tif"],
    "its record": ["imagery/T0001_scene.tif"],
    "patches and all before": ["imagery/T0000.tif", "labels/T0000.tif", "patches/T0000.npy"],
    "what no rule reads": ["training/round_2/events.out.tfevents.lobate", "mapping/cases.gpkg"],
}


@pytest.fixture(scope="module")
def planned(project, tmp_path_factory):
    """A function that loses results of a region where all is made, plans a run, and puts them back."""
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(project))
        bench = importlib.import_module("benchmarks.bench_plan")
    region = bench._region(tmp_path_factory.mktemp("lost") / "region", 2)
    bench._pretend(region)
    bench._insist_nothing(bench._snakemake(region, "--dry-run"))

    def plan(names: list[str]) -> str:
        paths = [region / "results/wide" / name for name in names]
        kept = [path.rename(path.with_name(f"{path.name}.kept")) for path in paths]
        said = bench._snakemake(region, "--dry-run")
        for file, path in zip(kept, paths, strict=True):
            file.rename(path)
        return said

    return plan


@pytest.mark.parametrize("case", LOST)
def test_a_lost_result_is_made_again(planned, case):
    said = planned(LOST[case])
    for name in LOST[case]:
        assert re.search(rf"^Reason: Missing output files: .*{re.escape(name)}", said, re.M), name
