"""The heads, layer by layer, against the reference's numbers."""

import pytest
import torch
from torch import nn

from lobate.errors import Mistake
from lobate.network.heads import Decoder, Pyramid, enlarge, initialise


def table(module):
    """Input channels, output channels, side of the kernel, groups and dilation of each convolution, in order."""
    return [
        (conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.groups, conv.dilation[0])
        for conv in module.modules()
        if isinstance(conv, nn.Conv2d)
    ]


def test_the_pyramid_is_the_reference_s():
    pyramid = Pyramid(2048, 256)
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
    assert count(Pyramid(2048, 256)) == 2 * (2048 * 256 + 512) + 3 * separable + 1280 * 256 + 512
    refine = (9 * 304 + 608 + 304 * 256 + 512) + (9 * 256 + 512 + 256 * 256 + 512)
    assert count(Decoder(256, 48, 256, 2)) == (256 * 48 + 96) + refine + (256 * 2 + 2)


def test_every_convolution_but_the_logits_has_norm_and_relu():
    for head in (Pyramid(64, 16), Decoder(24, 8, 16, 2)):
        kinds = [module for module in head.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.ReLU)]
        names = "".join(type(module).__name__[0] for module in kinds)
        assert names.removesuffix("C") == "CBR" * (len(kinds) // 3)
        assert {module.eps for module in kinds if isinstance(module, nn.BatchNorm2d)} == {1e-5}


def test_enlarging_leaves_each_feature_on_its_pixel():
    features = torch.arange(6.0).reshape(1, 1, 2, 3)
    larger = enlarge(features, 4)
    assert larger.shape == (1, 1, 8, 12)
    torch.testing.assert_close(larger[..., ::4, ::4], features)
    torch.testing.assert_close(larger[0, 0, 0], torch.tensor([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2, 2, 2]))
    assert enlarge(features, 1) is features


def test_a_batch_of_one_cannot_train_the_pooled_norm():
    pyramid = Pyramid(8, 8)
    with pytest.raises(Mistake, match="batch"):
        pyramid(torch.zeros(1, 8, 4, 4))
    for module in pyramid.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    assert pyramid(torch.zeros(1, 8, 4, 4)).shape == (1, 8, 4, 4)


def test_initial_weights_keep_the_variance():
    torch.manual_seed(0)
    pyramid = Pyramid(64, 64)
    initialise(pyramid)
    spread = pyramid.eval()(torch.randn(2, 64, 48, 48)).std()
    assert 0.1 < spread < 3
