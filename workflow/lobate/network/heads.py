"""The two heads of DeepLabv3+ as in the TensorFlow reference: atrous spatial pyramid pooling, and the decoder.

Chen, Zhu, Papandreou, Schroff and Adam (2018), 'Encoder-decoder with atrous separable convolution for semantic image
segmentation'; numbers in METHOD section 2. Every convolution but the last is followed by batch norm (eps 1e-5) and ReLU;
a separable one has both after its depthwise and after its pointwise half.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lobate.errors import Mistake

RATES = (6, 12, 18)
"""Dilations of the pyramid at output stride 16; they double at 8."""

EPSILON = 1e-5
DROPOUT = 0.1


def conv(channels: int, out: int, kernel: int = 1, *, groups: int = 1) -> nn.Sequential:
    """Return convolution (no bias, same size), batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=EPSILON),
        nn.ReLU(inplace=True),
    )


def separable(channels: int, out: int) -> nn.Sequential:
    """Return a depthwise 3x3 and a pointwise convolution, each with batch norm and ReLU."""
    return nn.Sequential(conv(channels, channels, 3, groups=channels), conv(channels, out))


def enlarge(features: Tensor, factor: int) -> Tensor:
    """Return ``features`` (N, C, h, w) ``factor`` times larger, bilinearly.

    Feature i lies exactly at pixel ``factor * i``, where the strided convolutions before it had their centre (in the
    reference: align_corners at sizes of n * stride + 1); so the same network at strides 8 and 16 sees no shift. What
    lies past the last feature repeats it.
    """
    if factor == 1:
        return features
    height, width = (side * factor for side in features.shape[-2:])
    repeated = functional.pad(features, (0, 1, 0, 1), mode="replicate")
    larger = functional.interpolate(repeated, (height + 1, width + 1), mode="bilinear", align_corners=True)
    return larger[..., :height, :width]


class Pyramid(nn.Module):
    """Atrous spatial pyramid pooling: 1x1, three separable 3x3 at growing rates, and the mean of the whole image."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.pooled = conv(channels, width)
        self.point = conv(channels, width)
        self.atrous = nn.ModuleList(separable(channels, width) for _ in RATES)
        self.project = conv((2 + len(RATES)) * width, width)
        self.dropout = nn.Dropout(DROPOUT)
        self.set_output_stride(16)

    def set_output_stride(self, stride: int) -> None:
        """Scale the rates to the stride of the features."""
        for rate, branch in zip(RATES, self.atrous, strict=True):
            depthwise = branch[0][0]
            depthwise.dilation = depthwise.padding = (rate * 16 // stride,) * 2

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, width, h, w) of ``features`` (N, C, h, w)."""
        branches = [self.point(features), *(branch(features) for branch in self.atrous)]
        pooled = self._pool(features).expand(-1, -1, *features.shape[-2:])
        return self.dropout(self.project(torch.cat([pooled, *branches], dim=1)))

    def _pool(self, features: Tensor) -> Tensor:
        if self.pooled[1].training and features.shape[0] == 1:
            raise Mistake(
                "a step of one patch cannot train batch norm: the pyramid pools each patch to one value, which has no "
                "spread. Set training.schedule.batch to 2 or more, or training.schedule.batch_norm to frozen."
            )
        return self.pooled(features.mean((2, 3), keepdim=True))


class Decoder(nn.Module):
    """Joins the pyramid with the stride-4 features: 1x1 on the latter, two separable 3x3 on both, 1x1 logits."""

    def __init__(self, low_channels: int, low_width: int, width: int, classes: int) -> None:
        super().__init__()
        self.low = conv(low_channels, low_width)
        self.refine = nn.Sequential(separable(width + low_width, width), separable(width, width))
        self.logits = nn.Conv2d(width, classes, 1)

    def forward(self, low: Tensor, pyramid: Tensor, factor: int) -> Tensor:
        """Return logits at the size of ``low``; ``pyramid`` is ``factor`` times coarser."""
        height, width = low.shape[-2:]
        coarse = enlarge(pyramid, factor)[..., :height, :width]
        return self.logits(self.refine(torch.cat([coarse, self.low(low)], dim=1)))


def initialise(head: nn.Module) -> None:
    """Draw a head's weights: variance kept through ReLU (He et al. 2015), small logits with no bias as in the reference."""
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
    if isinstance(head, Decoder):
        nn.init.trunc_normal_(head.logits.weight, std=0.01)
        nn.init.zeros_(head.logits.bias)
