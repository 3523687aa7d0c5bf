"""The processes that train one network together, one on each device; alone, none of this does anything."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class ProcessGroup:
    """One process of ``size``; the one of rank 0 leads: it tells, keeps and hands over the result."""

    rank: int = 0
    size: int = 1

    @property
    def is_primary(self) -> bool:
        """Whether this is the process that speaks for all."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return torch.device("cuda", self.rank) if torch.cuda.is_available() else torch.device("cpu")

    @property
    def extra_seeds(self) -> tuple[int, ...]:
        """What tells this process's random choices from the leader's, whose are those of a training alone."""
        return (self.rank,) if self.rank else ()

    def shard(self, items: range) -> range:
        """Return every ``size``-th of ``items``."""
        return items[self.rank :: self.size]

    def wrap_ddp(self, network: nn.Module) -> nn.Module:
        """Return the network so wrapped that gradients are averaged over all processes.

        Batch norms, where trained, then see the patches of all devices; on CPUs, which have no such norm, their own.
        """
        if self.size == 1:
            return network
        if self.device.type == "cuda":
            from timm.layers import convert_sync_batchnorm

            convert_sync_batchnorm(network)
        return DistributedDataParallel(network, device_ids=[self.rank] if self.device.type == "cuda" else None)

    def no_sync(self, network: nn.Module, quiet: bool) -> AbstractContextManager:
        """Keep gradients to oneself for now when ``quiet``."""
        return network.no_sync() if quiet and isinstance(network, DistributedDataParallel) else nullcontext()

    def all_reduce(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; it stays on its device, and nothing waits for it."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def all_reduce_scalar(self, value: float) -> float:
        """Return the sum of a number over all processes."""
        return float(self.all_reduce(torch.tensor(value, dtype=torch.float64))) if self.size > 1 else value


SINGLE = ProcessGroup()
