"""Several looks at the same ground, averaged: turned and mirrored, at several scales, by several models.

Each function takes networks (`lobate.network.batches.Network`) and returns one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from lobate.network.batches import Network


def tta_flips(network: Network) -> Network:
    """Return the mean over the eight symmetries of the square: four turns, each plain and mirrored."""

    def averaged(images: Tensor) -> Tensor:
        return _mean(_turned_back(network(_turned(images, *one)), *one) for one in product(range(4), (False, True)))

    return averaged


def _turned(images: Tensor, quarters: int, mirrored: bool) -> Tensor:
    turned = torch.rot90(images, quarters, (-2, -1))
    return turned.flip(-1) if mirrored else turned


def _turned_back(answers: Tensor, quarters: int, mirrored: bool) -> Tensor:
    return torch.rot90(answers.flip(-1) if mirrored else answers, -quarters, (-2, -1))


def tta_scales(network: Network, scales: Sequence[float]) -> Network:
    """Return the mean over ``scales`` of the image, bilinear there and back, as the reference averages its softmax."""

    def averaged(images: Tensor) -> Tensor:
        return _mean(_at_scale(network, images, scale) for scale in scales)

    return averaged


def _at_scale(network: Network, images: Tensor, scale: float) -> Tensor:
    size = tuple(images.shape[-2:])
    scaled = tuple(max(1, round(scale * side)) for side in size)
    if scaled == size:
        return network(images)
    answers = network(_resized(images.float(), scaled).round_().to(torch.uint8)).float()
    maps = answers if answers.ndim == images.ndim else answers.unsqueeze(1)
    return _resized(maps, size).reshape(*answers.shape[:-2], *size)


def _resized(images: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(images, size, mode="bilinear", align_corners=False)


def ensemble(networks: Sequence[Network]) -> Network:
    """Return mean and spread (standard deviation) of several networks' answers: (N, 2, H, W) of (N, H, W) each."""

    def averaged(images: Tensor) -> Tensor:
        answers = torch.stack([network(images).float() for network in networks])
        return torch.stack([answers.mean(0), answers.std(0, correction=0)], 1)

    return averaged


def _mean(answers: Iterable[Tensor]) -> Tensor:
    remaining = iter(answers)
    total, count = next(remaining).float(), 1
    for answer in remaining:
        total, count = total + answer, count + 1
    return total / count
