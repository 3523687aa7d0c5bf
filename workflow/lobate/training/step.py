"""One step of the optimiser, and one measurement of a whole set; alone or as one of several processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lobate.training.dataset import Batch, Patches, ahead
from lobate.training.measure import Measured, Tally
from lobate.training.schedule import pixel_loss
from lobate.training.team import ALONE, Team


def train_step(
    network: nn.Module,
    optimizer: Optimizer,
    parts: list[Batch],
    rate: float,
    class_weights: list[float] | None = None,
    team: Team = ALONE,
) -> Tensor | None:
    """Take one optimiser step at ``rate`` and return the loss; without any labelled pixel take none and return None.

    The loss is the mean over the labelled pixels of all ``parts`` of all processes, however these share them out.
    """
    weights = [part.weight(class_weights) for part in parts]
    total = team.number(sum(weights))
    if not total:
        return None
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    losses = []
    for number, (part, weight) in enumerate(zip(parts, weights, strict=True), 1):
        with team.quiet(network, number < len(parts)):
            loss = _loss(network, part, weight, class_weights) * (weight / total)
            (loss * team.size).backward()  # the team's gradient is a mean over its processes
        losses.append(loss.detach())
    optimizer.step()
    return team.total(torch.stack(losses).sum())


def _loss(network: nn.Module, part: Batch, weight: float, class_weights: list[float] | None) -> Tensor:
    with autocast(part.images.device):
        logits = network(part.images)
    return pixel_loss(logits, part.labels, class_weights) if weight else logits.sum() * 0


@torch.inference_mode()
def evaluate(network: nn.Module, patches: Patches, batch: int, team: Team = ALONE) -> Measured:
    """Measure the network on whole patches as they are, with counts pooled over all of them."""
    network.eval()
    device, tally = next(network.parameters()).device, Tally()
    mine = team.share(range(len(patches)))
    parts = [mine[start : start + batch] for start in range(0, len(mine), batch)]
    for part in ahead(lambda number: patches.stack(parts[number]).pinned(device), range(len(parts))):
        seen = part.to(device)
        with autocast(device):
            logits = network(seen.images)
        tally.add(logits, seen.labels)
    return tally.pooled(team, device).result()


def autocast(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 on a GPU."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
