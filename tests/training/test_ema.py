import pytest
import torch

from lobate.network.deeplab import build
from lobate.settings.training import Network
from lobate.training.ema import ModelEma

SMALL = Network(backbone="mobilenetv2_050", weights="none", aspp_channels=8, low_level_channels=8)


def test_it_follows_by_its_decay_and_counts_as_it_is():
    network = build(SMALL)
    average = ModelEma(network, 0.9)
    name = "decoder.logits.weight"
    before = network.state_dict()[name].clone()
    with torch.no_grad():
        network.decoder.logits.weight.add_(1.0)
        network.decoder.low[1].num_batches_tracked.fill_(7)
    average.update(network, step=1000)
    torch.testing.assert_close(average.network.state_dict()[name], before + 0.1)
    assert average.network.decoder.low[1].num_batches_tracked == 7
    average.update(network, step=1000)
    torch.testing.assert_close(average.network.state_dict()[name], before + 0.19)


def test_at_first_it_is_short():
    network = build(SMALL)
    average = ModelEma(network, 0.999)
    before = network.decoder.logits.weight.detach().clone()
    with torch.no_grad():
        network.decoder.logits.weight.add_(1.0)
    average.update(network, step=1)  # decay (1 + 1) / (10 + 1)
    moved = (average.network.decoder.logits.weight - before).mean().item()
    assert moved == pytest.approx(9 / 11, abs=1e-5)


def test_it_learns_nothing_by_itself_and_leaves_the_network_alone():
    network = build(SMALL)
    average = ModelEma(network, 0.9)
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())
    average.update(network, 5)
    for name, tensor in network.state_dict().items():
        assert torch.equal(average.network.state_dict()[name], tensor)
