"""The verb review-page; the page itself is tested in a browser, in tests/pages."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from lobate.errors import UserError
from lobate.inventory.page.template import render_page
from lobate.inventory.review_page import review_page

from .conftest import STEP, square


@pytest.fixture
def image(tmp_path):
    profile = {"driver": "GTiff", "count": 3, "width": 200, "height": 100, "dtype": "uint8", "crs": 4326}
    with rasterio.open(tmp_path / "T.tif", "w", transform=from_origin(79.99, 36.01, 1e-4, 1e-4), **profile) as target:
        target.write(np.full((3, 100, 200), 90, np.uint8))
    return tmp_path / "T.tif"


def data_of(path):
    return json.loads(re.search(r'id="data">(.*?)</script>', path.read_text(), re.S)[1])


def write_page(detections, image, tmp_path, name="review.html", **settings):
    target = tmp_path / name
    review_page(detections, [image], target, tiles=["T"], names=[], others_settings={}, **settings)
    return target


def test_least_certain_first_with_outlines_and_pictures(detections, image, tmp_path):
    data = data_of(write_page(detections([square(0), square(1), square(2)]), image, tmp_path, region="demo"))
    assert [detection["id"] for detection in data["detections"]] == ["d00002", "d00001", "d00000"]
    first = data["detections"][-1]
    assert np.allclose(first["outline"][0][0][0], [80 + 0.9 * STEP, 36])
    assert all(detection["images"] for detection in data["detections"])
    assert data["context"]["removed"] == [] or data["context"]["removed"][0]["words"] == "left out: too small"


def test_same_bytes_twice(detections, image, tmp_path):
    source = detections([square(0), square(1)])
    first, second = (write_page(source, image, tmp_path, name) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


def test_nothing_to_review(detections, image, tmp_path):
    assert data_of(write_page(detections([]), image, tmp_path))["detections"] == []


def test_names_for_every_file(detections, image, tmp_path):
    with pytest.raises(UserError, match="--images gives 1 files for 2 names"):
        review_page(
            detections([square(0)]), [image], tmp_path / "x.html", tiles=["T", "U"], names=[], others_settings={}
        )


def test_data_cannot_leave_its_element():
    text = render_page("<b>{{data}}</b>", {"region": "r<", "said": "</script><script>alert(1)</script>"})
    assert text.count("</script>") == 2
    assert "<title>&lt;b&gt;{{data}}" in text
    assert "<b>" not in text
