"""A moving average of a network's weights, which often generalises better than the last ones (Polyak and Juditsky 1992)."""

from __future__ import annotations

import copy

import torch

from lobate.network.deeplab import DeepLab


class ModelEma:
    """``network`` is a copy whose weights, and norms' statistics, follow another's by an exponential moving average."""

    def __init__(self, network: DeepLab, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, network: DeepLab, step: int) -> None:
        """Take in the weights after ``step`` steps; at first the average is short, so that it forgets the beginning."""
        decay = min(self.decay, (1 + step) / (10 + step))
        theirs = network.state_dict()
        for name, mine in self.network.state_dict().items():
            if mine.is_floating_point():
                mine.lerp_(theirs[name], 1 - decay)
            else:
                mine.copy_(theirs[name])
