"""Several processes train as one does: on CPUs here, by gloo; on GPUs it is the same code."""

import logging

import numpy as np
import pytest
import torch

from lobate.errors import UserError
from lobate.network.deeplab import build
from lobate.training.datamodule import read_data
from lobate.training.launch import GPUS_VARIABLE, device_count, fit_on_all_devices, launch_ddp
from lobate.training.loop import TrainConfig, fit

TILES = ["A", "B"]


@pytest.fixture
def config(train_call):
    """A function that plans three steps; norms are frozen, for those of CPUs see their own patches only.

    The rate is low: at 0.05 each step amplifies the rounding of sums, equal to 3e-8 after the first, by a thousand.
    """

    def make(**changes):
        settings = {
            "batch": 4,
            "iterations": 3,
            "evaluate_every": 3,
            "learning_rate": 0.005,
            "batch_norm": "frozen",
            "class_weights": [1.0, 3.0],
        }
        schedule = train_call.schedule.model_copy(update=settings | changes)
        return TrainConfig(
            read_data(list(train_call.patches), TILES, train_call.split, []), schedule, ("flip",), (5, 1)
        )

    return make


@pytest.fixture
def network(train_call):
    """A function that builds the same network again; without dropout, which each process draws for itself."""

    def make():
        net = build(train_call.network, seed=7)
        net.pyramid.dropout.p = 0.0
        return net

    return make


def test_two_processes_do_what_one_does(config, network, caplog):
    caplog.set_level(logging.INFO, logger="lobate")
    alone, both = network(), network()
    single = fit(alone, config())
    distributed = launch_ddp(both, config(), 2)
    for row, other in zip(single.rows, distributed.rows, strict=True):
        assert (row["iteration"], row["split"]) == (other["iteration"], other["split"])
        assert row["loss"] == pytest.approx(other["loss"], rel=1e-3)
        assert row["step_loss"] == pytest.approx(other["step_loss"], rel=1e-3)
    groups = [np.array(state.best["validation"]["by_group"]) for state in (single, distributed)]
    assert groups[0].sum(axis=2).tolist() == groups[1].sum(axis=2).tolist(), "each group's pixels, by label"
    assert len(groups[0]) == 2
    start = network().state_dict()
    moved = 0.0
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(both.state_dict()[name], tensor, rtol=1e-3, atol=1e-5)
        moved = max(moved, float((tensor.float() - start[name].float()).abs().max()))
    assert moved > 1e-3, "a training that moves nothing would pass any comparison"
    assert caplog.text.count("IoU of the landform") == 2, "one line by one process, one by the leader of two"


def test_a_mistake_in_a_worker_is_a_mistake_here(config, network):
    with pytest.raises(UserError, match="learning_rate"):
        launch_ddp(network(), config(learning_rate=1e30), 2)


def test_a_job_uses_what_it_may_and_never_more_than_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    for value, count in ((None, 1), ("0", 1), ("3", 3), ("8", 4), ("many", 1)):
        monkeypatch.delenv(GPUS_VARIABLE, raising=False)
        if value is not None:
            monkeypatch.setenv(GPUS_VARIABLE, value)
        assert device_count() == count


def test_never_more_processes_than_patches_in_a_batch(config, network, monkeypatch):
    monkeypatch.setattr("lobate.training.launch.device_count", lambda: 8)
    asked = []
    monkeypatch.setattr("lobate.training.launch.launch_ddp", lambda net, config, size: asked.append(size))
    fit_on_all_devices(network(), config(batch=3))
    assert asked == [3]
