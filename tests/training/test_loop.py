import numpy as np
import pytest
import torch
from torch import nn

from lobate.errors import Mistake
from lobate.settings.training import Schedule
from lobate.training.dataset import Batch, Patches
from lobate.training.loop import Course, check_loss, seed_of
from lobate.training.step import evaluate, train_step


class Red(nn.Module):
    """Sees the landform where red is above 100; its one weight scales the logits."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images):
        score = (images[:, :1].float() - 100) / 10 * self.weight
        return torch.cat([-score, score], 1)


def patches_of(red, label):
    array = np.zeros((len(red), 4, 4, 4), dtype=np.uint8)
    array[..., 0], array[..., 3] = red, label
    return Patches((array,), np.array([(0, row, 4, 4) for row in range(len(array))]))


def test_evaluation_pools_over_patches_whatever_the_batch():
    red, label = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    red[0] = label[0] = 200  # 16 hits, but the label of one row is ignored
    label[0], label[0, 0] = 1, 255
    red[1, 0] = 200  # 4 false alarms
    label[2, :2] = 1  # 8 misses
    for batch in (1, 2, 8):
        found = evaluate(Red(), patches_of(red, label), batch)
        assert found.iou["landform"] == pytest.approx(12 / (12 + 4 + 8))
        assert found.iou["background"] == pytest.approx(20 / (20 + 4 + 8))


def test_a_batch_without_labels_changes_nothing():
    network = Red()
    sgd = torch.optim.SGD(network.parameters(), lr=1.0)
    images = torch.full((1, 3, 4, 4), 120, dtype=torch.uint8)
    assert train_step(network, sgd, [Batch.of(images, torch.full((1, 4, 4), 255, dtype=torch.uint8))], 1.0) is None
    assert network.weight.item() == 1
    loss = train_step(network, sgd, [Batch.of(images, torch.zeros((1, 4, 4), dtype=torch.uint8))], 0.5)
    # logits -2 and 2 on background: loss log(1 + e^4); its slope in the weight is 4 * sigmoid(4)
    slope = 4 / (1 + np.exp(-4))
    assert loss.item() == pytest.approx(np.log(1 + np.exp(4)), rel=1e-5)
    assert network.weight.item() == pytest.approx(1 - 0.5 * slope, rel=1e-5)


def test_the_loss_is_a_mean_and_must_be_a_number():
    course = Course()
    assert course.mean_loss is None
    for loss in (torch.tensor(1.0), None, torch.tensor(2.0)):
        course.advance(loss)
    assert (course.iteration, course.skipped, course.mean_loss) == (3, 1, 1.5)
    check_loss(course, Schedule())
    course.advance(torch.tensor(float("nan")))
    with pytest.raises(Mistake, match="learning_rate"):
        check_loss(course, Schedule())


def test_seeds_follow_from_all_their_numbers():
    assert seed_of(1, 2) == seed_of(1, 2)
    assert len({seed_of(1, 2), seed_of(2, 1), seed_of(1, 3)}) == 3
