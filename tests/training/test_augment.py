import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.tv_tensors import Image, Mask

from lobate.settings.training import Training
from lobate.training.augment import GREY, OPERATIONS, augment, fit_to_crop

GEOMETRIC = ["flip", "rotate", "crop", "scale"]


def pattern(height=96, width=80):
    """An L that no flip or turn maps onto itself, bright in the image where the mask is 1; the rim is ignored."""
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[20:70, 20:36] = mask[54:70, 20:64] = 1
    image = (mask * 200 + 20).expand(3, -1, -1).clone()
    mask[:, :4] = 255
    return Image(image), Mask(mask)


def agree(image, mask):
    """The share of labelled pixels where image and mask say the same."""
    seen = (mask != 255) & (image[0] != GREY)
    return ((image[0] > 120) == (mask == 1))[seen].float().mean().item()


@pytest.mark.parametrize("name", GEOMETRIC)
@pytest.mark.parametrize("seed", range(8))
def test_image_and_mask_move_together(name, seed):
    image, mask = OPERATIONS[name](*pattern(), np.random.default_rng(seed))
    assert image.shape[-2:] == mask.shape[-2:]
    assert set(mask.unique().tolist()) <= {0, 1, 255}
    assert agree(image, mask) > 0.97


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(GEOMETRIC)))
def test_the_others_leave_the_mask_and_the_type_alone(name):
    before = pattern()
    image, mask = OPERATIONS[name](*before, np.random.default_rng(1))
    assert mask.equal(before[1])
    assert image.dtype == torch.uint8
    assert image.shape == before[0].shape
    assert not image.equal(before[0])


@given(st.integers(0, 2**31), st.integers(33, 110), st.integers(33, 110), st.sampled_from([32, 64, 97]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_is_drawn_fits_the_crop_and_stays_aligned(seed, height, width, side, positive):
    random = np.random.default_rng(seed)
    image, mask = pattern(110, 110)
    image, mask = Image(image[:, :height, :width]), Mask(mask[:height, :width])
    if positive:
        image, mask = augment(image, mask, GEOMETRIC, random)
    image, mask = fit_to_crop(image, mask, side, [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0], random)
    assert tuple(image.shape) == (3, side, side)
    assert tuple(mask.shape) == (side, side)
    assert image.dtype == mask.dtype == torch.uint8
    assert set(mask.unique().tolist()) <= {0, 1, 255}
    if (mask == 1).sum() > 300:
        assert agree(image, mask) > 0.93


def test_new_ground_is_grey_and_ignored():
    image, mask = fit_to_crop(*pattern(40, 50), 64, [0.5], np.random.default_rng(0))
    new = torch.ones(64, 64, dtype=torch.bool)
    new[:20, :25] = new[:20, 39:] = False  # at the top left, or mirrored
    assert (image[:, 20:] == 128).all()
    assert (mask[20:] == 255).all()
    assert (mask != 255).any()


def test_a_quarter_turn_is_exact():
    image, mask = pattern()
    turned = {}
    for seed in range(20):
        _, other = OPERATIONS["rotate"](image, mask, np.random.default_rng(seed))
        turned[tuple(other.shape)] = other
    assert turned[80, 96].equal(torch.rot90(mask))


def test_the_same_draw_gives_the_same_sample():
    one, other = (augment(*pattern(), sorted(OPERATIONS), np.random.default_rng(3)) for _ in range(2))
    assert one[0].equal(other[0])
    assert one[1].equal(other[1])


def test_every_operation_of_the_settings_exists():
    named = {operation for step in Training().augment for operation in step}
    assert named == set(OPERATIONS)
