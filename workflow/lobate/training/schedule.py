"""Optimiser, learning-rate schedule, loss and training mode, as in METHOD section 2."""

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
    """Return the learning rate of step ``iteration`` i (from 0) of n: start * (1 - i / n) ** 0.9, or half a cosine."""
    done = iteration / schedule.iterations
    factor = (1 - done) ** POLY_POWER if schedule.decay == "poly" else (1 + cos(pi * done)) / 2
    return schedule.learning_rate * factor


def build_optimizer(network: nn.Module, schedule: Schedule) -> Optimizer:
    """Return SGD with momentum 0.9, or AdamW; norms and biases, which have one dimension, get no weight decay."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    undecayed = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": schedule.weight_decay}, {"params": undecayed, "weight_decay": 0.0}]
    if schedule.optimizer == "adamw":
        return AdamW(groups, lr=schedule.learning_rate)
    return SGD(groups, lr=schedule.learning_rate, momentum=MOMENTUM)


def pixel_loss(logits: Tensor, labels: Tensor, class_weights: list[float] | None = None) -> Tensor:
    """Return the softmax cross-entropy, mean over the labelled pixels; logits (N, K, H, W), labels (N, H, W).

    With class weights it is a weighted mean. The pixels are flattened to one dimension, for which torch has a
    deterministic algorithm on a GPU. Flattening copies nothing, because the logits are channels last.
    """
    logits = logits.float().permute(0, 2, 3, 1).flatten(0, 2)
    weight = None if class_weights is None else torch.tensor(class_weights, device=logits.device)
    return cross_entropy(logits, labels.flatten().long(), weight=weight, ignore_index=IGNORE)


def smallest_micro_batch(schedule: Schedule, processes: int = 1) -> int:
    """Return the number of patches in the smallest part of a batch that goes through the network at once."""
    return schedule.batch // processes // schedule.accumulate


def to_training_mode(network: DeepLab, schedule: Schedule, processes: int = 1) -> None:
    """Switch to training mode; frozen batch norms keep their running statistics, but their scale and shift still learn.

    With one patch at a time, the pyramid's pooled norm gets a single value for each channel, which has no variance; it is
    frozen then.
    """
    network.train()
    single = smallest_micro_batch(schedule, processes) == 1
    frozen = network if schedule.batch_norm == "frozen" else network.pyramid.pooled if single else None
    for module in frozen.modules() if frozen else ():
        if isinstance(module, BatchNorm):
            module.eval()
