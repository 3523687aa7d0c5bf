"""Test-time augmentation and ensembles: predictions averaged over flips and rotations, scales, or models.

Each function takes one or more networks (`lobate.network.batches.Network`) and returns a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from lobate.network.batches import Network


def tta_flips(network: Network) -> Network:
    """Return the network that averages over the eight symmetries of the square: four rotations, each also mirrored."""
    symmetries = list(product(range(4), (False, True)))

    def mean_network(images: Tensor) -> Tensor:
        return _mean(_undo(network(_transform(images, *symmetry)), *symmetry) for symmetry in symmetries)

    return mean_network


def _transform(images: Tensor, quarters: int, mirrored: bool) -> Tensor:
    rotated = torch.rot90(images, quarters, (-2, -1))
    return rotated.flip(-1) if mirrored else rotated


def _undo(values: Tensor, quarters: int, mirrored: bool) -> Tensor:
    return torch.rot90(values.flip(-1) if mirrored else values, -quarters, (-2, -1))


def tta_scales(network: Network, scales: Sequence[float]) -> Network:
    """Return the network that averages over ``scales`` of the image, as the reference does with its softmax.

    Images and values are resized bilinearly.
    """

    def mean_network(images: Tensor) -> Tensor:
        return _mean(_at_scale(network, images, scale) for scale in scales)

    return mean_network


def _at_scale(network: Network, images: Tensor, scale: float) -> Tensor:
    size = tuple(images.shape[-2:])
    scaled = tuple(max(1, round(scale * side)) for side in size)
    if scaled == size:
        return network(images)
    values = network(_resize(images.float(), scaled).round_().to(torch.uint8)).float()
    maps = values if values.ndim == images.ndim else values.unsqueeze(1)
    return _resize(maps, size).reshape(*values.shape[:-2], *size)


def _resize(images: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(images, size, mode="bilinear", align_corners=False)


def ensemble(networks: Sequence[Network]) -> Network:
    """Return the network that gives mean and standard deviation over several networks: (N, 2, H, W) from (N, H, W) each."""

    def mean_and_spread(images: Tensor) -> Tensor:
        values = torch.stack([network(images).float() for network in networks])
        return torch.stack([values.mean(0), values.std(0, correction=0)], 1)

    return mean_and_spread


def _mean(predictions: Iterable[Tensor]) -> Tensor:
    """Return the mean, with one prediction in memory at a time."""
    remaining = iter(predictions)
    total, count = next(remaining).float(), 1
    for values in remaining:
        total, count = total + values, count + 1
    return total / count
