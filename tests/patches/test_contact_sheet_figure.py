"""The contact sheet: signs of suspicion, the sample, and the drawing."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from lobate.patches.contact_sheet_figure import DPI, HEADER, draw_contact_sheet, flag, sample

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
        draw_contact_sheet(tmp_path / "sheet.png", sample(footprints, 4, 0), [patches], {0: outlines}, 2)
        return (matplotlib.image.imread(tmp_path / "sheet.png")[..., :3] * 255).round().astype(int)

    return of


def left_and_right(pixels, colour):
    cells = pixels[int(HEADER * DPI) :, : pixels.shape[1] // 3]
    found = (cells == colour).all(axis=-1)
    return [found[:, : found.shape[1] // 2].sum(), found[:, found.shape[1] // 2 :].sum()]


def test_the_suspicious_patch_stands_left_in_a_frame_with_its_reason(picture):
    suspicious, other = left_and_right(picture(), WARNING)
    assert suspicious > 1000
    assert other == 0


def test_outlines_lie_on_the_image(picture):
    pixels = picture()
    assert min(left_and_right(pixels, (0, 200, 0))) > 20_000
    rows, cols = np.nonzero((pixels[int(HEADER * DPI) :, : pixels.shape[1] // 6] == OUTLINE).all(axis=-1))
    assert np.ptp(rows) == pytest.approx(np.ptp(cols), abs=2)
    assert np.ptp(rows) == pytest.approx(0.5 * 2.08 * DPI, rel=0.05)  # 20 of 40 pixels
    assert (rows.min() + rows.max()) / 2 == pytest.approx((0.5 + 2.2 / 2) * DPI, abs=3)


def test_outlines_end_where_the_patch_ends(tmp_path):
    footprints = make_footprints([(0, 0, 20, 40)]).assign(file=0)
    outlines = footprints[["polygon", "class", "geometry"]].assign(geometry=footprints.translate(150, -100).buffer(60))
    draw_contact_sheet(
        tmp_path / "sheet.png", sample(footprints, 4, 0), [np.zeros((1, 48, 48, 4), np.uint8)], {0: outlines}, 1
    )
    pixels = (matplotlib.image.imread(tmp_path / "sheet.png")[..., :3] * 255).round().astype(int)
    rows, _ = np.nonzero((pixels[int((HEADER + 0.5) * DPI) :] == OUTLINE).all(axis=-1))
    assert len(rows) > 50
    assert rows.max() < 2.2 / 2 * DPI + 3


@pytest.mark.parametrize("bands", [1, 2, 5])
def test_any_number_of_bands(picture, bands):
    assert picture(bands).shape[-1] == 3


def footprints(count: int, **columns) -> pd.DataFrame:
    table = make_footprints([(20 * n, 0, 16, 16) for n in range(count)])
    return pd.DataFrame(table).assign(**columns)


def test_each_sign_has_its_words():
    found = flag(
        footprints(
            8,
            polygon=["lost", "lost", "half", "half", "dim", "flat", "hidden", "edge"],
            positive=[0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.1],
            valid=[1, 1, 1, 1, 0.62, 1, 1, 1],
            entropy=[2, 2, 2, 2, 2, 0.61, 2, 2],
            ignored=[0, 0, 0, 0, 0, 0, 0.7, 0],
            clipped=[False] * 7 + [True],
        )
    )
    lost = "no positive pixel in any patch of it"
    words = [lost, lost, "no positive pixel", "", "62 % valid", "entropy 0.61", "70 % ignored", "at the image's edge"]
    assert found["why"].tolist() == words
    assert (found["suspicion"] > 0).tolist() == [True] * 3 + [False] + [True] * 3 + [False]


def test_a_negative_patch_needs_no_positive_pixel():
    assert flag(footprints(2, positive=0.0, **{"class": "negative"}))["suspicion"].sum() == 0


def test_the_worst_come_first_one_of_each_outline():
    table = footprints(
        6,
        polygon=["a", "a", "b", "c", "d", "e"],
        valid=[0.8, 0.7, 1, 0.75, 1, 0.3],
        positive=[0.1, 0.1, 0, 0.1, 0.1, 0.1],
    )
    picked = sample(table, 5, 0)
    assert picked["polygon"].tolist() == ["b", "e", "a", "c", "d"]
    assert picked["patch"].tolist()[2] == "t1_00001"


def test_a_quarter_is_left_to_patches_with_nothing_wrong():
    table = footprints(40, valid=[0.5] * 30 + [1.0] * 10)
    assert (sample(table, 12, 0)["suspicion"] > 0).sum() == 9
    assert (sample(table, 36, 0)["suspicion"] > 0).sum() == 27
    assert len(sample(table, 36, 0)) == 36
    assert len(sample(footprints(5, valid=0.5), 12, 0)) == 5


@pytest.mark.parametrize("order", [1, -1])
def test_the_sample_follows_from_the_seed_alone(order):
    table = footprints(40)
    picked = sample(table.iloc[::order], 7, 3)
    assert picked["patch"].tolist() == sorted(sample(table, 7, 3)["patch"])
    assert picked["patch"].tolist() != sample(table, 7, 4)["patch"].tolist()


def test_none_of_none():
    assert sample(footprints(3).iloc[:0], 5, 0).empty
