from math import log

import pytest
import torch
from torch import nn

from lobate.network.deeplab import build
from lobate.settings.training import Network, Schedule
from lobate.training.schedule import build_optimizer, learning_rate, pixel_loss, set_learning_rate, to_training_mode

PAPER = Schedule()


def test_the_paper_s_learning_rate():
    assert learning_rate(PAPER, 0) == 0.007
    assert learning_rate(PAPER, 15_000) == pytest.approx(0.007 * 0.5**0.9)
    assert learning_rate(PAPER, 29_999) == pytest.approx(0.007 * (1 / 30_000) ** 0.9)
    assert learning_rate(PAPER, 30_000) == 0


def test_half_a_cosine():
    cosine = Schedule(decay="cosine", iterations=10, learning_rate=1.0)
    assert [learning_rate(cosine, i) for i in (0, 5, 10)] == pytest.approx([1.0, 0.5, 0.0])


def test_loss_is_the_mean_over_labelled_pixels():
    logits = torch.tensor([[[[0.0, 2.0, 9.0]], [[0.0, 0.0, -9.0]]]])  # (1, 2, 1, 3)
    labels = torch.tensor([[[0, 1, 255]]], dtype=torch.uint8)
    first, second = log(2), log(1 + torch.e**2)
    assert pixel_loss(logits, labels).item() == pytest.approx((first + second) / 2)
    assert pixel_loss(logits, labels, [1.0, 3.0]).item() == pytest.approx((first + 3 * second) / 4)


def test_groups_of_parameters_are_those_of_the_reference():
    """Decay: dense convolutions alone. Twice the rate: biases of convolutions, under SGD. A grouped one is not depthwise."""
    dense, depthwise, norm = nn.Conv2d(3, 8, 3, bias=False), nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8)
    grouped, logits = nn.Conv2d(8, 8, 1, groups=2, bias=False), nn.Conv2d(8, 2, 1)
    sgd = build_optimizer(nn.Sequential(dense, depthwise, norm, grouped, logits), PAPER)
    assert sgd.defaults["momentum"] == 0.9
    parts = {
        id(parameter): (group["weight_decay"], group["rate_factor"])
        for group in sgd.param_groups
        for parameter in group["params"]
    }
    assert len(parts) == 8
    for weight in (dense.weight, grouped.weight, logits.weight):
        assert parts[id(weight)] == (4e-5, 1)
    for spared in (depthwise.weight, norm.weight, norm.bias):
        assert parts[id(spared)] == (0, 1)
    for bias in (depthwise.bias, logits.bias):
        assert parts[id(bias)] == (0, 2)
    adamw = build_optimizer(nn.Sequential(dense, logits), Schedule(optimizer="adamw"))
    assert [(group["weight_decay"], group["rate_factor"]) for group in adamw.param_groups] == [
        (4e-5, 1), (0, 1), (0, 1),
    ]  # fmt: skip


def test_the_logits_bias_moves_twice_as_far():
    layer = nn.Conv2d(1, 1, 1)
    nn.init.ones_(layer.weight), nn.init.ones_(layer.bias)
    optimizer = build_optimizer(layer, Schedule(learning_rate=1.0, weight_decay=0))
    layer(torch.ones(1, 1, 1, 1)).sum().backward()
    set_learning_rate(optimizer, 0.1)
    optimizer.step()
    assert layer.weight.item() == pytest.approx(0.9)
    assert layer.bias.item() == pytest.approx(0.8)


def test_every_trained_parameter_of_the_network_is_in_one_group():
    network = build(Network(backbone="mobilenetv2_100", weights="none"))
    groups = build_optimizer(network, PAPER).param_groups
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in network.parameters())
    assert [id(parameter) for parameter in groups[2]["params"]] == [id(network.decoder.logits.bias)]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.pyramid = nn.Module()
        self.pyramid.pooled = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))

    @property
    def learning(self):
        return [module.training for module in self.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize(
    ("norms", "batch", "parts", "processes", "learning"),
    [
        ("frozen", 8, 1, 1, [False, False]),
        ("trained", 8, 1, 1, [True, True]),
        ("trained", 8, 2, 2, [True, True]),
        ("trained", 1, 1, 1, [True, False]),
        ("trained", 7, 4, 1, [True, False]),
        ("trained", 8, 1, 8, [True, False]),
    ],
)
def test_which_norms_learn(norms, batch, parts, processes, learning):
    network = Net()
    to_training_mode(network, Schedule(batch_norm=norms, batch=batch, accumulate=parts), processes)
    assert network.training
    assert network.learning == learning
    assert all(parameter.requires_grad for parameter in network.parameters())  # scale and shift always learn
