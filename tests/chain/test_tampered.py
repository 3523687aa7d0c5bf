"""A whole run on tampered outlines: it has learnt nothing, and says so in red in every place where a number stands."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import geopandas as gpd
import pytest
import rasterio
from shapely.affinity import translate
from tests.figures.test_alarm import PLACES, is_red

from lobate.network.header import read_header

pytestmark = pytest.mark.xdist_group("chain")

CONFIG = ("tests/conf/tiny.yaml", "overlay.yaml")
TARGETS = (
    "--",
    "results/tiny/report.html",
    "results/tiny/inventory/README.md",
    *(f"results/tiny/figures/{name.removeprefix('figure_')}.png" for name in PLACES),
)


def shuffled(clone) -> dict[str, object]:
    """Move each outline of the landform to where another one's mirror image is: no label lies on its landform any more."""
    outlines = gpd.read_file(clone.results / "example/positives.shp")
    west, south, east, north = outlines.total_bounds
    places = [outline.centroid for outline in outlines.geometry]
    moved = [
        translate(outline, west + east - 2 * place.x, south + north - 2 * place.y)
        for outline, place in zip(outlines.geometry, places, strict=True)
    ]
    path = clone.folder / "resources/tiny/shuffled.gpkg"
    path.parent.mkdir(parents=True, exist_ok=True)
    outlines.set_geometry(gpd.GeoSeries(moved, crs=outlines.crs)).to_file(path)
    return {"labels": {"positives": [{"path": "resources/tiny/shuffled.gpkg", "id_field": "id"}]}}


def on_a_terminal(clone, *words: str) -> str:
    """Return what a command prints where its output is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lobate", *words]
    with subprocess.Popen(
        command, cwd=clone.folder, env=clone.environment(), stdout=theirs, stderr=subprocess.DEVNULL
    ) as job:
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the terminal is closed
                break
            if not part:
                break
            said += part
        job.wait(120)
    os.close(ours)
    return said.decode()


def test_a_tampered_run_says_in_every_place_that_nothing_was_learnt(clone):
    done = clone.run(*TARGETS, overlay=shuffled(clone))
    assert done.status == 0, done.text[-3000:]
    assert done.computed["train"] == 2 and "make_example" not in done.computed
    nothing_is_said_everywhere(clone)


def nothing_is_said_everywhere(clone) -> None:
    results, chosen = clone.results, "training/model.safetensors"
    selection = json.loads((results / "training/selection.json").read_text())
    number = selection["chosen"]
    reason = next(record for record in selection["rounds"] if record["round"] == number)["learnt_nothing"]
    assert reason
    for path in (results / chosen, results / f"training/round_{number}/model.safetensors"):
        assert read_header(path)["learnt_nothing"] == reason
    stac = json.loads((results / "training/model.stac.json").read_text())
    assert stac["properties"]["lobate:learnt_nothing"] == reason
    files_say(results, reason)
    commands_say(clone, reason)


def files_say(results, reason: str) -> None:
    page = (results / "report.html").read_text()
    alarm = page.index('<p role="alert" class="alarm">The model learnt nothing: ')
    assert alarm < page.index('id="overview"')
    assert re.search(r"\.alarm \{[^}]*color: #b00020", page), "red"
    about = (results / "inventory/README.md").read_text()
    assert f'<span style="color:red">**THE MODEL LEARNT NOTHING**: {reason}' in about
    assert about.index("LEARNT NOTHING") < about.index("## ")
    for name in PLACES:
        with rasterio.open(results / f"figures/{name.removeprefix('figure_')}.png") as png:
            assert is_red(png.read()[:3]).sum() > 100, name


def commands_say(clone, reason: str) -> None:
    model = "results/tiny/training/model.safetensors"
    summary = on_a_terminal(clone, "summary", *CONFIG)
    assert f"\033[31m  THE MODEL LEARNT NOTHING: {reason}." in summary
    assert summary.index("LEARNT NOTHING") < summary.index("inventory  ")
    assert f"THE MODEL LEARNT NOTHING: {reason}." in on_a_terminal(clone, "summary", *CONFIG, "--methods")
    rounds = on_a_terminal(clone, "model", "rounds", *CONFIG)
    assert re.search(rf"\033\[31m  THE MODEL LEARNT NOTHING: in round \d, {re.escape(reason)}\.", rounds)
    assert f"\033[31m  THE MODEL LEARNT NOTHING: {reason}." in on_a_terminal(clone, "model", "show", model)
    image = "results/tiny/imagery/T44SPC.tif"
    mapped = on_a_terminal(clone, "map", image, "--model", model, "--out", "map.gpkg")
    assert f"\033[31m  THE MODEL LEARNT NOTHING: {reason}." in mapped
