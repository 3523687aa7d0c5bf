"""Patches on disk as batches for the network, prefetched so that the network never waits.

Patch files are memory-mapped; a batch reads only its own patches. The content and the augmentation of batch i follow from
(seed, round, i) alone. No state passes from one batch to the next: threads may draw several at once, and a killed
training resumes exactly.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from lobate.io.mask_values import LANDFORM
from lobate.io.patches import labels_of_side
from lobate.training.augment import GREY, augment, fit_to_crop
from lobate.training.ignored import IgnoredPixels

Item = TypeVar("Item")


@dataclass(frozen=True)
class PatchDataset:
    """Patches of several files as one sequence; ``places`` (n, 4) holds file number, row, height and width of each.

    ``ignored``: further pixels that the labels ignore. ``training``: whether a model's outlines that nobody mended are
    landform, as the training side takes them, or ignored.
    """

    arrays: tuple[np.ndarray, ...]
    places: np.ndarray
    ignored: IgnoredPixels = field(default_factory=IgnoredPixels)
    training: bool = False

    def __len__(self) -> int:
        return len(self.places)

    def __reduce__(self) -> tuple[Callable[..., PatchDataset], tuple[object, ...]]:
        """Pickle the paths of the memory-mapped files, not their content."""
        paths = tuple(getattr(array, "filename", array) for array in self.arrays)
        return _reopen, (paths, self.places, self.ignored, self.training)

    @property
    def channels(self) -> int:
        """Number of image channels; the label comes after them."""
        return self.arrays[self.places[0, 0]].shape[-1] - 1

    def patch(self, index: int) -> np.ndarray:
        """Return a copy of one whole patch, (P, P, C + 1) uint8, with its padding."""
        file, row, *_ = self.places[index]
        patch = np.array(self.arrays[file][row])
        labels = labels_of_side(patch[..., -1], training=self.training)
        patch[..., -1] = self.ignored.apply(file, row, labels)
        return patch

    def sample(self, index: int) -> tuple[Image, Mask]:
        """Return image (C, H, W) and mask (H, W) of one patch, without the padding of a small patch."""
        *_, height, width = self.places[index]
        pixels = torch.from_numpy(self.patch(index)[:height, :width])
        return Image(pixels[..., :-1].permute(2, 0, 1)), Mask(pixels[..., -1].contiguous())

    def stack(self, indices: Sequence[int]) -> Batch:
        """Return whole patches as one batch; the padding of a small patch is grey, as in training, and ignored."""
        stacked = np.stack([self.patch(index) for index in indices])
        for patch, (*_, height, width) in zip(stacked, self.places[indices], strict=True):
            patch[height:, :, :-1] = GREY
            patch[:, width:, :-1] = GREY
        pixels = torch.from_numpy(stacked)
        return Batch.of(pixels[..., :-1].permute(0, 3, 1, 2), pixels[..., -1])

    def subsample(self, at_most: int) -> PatchDataset:
        """Return at most ``at_most`` patches, evenly spread."""
        count = min(len(self), at_most)
        return replace(self, places=self.places[np.linspace(0, len(self) - 1, count).round().astype(int)])

    def class_pixels(self) -> np.ndarray:
        """Count the pixels of background and landform in each patch; shape (n, 2)."""
        counts = [np.bincount(self.patch(index)[..., -1].ravel(), minlength=2)[:2] for index in range(len(self))]
        return np.array(counts, dtype=np.int64).reshape(-1, 2)


def _reopen(
    sources: tuple[str | np.ndarray, ...], places: np.ndarray, ignored: IgnoredPixels, training: bool
) -> PatchDataset:
    arrays = (source if isinstance(source, np.ndarray) else np.load(source, mmap_mode="r") for source in sources)
    return PatchDataset(tuple(arrays), places, ignored, training)


@dataclass(frozen=True)
class Batch:
    """Images (N, C, H, W) uint8, channels last in memory, labels (N, H, W) uint8, and the pixel count of each class."""

    images: Tensor
    labels: Tensor
    class_pixels: tuple[int, int]

    @classmethod
    def of(cls, images: Tensor, labels: Tensor) -> Batch:
        """Return a batch. Counting and converting happen here, in the prefetching thread, and not in the loop."""
        images = images.contiguous(memory_format=torch.channels_last)
        return cls(images, labels.contiguous(), (int((labels == 0).sum()), int((labels == LANDFORM).sum())))

    def weight(self, class_weights: Sequence[float] | None = None) -> float:
        """Return the count of labelled pixels, each weighted by its class."""
        weights = class_weights or (1, 1)
        return float(sum(count * weight for count, weight in zip(self.class_pixels, weights, strict=True)))

    def pin_memory(self, device: torch.device) -> Batch:
        """Return the batch in pinned memory for a GPU ``device``, so that the copy to it can run asynchronously."""
        if device.type == "cpu":
            return self
        return Batch(self.images.pin_memory(), self.labels.pin_memory(), self.class_pixels)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        images, labels = (tensor.to(device, non_blocking=True) for tensor in (self.images, self.labels))
        return Batch(images, labels, self.class_pixels)


@dataclass(frozen=True)
class BatchSampler:
    """Draws training batches; ``operations`` augment the patches that show the landform."""

    batch_size: int
    crop: int
    scales: tuple[float, ...]
    operations: tuple[str, ...]
    seeds: tuple[int, int]

    def positions(self, iteration: int) -> range:
        """Return the positions of one batch's samples, counted from the start of the training."""
        return range(iteration * self.batch_size, (iteration + 1) * self.batch_size)

    def draw(self, patches: PatchDataset, positive: np.ndarray, positions: Sequence[int]) -> Batch:
        """Return the samples at ``positions`` of the training; ``positive`` (n,) marks the patches that show the landform."""
        samples = [self._sample(patches, positive, position) for position in positions]
        images = torch.stack([image.as_subclass(Tensor) for image, _ in samples])
        labels = torch.stack([mask.as_subclass(Tensor) for _, mask in samples])
        return Batch.of(images, labels)

    def _sample(self, patches: PatchDataset, positive: np.ndarray, position: int) -> tuple[Image, Mask]:
        epoch, offset = divmod(position, len(patches))
        index = _epoch_order(len(patches), epoch, self.seeds)[offset]
        random = np.random.default_rng([*self.seeds, 1, position])
        image, mask = patches.sample(index)
        if positive[index]:
            image, mask = augment(image, mask, self.operations, random)
        return fit_to_crop(image, mask, self.crop, self.scales, random)


@lru_cache(maxsize=4)
def _epoch_order(count: int, epoch: int, seeds: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng([*seeds, 0, epoch]).permutation(count)


def prefetch(load: Callable[[int], Item], numbers: Iterable[int], depth: int = 4) -> Iterator[Item]:
    """Yield ``load(number)`` in order; threads run up to ``depth`` calls ahead.

    Each worker computes on a single core: spreading its small operations over all cores would only slow the network down.
    torch applies the number of cores set last to threads started later, so the number is restored at the end.
    """
    cores = torch.get_num_threads()
    workers = max(1, min(depth, cores // 2))
    pool = ThreadPoolExecutor(workers, "batch", initializer=torch.set_num_threads, initargs=(1,))
    futures: deque[Future[Item]] = deque()
    try:
        for number in numbers:
            futures.append(pool.submit(load, number))
            if len(futures) > depth:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)
