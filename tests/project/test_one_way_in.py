"""Every raster that a person brings comes in one way: opened, placed and judged by the modules of io."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CODE = Path(__file__).parents[2] / "workflow/lobate"
OWN_JUDGEMENTS = {
    "read_masks": (), "masked=True": (), "mask_flag_enums": (), "colorinterp": (),
    "dataset_mask": ("figures/drawing/basemap.py",),  # of lobate's own images, shrunk while they are read
}  # fmt: skip
"""What a module must not ask of GDAL by itself -> modules that may."""


@pytest.mark.parametrize(("word", "allowed"), OWN_JUDGEMENTS.items())
def test_only_io_asks_which_pixels_have_data(word, allowed):
    modules = {path.relative_to(CODE).as_posix() for path in CODE.rglob("*.py") if word in path.read_text()}
    assert {module for module in modules if not module.startswith("io/")} == set(allowed)


def test_only_io_opens_rasters_for_reading():
    opened = {
        path.relative_to(CODE).as_posix(): calls
        for path in CODE.rglob("*.py")
        if (calls := [call for call in re.findall(r"rasterio\.open\(([^\n]*)", path.read_text()) if '"w"' not in call])
    }
    assert set(opened) <= {"io/raster.py"}
