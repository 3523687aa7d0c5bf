"""The paper's network learns here as anything else does: forward, backward, three steps and a resume, on small crops."""

import pytest
import torch

from lobate.network.deeplab import build
from lobate.settings.training import Network
from lobate.training import loop
from lobate.training.datamodule import read_data
from lobate.training.loop import TrainConfig, fit

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("xception71")]

PAPER = Network(weights="none")


@pytest.fixture
def config(train_call, tmp_path, split_writer):
    split_writer(train_call.split, {"A": ["training", "training", "validation"]})
    schedule = train_call.schedule.model_copy(
        update={"iterations": 3, "evaluate_every": 3, "crop": 48, "learning_rate": 0.007, "scales": [1.0]}
    )
    data = read_data(list(train_call.patches), ["A", "B"], train_call.split, [])
    return TrainConfig(data, schedule, ("flip",), (5, 1), tmp_path / "checkpoint.pt", "recipe")


def test_three_steps_move_every_weight_and_a_resume_ends_the_same(config, monkeypatch):
    whole = build(PAPER, seed=3)
    start = {name: tensor.clone() for name, tensor in whole.named_parameters()}
    state = fit(whole, config)
    assert (state.iteration, state.skipped) == (3, 0)
    weights = {name: tensor for name, tensor in whole.named_parameters() if tensor.ndim > 1}
    assert [name for name, tensor in weights.items() if torch.equal(tensor, start[name])] == []
    unreached = [name for name, weight in whole.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert unreached == [], (
        "scale and shift of a norm may move by less than a rounding, but a gradient has to reach them"
    )
    config.checkpoint.unlink()

    monkeypatch.setattr(loop.ProgressLog, "EVERY_S", -1)  # keeps after every step
    step, taken = loop.train_step, []

    def killed(*arguments):
        taken.append(1)
        if len(taken) == 3:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(loop, "train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(build(PAPER, seed=3), config)
    resumed = build(PAPER, seed=3)
    assert fit(resumed, config).iteration == 3
    assert len(taken) == 4, "two, the one that was killed, and the last"
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name
