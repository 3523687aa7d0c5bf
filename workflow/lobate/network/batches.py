"""Windows through a network, as many at once as memory allows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from lobate.errors import UserError

log = logging.getLogger(__name__)

Network = Callable[[Tensor], Tensor]
"""From images (N, C, H, W) uint8 to values 0..1, (N, H, W) or one map of several, (N, L, H, W), on the same device."""

DEFAULT_BATCH = {"cuda": 16}
"""Windows at once where the size is to be found. A GPU is busy with 16, and takes fewer when its memory is smaller. On a
CPU one at a time is fastest (0.11 s a window instead of 0.20 s in batches of 4, MobileNetV2, two cores): what the layers
hand on stays in the caches."""

SHORT = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
"""What errors say that are about memory, where their type does not."""


class BatchRunner:
    """Runs windows through ``network``; a batch that did not fit is halved, for good, and that is told.

    ``size`` is how many go at once, or ``auto``.
    """

    def __init__(self, network: Network, size: int | Literal["auto"], device: str | torch.device) -> None:
        self._network = network
        self._device = torch.device(device)
        self.size = DEFAULT_BATCH.get(self._device.type, 1) if size == "auto" else size

    def run(self, windows: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield the network's values (L, H, W), float32, for each of ``windows`` (C, H, W), which are all of one size.

        The batches are as even as can be. Raises UserError when memory is too short for one window alone.
        """
        done = 0
        while done < len(windows):
            left = len(windows) - done
            taken = -(-left // -(-left // self.size))
            answers = self._tried(torch.stack(list(windows[done : done + taken])))
            if answers is None:
                self.halve(taken)
                continue
            yield from answers
            done += taken

    def _tried(self, images: Tensor) -> Tensor | None:
        """Return the answers (N, L, H, W), or None when memory was short; what was held until then is free again."""
        try:
            answers = self._network(images).float()
        except (MemoryError, RuntimeError) as error:
            if not is_oom(error):
                raise
            return None
        return answers if answers.ndim == images.ndim else answers.unsqueeze(1)

    def halve(self, taken: int) -> None:
        """Halve the batch after one that did not fit into memory."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if taken == 1:
            raise UserError(
                f"Memory ({self._device}) is too short for the network on a single window. Make mapping.predict.window "
                "smaller (or --window), take larger scales out of mapping.predict.tta, or use a machine with more memory."
            )
        self.size = taken // 2
        log.warning("Memory is short for %d windows at once; taking %d from here on.", taken, self.size)


def is_oom(error: BaseException) -> bool:
    """Whether an error says that memory is short, of the device or of the machine."""
    short = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return short or any(words in str(error) for words in SHORT)
