"""Outlines that gave no patch are counted with reason and setting; none left to learn from is a mistake."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from shapely import box

from lobate.errors import UserError
from lobate.patches.contact_sheet import contact_sheet
from lobate.patches.crop_patches import crop_patches
from lobate.patches.split_patches import split_patches
from lobate.patches.without_patches import in_words, read_removed, without_patches
from lobate.settings.patches import Crop, Sheet, Split

from .conftest import Tile, grid, make_tile


def dark(pixels: np.ndarray) -> None:
    pixels[:, :, :100] = 0


def cropped(tile: Tile, **crop):
    patches, footprints = tile.image.with_suffix(".npy"), tile.image.with_name("footprints.gpkg")
    settings = Crop(core=16, margin=16, buffer_m=50, **crop)
    crop_patches(tile.image, tile.label, tile.polygons, patches, footprints, tile="t1", crop=settings)
    return patches, footprints


NINE = [(f"p{k}", "positive", box(20, 40 * k + 20, 32, 40 * k + 30)) for k in range(9)]


@pytest.fixture
def nine(tmp_path) -> Tile:
    """Nine positive outlines where the image has no data, and a negative one on bright ground."""
    outlines = [*NINE, ("n1", "negative", box(130, 20, 142, 30)), ("n2", "negative", box(900, 0, 910, 10))]
    return make_tile(tmp_path, outlines, on=grid((400, 200)), paint=dark)


def split(footprints, folder):
    split_patches([footprints], folder / "split.gpkg", folder / "leakage.json", split_settings=Split(), seed=0)


def test_a_run_whose_positives_all_gave_no_patch_ends_before_training(nine, tmp_path):
    _, footprints = cropped(nine)
    with pytest.raises(
        UserError, match=r"None of the 9 positive outlines .* 9 positive \(valid share, patches\.crop\.min_valid\)"
    ):
        split(footprints, tmp_path)
    assert not (tmp_path / "split.gpkg").exists()
    assert not (tmp_path / "leakage.json").exists()


def lit(pixels: np.ndarray) -> None:
    """Show the ground of the first outlines."""
    dark(pixels)
    pixels[:, :200] = np.random.default_rng(2).integers(1, 256, pixels[:, :200].shape)


def warning_pixels(tile: Tile) -> int:
    """Return the number of pixels in the contact sheet's header that have the colour of a warning."""
    patches, footprints = cropped(tile)
    sheet = tile.image.with_suffix(".png")
    contact_sheet([patches], [footprints], tile.polygons, sheet, sheet_settings=Sheet(), seed=0)
    header = np.asarray(matplotlib.image.imread(sheet))[:90, :, :3]
    return int((np.abs(header - np.array([0xD5, 0x5E, 0x00]) / 255).max(axis=-1) < 0.02).sum())


def test_those_without_a_patch_are_counted_in_the_log(tmp_path, caplog):
    outlines = [*NINE, ("n1", "negative", box(130, 20, 142, 30)), ("n2", "negative", box(900, 0, 910, 10))]
    _, footprints = cropped(make_tile(tmp_path, outlines, on=grid((400, 200)), paint=lit))
    split(footprints, tmp_path)
    assert (
        "5 outlines gave no patch: 4 positive (valid share, patches.crop.min_valid); 1 negative (off the image, imagery.tiles)."
        in caplog.text
    )


def test_the_contact_sheet_counts_them_in_its_header(tmp_path):
    assert warning_pixels(make_tile(tmp_path, NINE, on=grid((400, 200)), paint=lit)) > 100
    assert warning_pixels(make_tile(tmp_path, NINE[:2], on=grid((400, 200)), paint=lit)) == 0


def test_an_outline_with_one_patch_left_is_not_lost():
    removed = pd.DataFrame(
        {"polygon": ["a", "b", "b"], "class": "positive", "reason": ["entropy", "valid share", "entropy"]}
    )
    lost = without_patches(pd.DataFrame({"polygon": ["a"]}), removed)
    assert lost["polygon"].tolist() == ["b"]
    assert in_words(lost) == "1 positive (valid share, patches.crop.min_valid)"
    assert in_words(lost.iloc[:0]) == ""


def test_reasons_are_counted_without_their_numbers(nine, tmp_path):
    _, footprints = cropped(nine)
    assert set(read_removed([footprints])["reason"]) == {"valid share", "off the image"}
