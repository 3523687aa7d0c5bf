"""The script of a person's hour: both ways decide the same, in three actions where nine were needed."""

from __future__ import annotations

import pytest
from benchmarks.hour import compare

from lobate.inventory.review_page import review_page

from .region import make_region

pytestmark = pytest.mark.xdist_group("review-page")

COUNT = 12


def test_three_actions_do_what_nine_did(tmp_path, chromium):
    make_region(tmp_path, COUNT, across=4)
    results = tmp_path / "results/demo"
    (results / "inventory").mkdir()
    image, page = results / "imagery/T44SPC.tif", results / "inventory/review.html"
    review_page(results / "mapping/detections.gpkg", [image], page, tiles=["T44SPC"], names=[], others_settings={})
    before, after = compare(tmp_path, "config.yaml", chromium)
    assert before.statuses == after.statuses
    assert sorted(after.statuses.values()) == ["accepted"] * 9 + ["rejected"] * 3
    assert (len(before.acts), len(after.acts)) == (9, 3)
    assert after.model_s < before.model_s
    assert not (tmp_path / "resources").exists(), "the region's own files stay as they are"
