"""Statistics of trained batch norms, taken anew over training batches before each evaluation.

A batch norm's running statistics are moving averages over the last few steps. While the weights move fast, they belong to
weights that are gone, and evaluation sees another network than training does. Wu and Johnson (2021), 'Rethinking "Batch" in
BatchNorm', take them anew over many batches with the weights as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from lobate.network.deeplab import DeepLab
from lobate.settings.training import Schedule
from lobate.training.dataset import Batch, prefetch
from lobate.training.distributed import ProcessGroup
from lobate.training.schedule import BatchNorm, autocast, to_training_mode

BATCHES = 16
"""Batches that the statistics are taken over, always the same: those of the first steps."""


@contextmanager
def fresh_statistics(
    network: DeepLab, schedule: Schedule, draw: Callable[[int], Batch], group: ProcessGroup
) -> Iterator[None]:
    """Give the trained norms of ``network`` statistics taken anew, within this context, and their own ones afterwards.

    ``draw(i)`` returns this process's share of the batch of step i. The training goes on as if nothing had happened: it
    never reads these statistics. Frozen norms keep theirs, and without trained ones nothing is drawn. The mode of
    ``network`` is not restored.
    """
    norms = trained_norms(network, schedule, group.size)
    running = [{name: buffer.clone() for name, buffer in norm.named_buffers()} for norm in norms]
    if norms:
        _take_statistics(network, norms, draw, group)
    try:
        yield
    finally:
        for norm, buffers in zip(norms, running, strict=True):
            norm.load_state_dict(buffers, strict=False)


def trained_norms(network: DeepLab, schedule: Schedule, processes: int = 1) -> list[BatchNorm]:
    """Return the norms whose statistics follow the training batches; puts ``network`` into training mode."""
    to_training_mode(network, schedule, processes)
    return [module for module in network.modules() if isinstance(module, BatchNorm) and module.training]


@torch.no_grad()
def _take_statistics(
    network: DeepLab, norms: list[BatchNorm], draw: Callable[[int], Batch], group: ProcessGroup
) -> None:
    """Average the statistics of ``BATCHES`` batches, without dropout, as in evaluation."""
    network.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average of all batches
        norm.train()
    for batch in prefetch(lambda step: draw(step).pin_memory(group.device), range(BATCHES)):
        images = batch.to(group.device).images
        with autocast(images.device):
            network(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        for buffer in norm.buffers():
            if buffer.is_floating_point():  # all but the number of batches
                buffer.copy_(group.all_reduce(buffer.clone()) / group.size)
