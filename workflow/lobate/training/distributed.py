"""The processes of distributed data-parallel training (DDP), one on each device.

With a single process, nothing here has an effect.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class ProcessGroup:
    """One process of ``size``; rank 0 writes the log and the checkpoints, and returns the result."""

    rank: int = 0
    size: int = 1

    @property
    def is_primary(self) -> bool:
        """Whether this is the process of rank 0."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Device of this process."""
        return torch.device("cuda", self.rank) if torch.cuda.is_available() else torch.device("cpu")

    @property
    def extra_seeds(self) -> tuple[int, ...]:
        """Extra seed components: () on rank 0, which then draws what a single process draws; (rank,) elsewhere."""
        return (self.rank,) if self.rank else ()

    def shard(self, items: range) -> range:
        """Return this process's share of ``items``: each ``size``-th, from its rank on."""
        return items[self.rank :: self.size]

    def wrap_ddp(self, network: nn.Module) -> nn.Module:
        """Return the network wrapped in DistributedDataParallel, which averages gradients over all processes.

        On GPUs, trained batch norms then use the patches of all devices; on CPUs, only those of their own process.
        """
        if self.size == 1:
            return network
        if self.device.type == "cuda":
            from timm.layers import convert_sync_batchnorm

            convert_sync_batchnorm(network)
        return DistributedDataParallel(network, device_ids=[self.rank] if self.device.type == "cuda" else None)

    def no_sync(self, network: nn.Module, enabled: bool) -> AbstractContextManager:
        """Do not average gradients over the processes in this context, when ``enabled``."""
        return network.no_sync() if enabled and isinstance(network, DistributedDataParallel) else nullcontext()

    def all_reduce(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes; it stays on its device, and the call does not wait for it."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def all_reduce_scalar(self, value: float) -> float:
        """Return the sum of a number over all processes."""
        return float(self.all_reduce(torch.tensor(value, dtype=torch.float64))) if self.size > 1 else value


SINGLE = ProcessGroup()
