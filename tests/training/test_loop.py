"""The training loop: a step against its gradient written out by hand, evaluation, and the progress log."""

from __future__ import annotations

import copy
import io
import logging
import sys
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from lobate.errors import UserError
from lobate.settings.training import Schedule
from lobate.training.dataset import Batch, PatchDataset
from lobate.training.distributed import ProcessGroup
from lobate.training.loop import ProgressLog, TrainState, check_loss, evaluate, seed_of, train_step


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
    return loss.item(), [parameter.item() for parameter in network.parameters()]


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
    step_loss, weights = stepped([Batch.of(images[:2], labels[:2]), Batch.of(images[2:], labels[2:])], [1.0, 4.0])
    assert step_loss == pytest.approx(loss.item(), rel=1e-5)
    assert weights == pytest.approx(
        [(parameter - 0.5 * parameter.grad).item() for parameter in plain.parameters()], rel=1e-4
    )


def test_the_weight_of_a_batch_counts_labelled_pixels():
    labels = torch.tensor([[[0, 1], [1, 255]]], dtype=torch.uint8)
    batch = Batch.of(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), labels)
    assert (batch.class_pixels, batch.weight(), batch.weight([0.5, 4.0])) == ((1, 2), 3.0, 8.5)


class ThresholdOnRed(nn.Module):
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
    return PatchDataset((array,), np.array([(0, row, 4, 4) for row in range(len(array))]))


def test_evaluation_pools_over_patches_whatever_the_batch():
    red, label = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    red[0] = label[0] = 200  # 16 hits, but the label of one row is ignored
    label[0], label[0, 0] = 1, 255
    red[1, 0] = 200  # 4 false alarms
    label[2, :2] = 1  # 8 misses
    for batch in (1, 2, 8):
        metrics = evaluate(ThresholdOnRed(), patches_of(red, label), batch)
        assert metrics.iou["landform"] == pytest.approx(12 / (12 + 4 + 8))
        assert metrics.iou["background"] == pytest.approx(20 / (20 + 4 + 8))


def test_a_batch_without_labels_changes_nothing():
    network = ThresholdOnRed()
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
    state = TrainState()
    assert state.mean_loss is None
    for loss in (torch.tensor(1.0), None, torch.tensor(2.0)):
        state.advance(loss)
    assert (state.iteration, state.skipped, state.mean_loss) == (3, 1, 1.5)
    check_loss(state, Schedule())
    state.advance(torch.tensor(float("nan")))
    with pytest.raises(UserError, match="learning_rate"):
        check_loss(state, Schedule())


def test_seeds_follow_from_all_their_numbers():
    assert seed_of(1, 2) == seed_of(1, 2)
    assert len({seed_of(1, 2), seed_of(2, 1), seed_of(1, 3)}) == 3


STATE = SimpleNamespace(iteration=30, mean_loss=0.25)


def log_progress(monkeypatch, capsys, caplog, *, terminal, state=STATE):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    caplog.set_level(logging.INFO, logger="lobate")
    with ProgressLog(Schedule(iterations=100, batch=4), 2, SimpleNamespace(iteration=10, mean_loss=None)) as progress:
        progress.task._started_at -= 10.0
        progress.is_due(state)
        progress.log(state)
    return capsys.readouterr().err, caplog.text


def test_a_log_gets_a_plain_line_and_no_bar(monkeypatch, capsys, caplog):
    shown, logged = log_progress(monkeypatch, capsys, caplog, terminal=False)
    assert "round 2, iteration 30 of 100: loss 0.2500, 8.0 images/s, 35 s left" in logged
    assert shown == ""


def test_a_terminal_gets_a_bar(monkeypatch, capsys, caplog):
    shown, _ = log_progress(monkeypatch, capsys, caplog, terminal=True)
    assert "30/100" in shown
    assert "round 2, loss 0.2500" in shown


def test_an_unknown_loss_is_called_so(monkeypatch, capsys, caplog):
    state = SimpleNamespace(iteration=30, mean_loss=None)
    assert "loss unknown" in log_progress(monkeypatch, capsys, caplog, terminal=False, state=state)[1]


def test_only_the_leader_tells_and_only_in_time(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    for group, waited, due in ((ProcessGroup(), 0, False), (ProcessGroup(), 61, True), (ProcessGroup(1, 2), 61, False)):
        progress = ProgressLog(Schedule(), 1, STATE, group)
        progress.task._logged_at -= waited
        assert progress.is_due(STATE) is due
