"""DeepLabv3+: sizes, seeds, preprocessing, gradients, one set of weights at two strides, and its heads layer by layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lobate.errors import UserError
from lobate.network.deeplab import (
    ASPP,
    Decoder,
    Preprocessing,
    build,
    initialise,
    landform_probability,
    normalise,
    set_output_stride,
    upsample,
)
from lobate.settings.training import Network

SMALL = Network(backbone="mobilenetv2_100", weights="none", aspp_channels=16, low_level_channels=8)


@pytest.fixture(scope="module")
def model():
    return build(SMALL, seed=1).eval()


def pixels(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(64, 64), (65, 33), (31, 100), (7, 1)])
def test_logits_have_the_size_of_the_image(model, size):
    with torch.inference_mode():
        assert model(pixels(2, 3, *size)).shape == (2, 2, *size)


def test_padding_of_odd_sizes_is_the_mean_value(model):
    images = normalise(pixels(1, 3, 40, 50))
    padded = torch.zeros(1, 3, 48, 64)
    padded[..., :40, :50] = images
    with torch.inference_mode():
        torch.testing.assert_close(model(images), model(padded)[..., :40, :50])


def test_xception71_has_the_parameters_of_the_reference_s_table_and_runs():
    def separable(channels, out):
        return 9 * channels + 2 * channels + channels * out + 2 * out

    def unit(channels, *widths, shortcut):
        pairs = zip((channels, *widths), widths, strict=False)
        return sum(separable(*pair) for pair in pairs) + shortcut * (channels * widths[-1] + 2 * widths[-1])

    stem = 9 * 3 * 32 + 2 * 32 + 9 * 32 * 64 + 2 * 64
    steps = [(64, 128), (128, 256), (256, 256), (256, 728), (728, 728)]
    entry = sum(unit(channels, out, out, out, shortcut=True) for channels, out in steps)
    middle = 16 * unit(728, 728, 728, 728, shortcut=False)
    leave = unit(728, 728, 1024, 1024, shortcut=True) + unit(1024, 1536, 1536, 2048, shortcut=False)
    network = build(Network(weights="none")).eval()
    assert sum(parameter.numel() for parameter in network.backbone.parameters()) == stem + entry + middle + leave
    assert network.preprocessing == Preprocessing.centred(3)
    with torch.inference_mode():
        assert network(pixels(1, 3, 65, 65)).shape == (1, 2, 65, 65)


def test_normalise():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    torch.testing.assert_close(normalise(images)[0, 0, 0], torch.tensor([-1, -0.6, 1.0]))
    fed = Preprocessing.of_backbone("resnet50", 3)
    torch.testing.assert_close(normalise(images, fed)[0, 1, 0, 2], torch.tensor((1 - 0.456) / 0.224))
    assert len(Preprocessing.of_backbone("resnet50", 5).mean) == 5
    assert Preprocessing.of_backbone("xception71", 3) == Preprocessing.centred(3)


def test_uint8_is_normalised_by_the_model(model):
    images = pixels(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), model(normalise(images, model.preprocessing)))


def test_the_seed_alone_decides():
    state = torch.random.get_rng_state()
    first, again, other = (build(SMALL, seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["pyramid.point.0.weight"], other["pyramid.point.0.weight"])
    assert not torch.equal(first["backbone.net.conv_stem.weight"], other["backbone.net.conv_stem.weight"])


def test_gradients_reach_every_parameter():
    network = build(SMALL)
    network(pixels(2, 3, 64, 64)).square().mean().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_one_state_dict_at_two_strides(model):
    images = pixels(1, 3, 64, 64)
    names = list(model.state_dict())
    with torch.inference_mode():
        coarse = model(images)
        set_output_stride(model, 8)
        fine = model(images)
        set_output_stride(model, 16)
        assert torch.equal(model(images), coarse)
    assert list(model.state_dict()) == names
    assert fine.shape == coarse.shape and not torch.equal(fine, coarse)
    built = build(SMALL.model_copy(update={"output_stride": 8}), seed=1).eval()
    with torch.inference_mode():
        torch.testing.assert_close(built(images), fine)


def test_strides_agree_on_every_second_feature_of_the_atrous_branches(model):
    images = normalise(pixels(1, 3, 96, 96))
    with torch.inference_mode():
        coarse = [branch(model.backbone(images)[1]) for branch in (model.pyramid.point, *model.pyramid.atrous)]
        set_output_stride(model, 8)
        fine = [branch(model.backbone(images)[1]) for branch in (model.pyramid.point, *model.pyramid.atrous)]
        set_output_stride(model, 16)
    for one, other in zip(coarse, fine, strict=True):
        torch.testing.assert_close(other[..., ::2, ::2], one, atol=1e-3, rtol=1e-3)


def test_other_strides_are_refused(model):
    with pytest.raises(UserError, match="8 or 16"):
        set_output_stride(model, 32)


def test_channels_and_classes_are_free():
    network = build(SMALL, channels=5, classes=3).eval()
    with torch.inference_mode():
        assert network(pixels(1, 5, 32, 32)).shape == (1, 3, 32, 32)


def test_probability_of_the_landform(model):
    images = pixels(2, 3, 40, 40)
    with torch.inference_mode():
        found = landform_probability(model)(images)
        torch.testing.assert_close(found, torch.softmax(model(images), 1)[:, 1])
    assert found.shape == (2, 40, 40)


def test_a_model_stays_on_its_device():
    """Whoever moved it there maps there: mining on a GPU once sent the model back to the CPU, and the windows not."""
    network = build(SMALL).to("meta")
    landform_probability(network)
    assert {weights.device.type for weights in network.parameters()} == {"meta"}


def table(module):
    """Input channels, output channels, side of the kernel, groups and dilation of each convolution, in order."""
    return [
        (conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.groups, conv.dilation[0])
        for conv in module.modules()
        if isinstance(conv, nn.Conv2d)
    ]


def test_the_pyramid_is_the_reference_s():
    pyramid = ASPP(2048, 256)
    separable = [row for rate in (6, 12, 18) for row in ((2048, 2048, 3, 2048, rate), (2048, 256, 1, 1, 1))]
    assert table(pyramid) == [(2048, 256, 1, 1, 1), (2048, 256, 1, 1, 1), *separable, (1280, 256, 1, 1, 1)]
    pyramid.set_output_stride(8)
    assert [row[4] for row in table(pyramid) if row[3] > 1] == [12, 24, 36]


def test_the_decoder_is_the_reference_s():
    first = [(304, 304, 3, 304, 1), (304, 256, 1, 1, 1)]
    second = [(256, 256, 3, 256, 1), (256, 256, 1, 1, 1)]
    assert table(Decoder(256, 48, 256, 2)) == [(256, 48, 1, 1, 1), *first, *second, (256, 2, 1, 1, 1)]


def test_the_heads_have_as_many_parameters_as_counted_by_hand():
    def count(module):
        return sum(parameter.numel() for parameter in module.parameters())

    separable = 9 * 2048 + 2 * 2048 + 2048 * 256 + 2 * 256
    assert count(ASPP(2048, 256)) == 2 * (2048 * 256 + 512) + 3 * separable + 1280 * 256 + 512
    refine = (9 * 304 + 608 + 304 * 256 + 512) + (9 * 256 + 512 + 256 * 256 + 512)
    assert count(Decoder(256, 48, 256, 2)) == (256 * 48 + 96) + refine + (256 * 2 + 2)


def test_every_convolution_but_the_logits_has_norm_and_relu():
    for head in (ASPP(64, 16), Decoder(24, 8, 16, 2)):
        kinds = [module for module in head.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.ReLU)]
        names = "".join(type(module).__name__[0] for module in kinds)
        assert names.removesuffix("C") == "CBR" * (len(kinds) // 3)
        assert {module.eps for module in kinds if isinstance(module, nn.BatchNorm2d)} == {1e-5}


def test_enlarging_leaves_each_feature_on_its_pixel():
    features = torch.arange(6.0).reshape(1, 1, 2, 3)
    larger = upsample(features, 4)
    assert larger.shape == (1, 1, 8, 12)
    torch.testing.assert_close(larger[..., ::4, ::4], features)
    torch.testing.assert_close(larger[0, 0, 0], torch.tensor([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2, 2, 2]))
    assert upsample(features, 1) is features


def test_a_batch_of_one_cannot_train_the_pooled_norm():
    pyramid = ASPP(8, 8)
    with pytest.raises(UserError, match="batch"):
        pyramid(torch.zeros(1, 8, 4, 4))
    for module in pyramid.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    assert pyramid(torch.zeros(1, 8, 4, 4)).shape == (1, 8, 4, 4)


def test_initial_weights_keep_the_variance():
    torch.manual_seed(0)
    pyramid = ASPP(64, 64)
    initialise(pyramid)
    spread = pyramid.eval()(torch.randn(2, 64, 48, 48)).std()
    assert 0.1 < spread < 3
