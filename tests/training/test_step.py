"""One step: parts and their weights against the gradient of the whole, written out by hand."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from lobate.training.dataset import Batch
from lobate.training.step import train_step


class Red(nn.Module):
    """One weight and one shift on the red channel."""

    def __init__(self):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.tensor(0.01)), nn.Parameter(torch.tensor(0.3))

    def forward(self, images):
        score = images[:, :1].float() * self.scale + self.shift
        return torch.cat([-score, score], 1)


@pytest.fixture
def batch():
    """Four patches of 6 x 6; the second has no label at all, the others more or less."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 3, 6, 6), dtype=torch.uint8, generator=random)
    labels = torch.randint(0, 2, (4, 6, 6), dtype=torch.uint8, generator=random)
    labels[0, :5], labels[1], labels[3, 2] = 255, 255, 255
    return images, labels


def stepped(parts, class_weights):
    network = Red()
    loss = train_step(network, torch.optim.SGD(network.parameters(), lr=1.0), parts, 0.5, class_weights)
    return loss.item(), [one.item() for one in network.parameters()]


@pytest.mark.parametrize("class_weights", [None, [1.0, 4.0]])
@pytest.mark.parametrize("cuts", [[2], [1, 2], [1, 2, 3]])
def test_parts_take_the_step_of_the_whole(batch, class_weights, cuts):
    images, labels = batch
    whole = stepped([Batch.of(images, labels)], class_weights)
    bounds = [0, *cuts, 4]
    parts = [Batch.of(images[a:b], labels[a:b]) for a, b in pairwise(bounds)]
    loss, weights = stepped(parts, class_weights)
    assert loss == pytest.approx(whole[0], rel=1e-5)
    assert weights == pytest.approx(whole[1], rel=1e-4)


def test_the_step_is_the_gradient_of_the_weighted_mean_over_labelled_pixels(batch):
    images, labels = batch
    network = Red()
    plain = copy.deepcopy(network)
    score = images[:, 0].double() * plain.scale.double() + plain.shift.double()
    each = torch.log1p(torch.exp(-2 * score * (2 * labels.double() - 1)))
    weight = torch.where(labels == 1, 4.0, 1.0).double() * (labels != 255)
    loss = (each.nan_to_num() * weight).sum() / weight.sum()
    loss.backward()
    found, weights = stepped([Batch.of(images[:2], labels[:2]), Batch.of(images[2:], labels[2:])], [1.0, 4.0])
    assert found == pytest.approx(loss.item(), rel=1e-5)
    assert weights == pytest.approx([(one - 0.5 * one.grad).item() for one in plain.parameters()], rel=1e-4)


def test_the_weight_of_a_batch_counts_labelled_pixels():
    labels = torch.tensor([[[0, 1], [1, 255]]], dtype=torch.uint8)
    batch = Batch.of(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), labels)
    assert (batch.pixels, batch.weight(), batch.weight([0.5, 4.0])) == ((1, 2), 3.0, 8.5)
