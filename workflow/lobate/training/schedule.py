"""The optimiser, its learning rate over the iterations, and the loss, as in METHOD section 2."""

from __future__ import annotations

from math import cos, pi

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD, AdamW, Optimizer

from lobate.io.mask_values import IGNORE
from lobate.network.deeplab import DeepLab
from lobate.settings.training import Schedule

MOMENTUM = 0.9
POLY_POWER = 0.9
BatchNorm = nn.modules.batchnorm._BatchNorm


def learning_rate(schedule: Schedule, iteration: int) -> float:
    """Return the rate of step ``iteration`` (from 0) of n: start * (1 - i / n) ** 0.9, or half a cosine."""
    done = iteration / schedule.iterations
    fall = (1 - done) ** POLY_POWER if schedule.decay == "poly" else (1 + cos(pi * done)) / 2
    return schedule.learning_rate * fall


def build_optimizer(network: nn.Module, schedule: Schedule) -> Optimizer:
    """Return SGD with momentum 0.9 or AdamW; weight decay spares norms and biases, which have one dimension."""
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.ndim <= 1]
    groups = [{"params": weights, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if schedule.optimizer == "adamw":
        return AdamW(groups, lr=schedule.learning_rate)
    return SGD(groups, lr=schedule.learning_rate, momentum=MOMENTUM)


def pixel_loss(logits: Tensor, labels: Tensor, class_weights: list[float] | None = None) -> Tensor:
    """Softmax cross-entropy, mean over the pixels that are not ignored; logits (N, K, H, W), labels (N, H, W).

    With class weights the mean is weighted too. Pixels go in as one long list, for which torch has a deterministic way on
    a GPU; that costs nothing, as the logits lie channels last.
    """
    logits = logits.float().permute(0, 2, 3, 1).flatten(0, 2)
    weight = None if class_weights is None else torch.tensor(class_weights, device=logits.device)
    return cross_entropy(logits, labels.flatten().long(), weight=weight, ignore_index=IGNORE)


def smallest_micro_batch(schedule: Schedule, processes: int = 1) -> int:
    """Return how few patches go through the network at once, in the smallest part of a batch."""
    return schedule.batch // processes // schedule.accumulate


def to_training_mode(network: DeepLab, schedule: Schedule, processes: int = 1) -> None:
    """Switch to training. Frozen norms keep using what they know of the data, but their scale and shift still learn.

    Where one patch goes alone, the pyramid's pooled norm sees one value a channel, from which no spread follows: it is
    frozen.
    """
    network.train()
    lone = smallest_micro_batch(schedule, processes) == 1
    frozen = network if schedule.batch_norm == "frozen" else network.pyramid.pooled if lone else None
    for module in frozen.modules() if frozen else ():
        if isinstance(module, BatchNorm):
            module.eval()
