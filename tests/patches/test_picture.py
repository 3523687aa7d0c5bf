from __future__ import annotations

import matplotlib.image
import numpy as np
import pytest

from lobate.patches.picture import DPI, HEAD, draw
from lobate.patches.suspects import pick

from .conftest import make_footprints

WARNING, OUTLINE = (0xD5, 0x5E, 0x00), (0xE6, 0x9F, 0x00)


@pytest.fixture
def picture(tmp_path):
    """One suspicious patch and one that is not, of plain green ground, each with its outline in the middle."""

    def of(bands: int = 3):
        footprints = make_footprints([(0, 0, 40, 40), (0, 60, 40, 40)]).assign(valid=[1.0, 0.4], file=0)
        patches = np.zeros((2, 48, 48, bands + 1), np.uint8)
        patches[:, :40, :40, min(1, bands - 1)] = 200
        patches[:, 40:, :, -1] = patches[:, :, 40:, -1] = 255
        outlines = footprints[["polygon", "class", "geometry"]].assign(geometry=footprints.buffer(-100))
        draw(tmp_path / "sheet.png", pick(footprints, 4, 0), [patches], {0: outlines}, 2)
        return (matplotlib.image.imread(tmp_path / "sheet.png")[..., :3] * 255).round().astype(int)

    return of


def left_and_right(pixels, colour):
    cells = pixels[int(HEAD * DPI) :, : pixels.shape[1] // 3]
    found = (cells == colour).all(axis=-1)
    return [found[:, : found.shape[1] // 2].sum(), found[:, found.shape[1] // 2 :].sum()]


def test_the_suspicious_patch_stands_left_in_a_frame_with_its_reason(picture):
    suspicious, other = left_and_right(picture(), WARNING)
    assert suspicious > 1000
    assert other == 0


def test_outlines_lie_on_the_image(picture):
    pixels = picture()
    assert min(left_and_right(pixels, (0, 200, 0))) > 20_000
    rows, cols = np.nonzero((pixels[int(HEAD * DPI) :, : pixels.shape[1] // 6] == OUTLINE).all(axis=-1))
    assert np.ptp(rows) == pytest.approx(np.ptp(cols), abs=2)
    assert np.ptp(rows) == pytest.approx(0.5 * 2.08 * DPI, rel=0.05)  # 20 of 40 pixels
    assert (rows.min() + rows.max()) / 2 == pytest.approx((0.5 + 2.2 / 2) * DPI, abs=3)


def test_outlines_end_where_the_patch_ends(tmp_path):
    footprints = make_footprints([(0, 0, 20, 40)]).assign(file=0)
    outlines = footprints[["polygon", "class", "geometry"]].assign(geometry=footprints.translate(150, -100).buffer(60))
    draw(tmp_path / "sheet.png", pick(footprints, 4, 0), [np.zeros((1, 48, 48, 4), np.uint8)], {0: outlines}, 1)
    pixels = (matplotlib.image.imread(tmp_path / "sheet.png")[..., :3] * 255).round().astype(int)
    rows, _ = np.nonzero((pixels[int((HEAD + 0.5) * DPI) :] == OUTLINE).all(axis=-1))
    assert len(rows) > 50
    assert rows.max() < 2.2 / 2 * DPI + 3


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_any_number_of_bands(picture, bands):
    assert picture(bands).shape[-1] == 3
