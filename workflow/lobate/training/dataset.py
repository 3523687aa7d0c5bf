"""Patches on disk as batches for the network, made ahead so that the network never waits.

Patch files are memory-mapped; a batch reads only its own patches. What batch i holds, and how it is augmented, follows
from (seed, round, i) alone: nothing is carried from one batch to the next, so threads may make several at once and a
training that was killed goes on exactly where it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from lobate.io.mask_values import LANDFORM
from lobate.training.augment import GREY, augment, fit_to_crop

Made = TypeVar("Made")


@dataclass(frozen=True)
class PatchDataset:
    """Patches of several files as one sequence; ``places`` (n, 4) holds file number, row, height and width of each."""

    arrays: tuple[np.ndarray, ...]
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def __reduce__(self) -> tuple[Callable[..., PatchDataset], tuple[object, ...]]:
        """Travel to another process as the files' names, not as their content."""
        return _reopened, (tuple(getattr(array, "filename", array) for array in self.arrays), self.places)

    @property
    def channels(self) -> int:
        """Channels of the image; the label comes after them."""
        return self.arrays[self.places[0, 0]].shape[-1] - 1

    def sample(self, index: int) -> tuple[Image, Mask]:
        """Return image (C, H, W) and mask (H, W) of one patch, without the padding of those smaller than the rest."""
        file, row, height, width = self.places[index]
        pixels = torch.from_numpy(np.array(self.arrays[file][row, :height, :width]))
        return Image(pixels[..., :-1].permute(2, 0, 1)), Mask(pixels[..., -1].contiguous())

    def stack(self, indices: Sequence[int]) -> Batch:
        """Return whole patches as one batch; beyond a smaller patch the image is grey, as in training, and ignored."""
        stacked = np.stack([self.arrays[file][row] for file, row, *_ in self.places[indices]])
        for patch, (*_, height, width) in zip(stacked, self.places[indices], strict=True):
            patch[height:, :, :-1] = GREY
            patch[:, width:, :-1] = GREY
        pixels = torch.from_numpy(stacked)
        return Batch.of(pixels[..., :-1].permute(0, 3, 1, 2), pixels[..., -1])

    def subsample(self, at_most: int) -> PatchDataset:
        """Return ``at_most`` of the patches, evenly spread, or all."""
        count = min(len(self), at_most)
        return PatchDataset(self.arrays, self.places[np.linspace(0, len(self) - 1, count).round().astype(int)])

    def class_pixels(self) -> np.ndarray:
        """Count the pixels of background and landform in each patch; shape (n, 2)."""
        labels = (self.arrays[file][row, ..., -1] for file, row, *_ in self.places)
        counts = [np.bincount(label.ravel(), minlength=2)[:2] for label in labels]
        return np.array(counts, dtype=np.int64).reshape(-1, 2)


def _reopened(sources: tuple[str | np.ndarray, ...], places: np.ndarray) -> PatchDataset:
    opened = (source if isinstance(source, np.ndarray) else np.load(source, mmap_mode="r") for source in sources)
    return PatchDataset(tuple(opened), places)


@dataclass(frozen=True)
class Batch:
    """Images (N, C, H, W) uint8, channels last in memory, labels (N, H, W) uint8, and the pixels of each class."""

    images: Tensor
    labels: Tensor
    class_pixels: tuple[int, int]

    @classmethod
    def of(cls, images: Tensor, labels: Tensor) -> Batch:
        """Make a batch; this is done ahead, so that the loop itself has nothing to count or to convert."""
        images = images.contiguous(memory_format=torch.channels_last)
        return cls(images, labels.contiguous(), (int((labels == 0).sum()), int((labels == LANDFORM).sum())))

    def weight(self, class_weights: Sequence[float] | None = None) -> float:
        """Return the labelled pixels, each counted by its class's weight."""
        return float(sum(count * one for count, one in zip(self.class_pixels, class_weights or (1, 1), strict=True)))

    def pin_memory(self, device: torch.device) -> Batch:
        """Return the batch where a GPU can fetch it by itself; done ahead, in the thread that made it."""
        if device.type == "cpu":
            return self
        return Batch(self.images.pin_memory(), self.labels.pin_memory(), self.class_pixels)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        images, labels = (part.to(device, non_blocking=True) for part in (self.images, self.labels))
        return Batch(images, labels, self.class_pixels)


@dataclass(frozen=True)
class BatchSampler:
    """How training batches are drawn: ``operations`` augment the patches that show the landform."""

    batch_size: int
    crop: int
    scales: tuple[float, ...]
    operations: tuple[str, ...]
    seeds: tuple[int, int]

    def places(self, iteration: int) -> range:
        """Return the places, counted from the training's start, of the samples of one batch."""
        return range(iteration * self.batch_size, (iteration + 1) * self.batch_size)

    def draw(self, patches: PatchDataset, positive: np.ndarray, places: Sequence[int]) -> Batch:
        """Return the samples at ``places`` of the training; ``positive`` (n,) says which patches show the landform."""
        samples = [self._sample(patches, positive, place) for place in places]
        images = torch.stack([image.as_subclass(Tensor) for image, _ in samples])
        labels = torch.stack([mask.as_subclass(Tensor) for _, mask in samples])
        return Batch.of(images, labels)

    def _sample(self, patches: PatchDataset, positive: np.ndarray, place: int) -> tuple[Image, Mask]:
        epoch, offset = divmod(place, len(patches))
        index = _shuffled(len(patches), epoch, self.seeds)[offset]
        random = np.random.default_rng([*self.seeds, 1, place])
        image, mask = patches.sample(index)
        if positive[index]:
            image, mask = augment(image, mask, self.operations, random)
        return fit_to_crop(image, mask, self.crop, self.scales, random)


@lru_cache(maxsize=4)
def _shuffled(count: int, epoch: int, seeds: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng([*seeds, 0, epoch]).permutation(count)


def prefetch(make: Callable[[int], Made], numbers: Iterable[int], depth: int = 4) -> Iterator[Made]:
    """Yield ``make(number)`` in order, made by threads that stay up to ``depth`` ahead.

    Each thread computes alone: were its small operations shared out over all cores, they would only get in the way of the
    network's. torch takes the number of threads last set for threads yet to be started, hence it is put back at the end.
    """
    cores = torch.get_num_threads()
    workers = max(1, min(depth, cores // 2))
    pool = ThreadPoolExecutor(workers, "batch", initializer=torch.set_num_threads, initargs=(1,))
    waiting: deque[Future[Made]] = deque()
    try:
        for number in numbers:
            waiting.append(pool.submit(make, number))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)
