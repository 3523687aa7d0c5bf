"""Averaged looks: the same for a network to which they are alike, the mean by hand for one to which they are not."""

import pytest
import torch
from torch.nn import functional

from lobate.network.tta import ensemble, tta_flips, tta_scales


def pixels(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def symmetric(images):
    """A blur with a kernel that looks the same from all eight sides."""
    kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]).expand(1, 3, 3, 3) / 48
    return functional.conv2d(images.float() / 255, kernel, padding=1)[:, 0]


def leftmost(images):
    """1 in the first column of what it is shown, else 0."""
    answer = torch.zeros(len(images), *images.shape[-2:])
    answer[..., 0] = 1
    return answer


@pytest.mark.parametrize("size", [(6, 6), (5, 8)])
def test_an_equivariant_network_is_left_as_it_is(size):
    images = pixels(2, 3, *size)
    torch.testing.assert_close(tta_flips(symmetric)(images), symmetric(images))


@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 5)])
def test_symmetries_by_hand(height, width):
    values = tta_flips(leftmost)(pixels(1, 3, height, width))[0]
    rim = torch.zeros(height, width)
    for row, column in ((0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)):
        rim[row, column] += 0.25  # each side is the first column in two of the eight looks
    torch.testing.assert_close(values, rim)


def test_all_eight_looks_are_taken_and_differ():
    seen = []

    def network(images):
        seen.append(tuple(images.flatten().tolist()))
        return images[:, 0].float()

    images = torch.arange(9, dtype=torch.uint8).reshape(1, 1, 3, 3)
    torch.testing.assert_close(tta_flips(network)(images), images[:, 0].float())
    assert len(set(seen)) == 8


def test_one_scale_of_one_changes_nothing():
    images = pixels(2, 3, 7, 9)
    assert torch.equal(tta_scales(symmetric, [1.0])(images), symmetric(images))


@pytest.mark.parametrize("scales", [[0.5, 1.0, 1.5], [1.0, 2.0], [0.25]])
def test_an_even_image_looks_the_same_at_all_scales(scales):
    images = torch.full((1, 3, 24, 20), 51, dtype=torch.uint8)
    values = tta_scales(lambda images: images[:, 0].float() / 255, scales)(images)
    torch.testing.assert_close(values, torch.full((1, 24, 20), 0.2))


def test_scales_by_hand():
    sizes = []

    def width_seen(images):
        sizes.append(tuple(images.shape[-2:]))
        return torch.full((len(images), *images.shape[-2:]), images.shape[-1] / 100)

    values = tta_scales(width_seen, [0.5, 1.0, 1.75])(pixels(2, 3, 20, 40))
    assert sizes == [(10, 20), (20, 40), (35, 70)]
    torch.testing.assert_close(values, torch.full((2, 20, 40), (0.2 + 0.4 + 0.7) / 3))


def test_half_scale_is_the_mean_of_four_pixels_spread_again():
    images = pixels(1, 1, 4, 4)
    seen = []

    def network(images):
        seen.append(images)
        return images[:, 0].float() / 255

    values = tta_scales(network, [0.5])(images)
    quarters = functional.avg_pool2d(images.float(), 2)
    assert (seen[0].float() - quarters).abs().max() <= 0.5
    assert values[0, 0, 0] == pytest.approx(seen[0][0, 0, 0, 0].item() / 255)


def test_scales_turn_with_the_image():
    images = pixels(1, 3, 16, 16)
    at_scales = tta_scales(symmetric, [0.5, 1.5])
    torch.testing.assert_close(tta_flips(at_scales)(images), at_scales(images), atol=0.01, rtol=0)


def test_models_give_their_mean_and_spread():
    networks = [lambda images, value=value: torch.full((len(images), 4, 5), value) for value in (0.2, 0.4, 0.9)]
    values = ensemble(networks)(pixels(2, 3, 4, 5))
    assert values.shape == (2, 2, 4, 5)
    torch.testing.assert_close(values[:, 0], torch.full((2, 4, 5), 0.5))
    torch.testing.assert_close(values[:, 1], torch.full((2, 4, 5), (0.26 / 3) ** 0.5))


def test_one_model_twice_has_no_spread():
    images = pixels(1, 3, 6, 6)
    values = ensemble([symmetric, symmetric])(images)
    torch.testing.assert_close(values[:, 0], symmetric(images))
    assert (values[:, 1] == 0).all()
