"""Exponential moving average (EMA) of a network's weights.

It often generalises better than the last weights (Polyak and Juditsky 1992).
"""

from __future__ import annotations

import copy

import torch

from lobate.network.deeplab import DeepLab


class ModelEma:
    """Copy of a network, ``network``: its weights and norms' statistics are moving averages of the original's."""

    def __init__(self, network: DeepLab, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, network: DeepLab, step: int) -> None:
        """Average in the weights after ``step`` steps; the decay starts low, so the first weights are soon forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = network.state_dict()
        for name, average in self.network.state_dict().items():
            if average.is_floating_point():
                average.lerp_(current[name], 1 - decay)
            else:
                average.copy_(current[name])
