"""User-supplied files are replaced: by an older copy, by a changed part, by the same content."""

from __future__ import annotations

import os
import shutil
import time

import geopandas as gpd
import pytest
import yaml
from tests.chain.clone import Clone

pytestmark = pytest.mark.xdist_group("faults")

TARGETS = ("--", "results/replaced/labels/T.tif")


@pytest.fixture
def clone(tmp_path, project, bench_image):
    """A region of one image and outlines in a Shapefile, up to its label rasters."""
    made = Clone(tmp_path / "clone", project, tmp_path / "store")
    image, outlines = bench_image
    shutil.copy(image, made.folder / "image.tif")
    gpd.read_file(outlines).to_file(made.folder / "outlines.shp")
    settings = {
        "region": "replaced",
        "imagery": {"tiles": {"T": ["image.tif"]}},
        "labels": {"positives": [{"path": "outlines.shp"}]},
    }
    (made.folder / "replaced.yaml").write_text(yaml.safe_dump(settings))
    first = run(made)
    assert first.computed["clean_labels"] == 1, first.text
    return made


def run(clone):
    done = clone.run(*TARGETS, config="replaced.yaml")
    assert done.status == 0, done.text
    return done


def replace_by_older_outlines(clone):
    """Outlines moved by 50 m, in files older than every result: as cp -p leaves them, or a clock that was set back."""
    frame = gpd.read_file(clone.folder / "outlines.shp")
    frame["geometry"] = frame.translate(50, 50)
    frame.to_file(clone.folder / "outlines.shp")
    age(clone)


def age(clone):
    yesterday = time.time() - 86_400
    for path in clone.folder.glob("outlines.*"):
        os.utime(path, (yesterday, yesterday))


def test_a_file_replaced_by_an_older_one_is_seen(clone):
    replace_by_older_outlines(clone)
    again = run(clone)
    assert set(again.computed) == {"clean_labels", "rasterize_labels"}, again.text
    assert "Nothing to be done" in run(clone).text


def test_side_files_count_as_well(clone):
    """Only the attributes of a Shapefile change, in its .dbf."""
    frame = gpd.read_file(clone.folder / "outlines.shp")
    frame["note"] = "seen again"
    frame.to_file(clone.folder / "outlines.shp")
    age(clone)
    assert run(clone).computed["clean_labels"] == 1


def test_the_same_content_at_another_time_is_the_same(clone):
    age(clone)
    assert "Nothing to be done" in run(clone).text
