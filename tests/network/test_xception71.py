"""The paper's network, layer by layer, against the published table (Chen et al. 2018, figure 4; METHOD section 2).

The table is written out here by rule: what a separable convolution is, what a unit is made of, which widths and strides follow
each other. Nothing of it is read off our own network.
"""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn

from lobate.network.deeplab import build, set_output_stride
from lobate.settings.training import Network

pytestmark = pytest.mark.xdist_group("xception71")

Conv = tuple[int, int, int, int, int, int]
"""Input and output channels, side, groups, stride, rate of dilation (1 for pointwise ones)."""

STEM = [(3, 32, 3, 1, 2, 1), (32, 64, 3, 1, 1, 1)]
ENTRY = [(128, 2), (256, 1), (256, 2), (728, 1), (728, 2)]
STRIDES = {16: [2, 1, 2, 1, 2], 8: [2, 1, 2, 1, 1]}
RATES = {16: {"middle": 1, "exit": 1, "last": 2, "pyramid": (6, 12, 18)}, 8: {"middle": 2, "exit": 2, "last": 4, "pyramid": (12, 24, 36)}}  # fmt: skip


def separable(channels: int, out: int, stride: int = 1, rate: int = 1) -> list[Conv]:
    return [(channels, channels, 3, channels, stride, rate), (channels, out, 1, 1, 1, 1)]


def unit(channels: int, widths: list[int], stride: int = 1, rate: int = 1, *, shortcut: bool = False) -> list[Conv]:
    """Three separable convolutions, the stride on the third, and where it has one a pointwise shortcut."""
    convs = [(channels, widths[-1], 1, 1, stride, 1)] if shortcut else []
    for number, (before, after) in enumerate(zip([channels, *widths], widths, strict=False)):
        convs += separable(before, after, stride if number == 2 else 1, rate)
    return convs


def backbone(stride: int) -> list[Conv]:
    convs, channels, rates = list(STEM), 64, RATES[stride]
    for (width, _), step in zip(ENTRY, STRIDES[stride], strict=True):
        convs += unit(channels, [width] * 3, step, shortcut=True)
        channels = width
    convs += 16 * unit(728, [728] * 3, rate=rates["middle"])
    convs += unit(728, [728, 1024, 1024], rate=rates["exit"], shortcut=True)
    return convs + unit(1024, [1536, 1536, 2048], rate=rates["last"])


def heads(stride: int, classes: int = 2) -> list[Conv]:
    pyramid = [(2048, 256, 1, 1, 1, 1)] * 2 + [(1280, 256, 1, 1, 1, 1)]
    pyramid += [conv for rate in RATES[stride]["pyramid"] for conv in separable(2048, 256, rate=rate)]
    return [*pyramid, (256, 48, 1, 1, 1, 1), *separable(304, 256), *separable(256, 256), (256, classes, 1, 1, 1, 1)]


def convolutions(module: nn.Module) -> Counter[Conv]:
    convs = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    return Counter(
        (conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.groups, conv.stride[0], conv.dilation[0] if conv.kernel_size[0] > 1 else 1)
        for conv in convs
    )  # fmt: skip


def shapes(convs: list[Conv]) -> Counter[tuple[int, ...]]:
    """Weights of each convolution, with scale and shift of the norm after it; the logits have a bias and no norm."""
    weights = Counter((out, channels // groups, side, side) for channels, out, side, groups, *_ in convs)
    norms = [out for _, out, *_ in convs[:-1]]
    return weights + Counter((out,) for out in norms for _ in range(2)) + Counter({(convs[-1][1],): 1})


@pytest.fixture(scope="module")
def network():
    return build(Network(weights="none"), seed=1).eval()


@pytest.mark.parametrize("stride", [8, 16])
def test_every_layer_is_the_reference_s(network, stride):
    set_output_stride(network, stride)
    assert convolutions(network.backbone) == Counter(backbone(stride))
    assert convolutions(network) == Counter(backbone(stride) + heads(stride))


def test_every_parameter_has_its_shape_and_none_is_left_over(network):
    convs = backbone(16) + heads(16)
    assert Counter(tuple(parameter.shape) for parameter in network.parameters()) == shapes(convs)
    counted = sum(out * channels // groups * side**2 for channels, out, side, groups, *_ in convs)
    counted += sum(2 * out for _, out, *_ in convs[:-1]) + convs[-1][1]
    assert sum(parameter.numel() for parameter in network.parameters()) == counted


def test_norms_have_the_reference_s_epsilon(network):
    def epsilons(module):
        return {layer.eps for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)}

    assert epsilons(network.backbone) == {1e-3}
    assert epsilons(network.pyramid) | epsilons(network.decoder) == {1e-5}


@pytest.mark.slow
def test_a_forward_pass_at_480_reaches_the_strides_of_the_reference(network):
    set_output_stride(network, 16)
    seen = {}
    hook = network.backbone.register_forward_hook(
        lambda module, inputs, outputs: seen.update(low=outputs[0], high=outputs[1])
    )
    images = torch.randint(0, 256, (1, 3, 480, 480), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = network.to(memory_format=torch.channels_last)(images)
    hook.remove()
    assert logits.shape == (1, 2, 480, 480)
    assert logits.isfinite().all()
    assert (seen["low"].shape, seen["high"].shape) == ((1, 256, 120, 120), (1, 2048, 30, 30))


def test_the_same_weights_at_stride_8_agree_where_theory_says_so(network):
    """Every second feature at stride 8 is the one at stride 16: dilation took the place of the stride."""
    images = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        set_output_stride(network, 16)
        low, coarse = network.backbone(images)
        set_output_stride(network, 8)
        same, fine = network.backbone(images)
        set_output_stride(network, 16)
    assert fine.shape == (1, 2048, 12, 12)
    torch.testing.assert_close(same, low)
    torch.testing.assert_close(fine[..., ::2, ::2], coarse, atol=1e-3, rtol=1e-3)
