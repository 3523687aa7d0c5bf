"""Optimiser, learning-rate schedule, loss, precision and training mode, as in METHOD section 2."""

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
BIAS_RATE_FACTOR = 2.0
BatchNorm = nn.modules.batchnorm._BatchNorm


def learning_rate(schedule: Schedule, iteration: int) -> float:
    """Return the learning rate of step ``iteration`` i (from 0) of n: start * (1 - i / n) ** 0.9, or half a cosine."""
    done = iteration / schedule.iterations
    factor = (1 - done) ** POLY_POWER if schedule.decay == "poly" else (1 + cos(pi * done)) / 2
    return schedule.learning_rate * factor


def build_optimizer(network: nn.Module, schedule: Schedule) -> Optimizer:
    """Return SGD with momentum 0.9, or AdamW, with the groups of parameters of the TensorFlow reference.

    Weight decay spares norms, biases and depthwise weights. Under SGD, biases learn at twice the rate: each group's
    ``rate_factor`` multiplies the learning rate. AdamW, which the reference does not use, has one rate for all.
    """
    decayed, spared, biases = _parameter_groups(network)
    bias_factor = BIAS_RATE_FACTOR if schedule.optimizer == "sgd" else 1.0
    groups = [
        {"params": decayed, "weight_decay": schedule.weight_decay, "rate_factor": 1.0},
        {"params": spared, "weight_decay": 0.0, "rate_factor": 1.0},
        {"params": biases, "weight_decay": 0.0, "rate_factor": bias_factor},
    ]
    if schedule.optimizer == "adamw":
        return AdamW(groups, lr=schedule.learning_rate)
    return SGD(groups, lr=schedule.learning_rate, momentum=MOMENTUM)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of the next step; a group with a ``rate_factor`` takes that multiple."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate_factor", 1.0)


def _parameter_groups(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter], list[nn.Parameter]]:
    """Return the trained parameters: weights, those that decay spares (norms, depthwise), and biases of other layers."""
    weights, spared, biases = [], [], []
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            if name == "bias" and isinstance(module, nn.Conv2d | nn.Linear):
                biases.append(parameter)
            elif parameter.ndim <= 1 or _is_depthwise(module):
                spared.append(parameter)
            else:
                weights.append(parameter)
    return weights, spared, biases


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and 1 < module.in_channels == module.groups


def pixel_loss(logits: Tensor, labels: Tensor, class_weights: list[float] | None = None) -> Tensor:
    """Return the softmax cross-entropy, mean over the labelled pixels; logits (N, K, H, W), labels (N, H, W).

    With class weights it is a weighted mean. The pixels are flattened to one dimension, for which torch has a
    deterministic algorithm on a GPU. Flattening copies nothing, because the logits are channels last.
    """
    logits = logits.float().permute(0, 2, 3, 1).flatten(0, 2)
    weight = None if class_weights is None else torch.tensor(class_weights, device=logits.device)
    return cross_entropy(logits, labels.flatten().long(), weight=weight, ignore_index=IGNORE)


def autocast(device: torch.device) -> torch.autocast:
    """Return a context that computes in bfloat16 on a GPU."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


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
