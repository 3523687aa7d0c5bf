"""Statistics of trained norms, taken anew before a look: what evaluation sees is what training sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from lobate.network.deeplab import build
from lobate.settings.training import Network
from lobate.training import norm_statistics
from lobate.training.datamodule import read_data
from lobate.training.distributed import SINGLE, ProcessGroup
from lobate.training.launch import launch_ddp
from lobate.training.loop import TrainConfig, fit
from lobate.training.norm_statistics import fresh_statistics
from lobate.training.schedule import BatchNorm, pixel_loss, to_training_mode

TILES = ["A", "B"]
SMALL = Network(backbone="mobilenetv2_050", weights="none", aspp_channels=8, low_level_channels=8)


@pytest.fixture(autouse=True)
def few_batches(monkeypatch):
    monkeypatch.setattr(norm_statistics, "BATCHES", 4)


@pytest.fixture
def config(train_call):
    """A function that plans a training of the small data set."""

    def make(**changes):
        schedule = train_call.schedule.model_copy(update={"batch": 4, "crop": 32, "iterations": 4} | changes)
        data = read_data(list(train_call.patches), TILES, train_call.split, [])
        return TrainConfig(data, schedule, ("flip",), (5, 1))

    return make


@pytest.fixture
def network():
    """A function that builds the same network again."""
    return lambda: build(SMALL, seed=7)


def norms_of(network):
    return [module for module in network.modules() if isinstance(module, BatchNorm)]


def spoil(network):
    """Give all norms running statistics of some other network."""
    for norm in norms_of(network):
        norm.running_mean.fill_(0.5)
        norm.running_var.fill_(0.05)
    return network


def buffers(network):
    return {name: buffer.clone() for name, buffer in network.named_buffers()}


def mean_loss(network, batches):
    with torch.no_grad():
        return np.mean([float(pixel_loss(network(batch.images), batch.labels)) for batch in batches])


def fresh(network, config, group=SINGLE):
    return fresh_statistics(network, config.schedule, lambda step: config.batch(step, group), group)


def test_a_look_agrees_with_training_however_far_off_the_running_statistics_are(config, network):
    plan, trained = config(batch=8, crop=64), network()
    trained.pyramid.dropout.p = 0.0
    with torch.no_grad():
        trained.decoder.logits.weight.mul_(30)  # far from one half, as after some training
    batches = [plan.batch(step, SINGLE) for step in range(norm_statistics.BATCHES)]
    in_training = mean_loss(trained.train(), batches)
    spoil(trained)
    off = mean_loss(trained.eval(), batches)
    with fresh(trained, plan):
        anew = mean_loss(trained.eval(), batches)
    assert abs(anew - in_training) < 0.05 * in_training < abs(off - in_training)


def test_statistics_are_the_averages_over_the_batches(config, network):
    plan, trained = config(), network()
    with fresh(trained, plan):
        stem = norms_of(trained)[0]
        mean, variance = stem.running_mean.clone(), stem.running_var.clone()
    conv = trained.backbone.net.conv_stem
    with torch.no_grad():
        images = [plan.batch(step, SINGLE).images for step in range(norm_statistics.BATCHES)]
        values = [conv(image.float() / 127.5 - 1).transpose(0, 1).flatten(1) for image in images]
    torch.testing.assert_close(mean, torch.stack([one.mean(1) for one in values]).mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(variance, torch.stack([one.var(1) for one in values]).mean(0), rtol=1e-4, atol=1e-5)


def test_training_gets_its_own_statistics_back(config, network):
    trained = spoil(network())
    before, momenta = buffers(trained), [norm.momentum for norm in norms_of(trained)]
    with pytest.raises(KeyboardInterrupt), fresh(trained, config()):
        assert not torch.equal(norms_of(trained)[0].running_mean, before["backbone.net.bn1.running_mean"])
        raise KeyboardInterrupt
    for name, buffer in trained.named_buffers():
        assert torch.equal(buffer, before[name]), name
    assert [norm.momentum for norm in norms_of(trained)] == momenta


def test_frozen_norms_keep_theirs_and_no_batch_is_drawn(config, network):
    trained = spoil(network())
    before = buffers(trained)

    def draw(step):
        raise AssertionError(step)

    with fresh_statistics(trained, config(batch_norm="frozen").schedule, draw, SINGLE):
        for name, buffer in trained.named_buffers():
            assert torch.equal(buffer, before[name]), name


def test_the_pooled_norm_keeps_its_own_where_training_cannot_train_it(config, network):
    trained, plan = spoil(network()), config(batch=2, accumulate=2)
    with fresh(trained, plan):
        assert (trained.pyramid.pooled[1].running_mean == 0.5).all()
        assert not (trained.pyramid.point[1].running_mean == 0.5).any()


@pytest.mark.parametrize("options", [{}, {"ema": 0.9}, {"accumulate": 2}])
def test_no_running_statistic_reaches_a_look_or_a_model(config, network, options):
    """Norms without momentum never follow: curves and weights are those of a training whose norms do."""
    ends = []
    for momentum in (0.1, 0.0):
        trained = spoil(network()) if momentum == 0.0 else network()
        for norm in norms_of(trained):
            norm.momentum = momentum
        ends.append((fit(trained, config(**options)).rows, trained.state_dict()))
    (rows, weights), (other_rows, others) = ends
    for row, other in zip(rows, other_rows, strict=True):
        assert {**row, "images_per_s": None} == {**other, "images_per_s": None}
    for name, tensor in weights.items():
        assert torch.equal(tensor, others[name]), name


def test_all_processes_share_the_mean_of_their_statistics(config, network, monkeypatch):
    """With weights that stand still, the stem's mean over halves of batches is its mean over whole ones."""
    monkeypatch.undo()  # the processes start anew and take all batches
    alone, both = network(), network()
    still = config(iterations=1, evaluate_every=1, learning_rate=1e-12)
    fit(alone, still)
    launch_ddp(both, still, 2)
    torch.testing.assert_close(norms_of(both)[0].running_mean, norms_of(alone)[0].running_mean, rtol=1e-4, atol=1e-5)


def test_a_process_waits_for_the_others_once_a_statistic(config, network):
    """Each process must ask for the same sums in the same order, whatever its own share of the batch is."""
    plan, asked = config(batch=5), []

    class Alone(ProcessGroup):
        def all_reduce(self, value):
            asked[-1].append(tuple(value.shape))
            return value

    for rank in (0, 1):
        asked.append([])
        with fresh(network(), plan, Alone(rank, 2)):
            pass
    assert asked[0] == asked[1]
    assert len(asked[0]) == 2 * len(norms_of(network()))


def test_the_mode_of_training_is_what_it_was(config, network):
    trained, schedule = network(), config().schedule
    to_training_mode(trained, schedule)
    modes = [module.training for module in trained.modules()]
    with fresh(trained, config()):
        assert not any(isinstance(module, nn.Dropout) and module.training for module in trained.modules())
    to_training_mode(trained, schedule)
    assert [module.training for module in trained.modules()] == modes
