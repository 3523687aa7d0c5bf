"""Data augmentation of training patches: image and mask change together, the mask by nearest neighbour.

There are two stages, as in METHOD section 2. A patch that shows the landform first goes through the round's operations
(``OPERATIONS``), each with probability 1/2. Then every patch goes through DeepLab's online augmentation
(``fit_to_crop``): scale, random crop, pad, left-right flip. All random numbers come from the generator passed in, so a
sample depends only on its position in the training.

An image is a ``tv_tensors.Image`` (C, H, W) uint8, a mask a ``tv_tensors.Mask`` (H, W) uint8 of 0, 1 and 255. Padding is
127.5 in the image (128 in 8 bits) and ignored in the mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F
from torchvision.tv_tensors import Image, Mask

from lobate.io.mask_values import IGNORE

Sample = tuple[Image, Mask]
Operation = Callable[[Image, Mask, np.random.Generator], Sample]

GREY = 128
MIN_CROP_SIDE = 32  # px: `crop` leaves at least this length of a side


def augment(image: Image, mask: Mask, operations: Sequence[str], random: np.random.Generator) -> Sample:
    """Apply each of the named operations with probability 1/2, in this order."""
    for name in operations:
        if random.random() < 0.5:
            image, mask = OPERATIONS[name](image, mask, random)
    return image, mask


def flip(image: Image, mask: Mask, random: np.random.Generator) -> Sample:
    """Mirror left-right, up-down or both."""
    choices = [(F.horizontal_flip,), (F.vertical_flip,), (F.horizontal_flip, F.vertical_flip)]
    for mirror in choices[random.integers(3)]:
        image, mask = mirror(image), mirror(mask)
    return image, mask


def rotate(image: Image, mask: Mask, random: np.random.Generator) -> Sample:
    """Rotate by 45, 90 or 135 degrees; the patch grows so that no pixel is lost."""
    angle = float(random.choice([45, 90, 135]))
    rotated = F.rotate(image, angle, interpolation=InterpolationMode.BILINEAR, expand=True, fill=GREY)
    return rotated, F.rotate(mask, angle, expand=True, fill=IGNORE)


def blur(image: Image, mask: Mask, random: np.random.Generator) -> Sample:
    """Blur with a Gaussian of sigma 1 or 2 px; the mask stays."""
    sigma = int(random.integers(1, 3))
    return F.gaussian_blur(image, kernel_size=6 * sigma + 1, sigma=float(sigma)), mask


def crop(image: Image, mask: Mask, random: np.random.Generator) -> Sample:
    """Cut 10 or 30 px off every side, unless less than ``MIN_CROP_SIDE`` would be left."""
    margin = int(random.choice([10, 30]))
    height, width = mask.shape[-2:]
    if min(height, width) - 2 * margin < MIN_CROP_SIDE:
        return image, mask
    box = margin, margin, height - 2 * margin, width - 2 * margin
    return F.crop(image, *box), F.crop(mask, *box)


def scale(image: Image, mask: Mask, random: np.random.Generator) -> Sample:
    """Resize by a factor of 0.75 or 1.25."""
    factor = float(random.choice([0.75, 1.25]))
    return _resize(image, mask, [round(side * factor) for side in mask.shape[-2:]])


def brightness(image: Image, mask: Mask, random: np.random.Generator) -> Sample:
    """Multiply by 0.5 to 1.5 and add -30 to 30; the mask stays."""
    levels = torch.arange(256.0) * random.uniform(0.5, 1.5) + random.uniform(-30, 30)
    return _apply_lut(image, levels), mask


def gamma(image: Image, mask: Mask, random: np.random.Generator) -> Sample:
    """Raise to the power of 0.5 to 1.5; the mask stays."""
    levels = 255 * (torch.arange(256.0) / 255) ** random.uniform(0.5, 1.5)
    return _apply_lut(image, levels), mask


def noise(image: Image, mask: Mask, random: np.random.Generator) -> Sample:
    """Add Gaussian noise with a standard deviation up to 0.2 of 255; the mask stays."""
    deviation = random.uniform(0, 0.2) * 255
    offsets = torch.from_numpy(random.standard_normal(image.shape, dtype=np.float32)) * deviation
    return Image((image.as_subclass(Tensor) + offsets).round().clamp(0, 255).to(torch.uint8)), mask


OPERATIONS: dict[str, Operation] = {
    operation.__name__: operation for operation in (flip, rotate, blur, crop, scale, brightness, gamma, noise)
}


def fit_to_crop(
    image: Image, mask: Mask, side: int, scales: Sequence[float], random: np.random.Generator
) -> tuple[Image, Mask]:
    """Scale by one of ``scales``, crop at random, pad to ``side`` x ``side`` at the bottom and right, and flip or not.

    The crop is cut out before it is resized: the result is the same, and a large patch is never enlarged whole.
    """
    factor = float(random.choice(scales))
    sides = [min(length, max(1, round(side / factor))) for length in mask.shape[-2:]]
    corner = [int(random.integers(full - part + 1)) for full, part in zip(mask.shape[-2:], sides, strict=True)]
    image, mask = F.crop(image, *corner, *sides), F.crop(mask, *corner, *sides)
    image, mask = _resize(image, mask, [min(side, max(1, round(part * factor))) for part in sides])
    height, width = mask.shape[-2:]
    padding = [0, 0, side - width, side - height]
    image, mask = F.pad(image, padding, fill=GREY), F.pad(mask, padding, fill=IGNORE)
    if random.random() < 0.5:
        image, mask = F.horizontal_flip(image), F.horizontal_flip(mask)
    return image, mask


def _resize(image: Image, mask: Mask, size: list[int]) -> Sample:
    if size == list(mask.shape[-2:]):
        return image, mask
    image = F.resize(image, size, interpolation=InterpolationMode.BILINEAR, antialias=True)
    return image, F.resize(mask, size, interpolation=InterpolationMode.NEAREST_EXACT)


def _apply_lut(image: Image, levels: Tensor) -> Image:
    """Map each grey level to its entry in ``levels`` (256,), rounded and clipped to 8 bits."""
    lut = levels.round().clamp(0, 255).to(torch.uint8)
    return Image(lut[image.as_subclass(Tensor).int()])
