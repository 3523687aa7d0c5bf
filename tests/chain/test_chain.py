"""The chain as a newcomer runs it, and what it says when it cannot run."""

from __future__ import annotations

import json
import re
import zipfile

import geopandas as gpd
import pandas as pd
import pytest
import rasterio

pytestmark = pytest.mark.xdist_group("chain")


def test_chain_ends_with_every_result(finished):
    clone, done = finished
    assert done.status == 0, done.text[-5000:]
    results = clone.results
    for tile in ("T44SPC", "T44SQC"):
        with (
            rasterio.open(results / f"imagery/{tile}.tif") as image,
            rasterio.open(results / f"mapping/{tile}_probability.tif") as map_,
        ):
            assert (image.shape, image.transform, image.crs) == (map_.shape, map_.transform, map_.crs)
            assert (map_.read(1) != 255).mean() > 0.9
    scores = json.loads((results / "mapping/scores.json").read_text())
    assert 0 <= scores["pixels"]["iou"] <= 1
    assert scores["polygons"]["f1"] is not None
    inventory = gpd.read_file(results / "inventory/inventory.gpkg", layer="inventory")
    assert len(inventory) == len(pd.read_csv(results / "inventory/inventory.csv"))
    assert len(inventory) == len(gpd.read_parquet(results / "inventory/inventory.parquet"))
    assert inventory["id"].is_unique
    for name in ("map", "iou", "workflow"):
        assert (results / f"figures/{name}.png").read_bytes()[:4] == b"\x89PNG"
        assert (results / f"figures/{name}.pdf").read_bytes()[:4] == b"%PDF"


def test_the_settings_of_the_run_are_copied_for_people(finished):
    clone, _ = finished
    copy = (clone.results / "settings.json").read_bytes()
    assert copy in [path.read_bytes() for path in (clone.results / "settings").iterdir()]


def test_explain_goes_down_to_the_raw_data(finished):
    clone, _ = finished
    said = clone.lobate("explain", "results/tiny/inventory/inventory.gpkg").stdout
    for stage in (
        "compile_inventory",
        "describe",
        "filter_detections",
        "predict",
        "train",
        "crop_patches",
        "compose_rgb",
        "make_example",
    ):
        assert f"by {stage} " in said


def test_summary_says_where_things_are(finished):
    clone, _ = finished
    said = clone.lobate("summary", "tests/conf/tiny.yaml").stdout
    for name in (
        "results/tiny/inventory/inventory.gpkg",
        "results/tiny/figures/map.png",
        "results/tiny/mapping/scores.json",
        "synthetic",
    ):
        assert name in said


def test_snakemakes_own_report_shows_every_figure_with_its_caption(finished, tmp_path):
    clone, _ = finished
    done = clone.run("--report", str(tmp_path / "report.zip"))
    assert done.status == 0, done.text[-3000:]
    with zipfile.ZipFile(tmp_path / "report.zip") as packed:
        page = packed.read("report/report.html").decode()
        held = {name.rpartition("/")[2] for name in packed.namelist()}
    captions = re.findall(r'"caption": *("(?:[^"\\]|\\.)*")', page)
    figures = {path.name for path in (clone.results / "figures").glob("*.png")}
    assert len(captions) == len(figures) + 2, "all figures, the report and the table"
    assert figures | {"report.html", "inventory.csv"} <= held
    for caption in map(json.loads, captions):
        assert caption.startswith("<p>") and not re.search(r"\*\*|``|\{\{|:\w+:`", caption), caption
    assert "Region <strong>tiny</strong>" in page
    assert "SYNTHETIC world" in page


def test_rule_graph_is_the_same_each_time(clone):
    """It is no stage, so that no store keeps it: the rule itself has to make the same bytes."""
    graph = "results/tiny/figures/rules.dot"
    before = (clone.folder / graph).read_bytes()
    assert clone.run("--force", "--", graph).status == 0
    assert (clone.folder / graph).read_bytes() == before


def test_rule_graph_is_the_one_that_snakemake_prints(clone):
    from lobate.figures.rule_graph import parse_dot

    printed = parse_dot(clone.run("--rulegraph", "dot").text)
    assert len(printed.edges) > 50
    assert parse_dot((clone.folder / "results/tiny/figures/rules.dot").read_text()) == printed


def test_rule_graph_is_written_again_when_the_graph_changes_and_only_then(clone):
    graph = "results/tiny/figures/rules.dot"
    assert "rule_graph" not in clone.run("--", graph).finished
    other = {"imagery": {"stretch": {"method": "percentiles"}}}
    done = clone.run("--", graph, overlay=other)
    assert done.finished == {"rule_graph": 1}, done.text[-3000:]
    assert "measure_stretch" in (clone.folder / graph).read_text()


def test_a_rule_with_two_gpus_trains_in_two_processes(clone):
    """No machine of the tests has two: one is pretended to, and its processes meet on CPUs."""
    together = clone.folder / "workflow/lobate/training/launch.py"
    text = together.read_text()
    assert text.count("torch.cuda.device_count()") == 1
    together.write_text(text.replace("torch.cuda.device_count()", "2"))
    model = "results/tiny/training/round_1/model.safetensors"
    alone = (clone.folder / model).read_bytes()
    done = clone.run("--resources", "gpu=2", "--", model, overlay={"training": {"gpus": 2}})
    assert (done.status, done.computed) == (0, {"train": 1}), done.text[-3000:]
    assert "LOBATE_GPUS=2 lobate train " in done.text
    assert "Each of 2 devices gets one patch at a time" in done.text
    assert (clone.folder / model).read_bytes() != alone


def test_dry_run_and_lint_work_on_a_fresh_clone(tmp_path, project):
    from tests.chain.clone import Clone

    fresh = Clone(tmp_path / "fresh", project, tmp_path / "store")
    dry = fresh.run("--dry-run")
    assert dry.status == 0, dry.text[-3000:]
    assert "compile_inventory" in dry.text
    lint = fresh.run("--lint")
    assert lint.status == 0, lint.text[-3000:]


def test_mistakes_in_the_configuration_stop_before_the_first_job(clone):
    done = clone.run("--forceall", overlay={"training": {"targt_iou": 0.5}, "labels": {"removed": "nowhere.csv"}})
    assert done.status == 2
    assert "the nearest known key is training.target_iou" in done.text
    assert "Traceback" not in done.text
    assert not done.computed and not done.restored
