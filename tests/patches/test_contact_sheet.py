"""The verb contact-sheet: the same bytes, and files that do not fit."""

from __future__ import annotations

import logging

import matplotlib.image
import numpy as np
import pytest

from lobate.errors import UserError
from lobate.io.vector import read_layer, write_layers
from lobate.patches.contact_sheet import bare_outlines, contact_sheet
from lobate.settings.patches import Sheet

from .conftest import nothing_removed


def drawn(made, **options):
    sheet = made.project / "sheet.png"
    given = {"patches": made.files("npy"), "footprints": made.files("gpkg")} | options
    contact_sheet(**given, polygons=made.polygons, sheet=sheet, sheet_settings=Sheet(patches=7), seed=0)
    return sheet


def test_a_picture_with_the_same_bytes_every_time(made, caplog):
    caplog.set_level(logging.INFO)
    first = drawn(made).read_bytes()
    assert drawn(made).read_bytes() == first
    assert b"matplotlib" not in first.lower()
    assert "The contact sheet shows 7 of" in caplog.text
    pixels = matplotlib.image.imread(made.project / "sheet.png")
    assert pixels.shape[1] > 1400
    orange = np.abs(pixels[..., :3] - [0.902, 0.624, 0.0]).max(axis=-1) < 0.02
    assert orange.sum() > 200  # outlines of positives


def test_no_patch_at_all_is_an_empty_sheet(made, tmp_path):
    footprints = tmp_path / "none.gpkg"
    write_layers(
        footprints, {"patches": read_layer(made.files("gpkg")[0], "patches").iloc[:0], "removed": nothing_removed()}
    )
    np.save(tmp_path / "none.npy", np.zeros((0, 48, 48, 4), np.uint8))
    assert drawn(made, patches=[tmp_path / "none.npy"], footprints=[footprints]).stat().st_size > 0


def test_tiles_in_another_order_do_not_fit(made):
    rows = read_layer(made.files("gpkg")[0], "patches")
    write_layers(made.files("gpkg")[0], {"patches": rows.iloc[1:]})
    with pytest.raises(UserError, match=r"but there are \d+ footprints"):
        drawn(made)
    with pytest.raises(UserError, match="Give both files of each tile"):
        drawn(made, patches=made.files("npy")[:1])


def test_the_lens_shows_outlines_alone(made, tmp_path):
    frame = read_layer(made.polygons, "kept")
    for name, table in (("a", frame), ("b", frame.iloc[::-1].assign(source="renamed.shp", tile="t9"))):
        write_layers(tmp_path / f"{name}.gpkg", {"kept": table})
        bare_outlines(tmp_path / f"{name}.gpkg", tmp_path / f"{name}_seen.gpkg")
    assert (tmp_path / "a_seen.gpkg").read_bytes() == (tmp_path / "b_seen.gpkg").read_bytes()
