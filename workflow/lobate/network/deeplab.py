"""DeepLabv3+, faithful to its TensorFlow reference but for the decoder's tap, on any timm backbone that can be dilated.

Chen, Zhu, Papandreou, Schroff and Adam (2018), 'Encoder-decoder with atrous separable convolution for semantic image
segmentation'; numbers in METHOD section 2.

The backbone gives features at stride 4 and at the output stride. Atrous spatial pyramid pooling (ASPP) takes the latter,
the decoder joins both, and the logits are upsampled to the image. Batch norm (eps 1e-5) and ReLU follow every convolution
of these two heads but the last; in separable ones, the depthwise and the pointwise half each.

The reference's decoder takes Xception's stride-4 features before the ReLU that follows them; timm gives them after it. With
random weights about half of these values are negative, and so 0 here.

A model trained at output stride 16 maps at 8 with the same weights after :func:`set_output_stride`. The preprocessing of
pixel values is part of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from lobate.errors import UserError
from lobate.io.mask_values import LANDFORM
from lobate.network.backbone import LOW_LEVEL_STRIDE, Backbone, create_on_meta, fetch_backbone, load_backbone
from lobate.settings.training import Network

ATROUS_RATES = (6, 12, 18)
"""Dilations of the ASPP branches at output stride 16; they double at 8."""

BN_EPS = 1e-5
DROPOUT = 0.1


def conv_bn_relu(channels: int, out: int, kernel: int = 1, *, groups: int = 1) -> nn.Sequential:
    """Return convolution (no bias, same size), batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=BN_EPS),
        nn.ReLU(inplace=True),
    )


def separable_conv(channels: int, out: int) -> nn.Sequential:
    """Return a depthwise 3x3 and a pointwise convolution, each with batch norm and ReLU."""
    return nn.Sequential(conv_bn_relu(channels, channels, 3, groups=channels), conv_bn_relu(channels, out))


def upsample(features: Tensor, factor: int) -> Tensor:
    """Return ``features`` (N, C, h, w) ``factor`` times larger, by bilinear interpolation.

    Feature i lies exactly at pixel ``factor * i``, the centre of the strided convolutions before it (in the reference:
    align_corners at sizes of n * stride + 1). So output strides 8 and 16 give no shift against each other. Pixels past
    the last feature repeat it.
    """
    if factor == 1:
        return features
    height, width = (side * factor for side in features.shape[-2:])
    repeated = functional.pad(features, (0, 1, 0, 1), mode="replicate")
    larger = functional.interpolate(repeated, (height + 1, width + 1), mode="bilinear", align_corners=True)
    return larger[..., :height, :width]


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: 1x1, three separable 3x3 at growing rates, and the mean of the whole image."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.pooled = conv_bn_relu(channels, width)
        self.point = conv_bn_relu(channels, width)
        self.atrous = nn.ModuleList(separable_conv(channels, width) for _ in ATROUS_RATES)
        self.project = conv_bn_relu((2 + len(ATROUS_RATES)) * width, width)
        self.dropout = nn.Dropout(DROPOUT)
        self.set_output_stride(16)

    def set_output_stride(self, stride: int) -> None:
        """Scale the rates to the stride of the features."""
        for rate, branch in zip(ATROUS_RATES, self.atrous, strict=True):
            depthwise = cast(nn.Conv2d, branch.get_submodule("0.0"))
            depthwise.dilation = depthwise.padding = (rate * 16 // stride,) * 2

    def forward(self, features: Tensor) -> Tensor:
        """Return the pooled features (N, width, h, w) of ``features`` (N, C, h, w)."""
        branches = [self.point(features), *(branch(features) for branch in self.atrous)]
        pooled = self._pool(features).expand(-1, -1, *features.shape[-2:])
        return self.dropout(self.project(torch.cat([pooled, *branches], dim=1)))

    def _pool(self, features: Tensor) -> Tensor:
        if self.pooled[1].training and features.shape[0] == 1:
            raise UserError(
                "a step of one patch cannot train batch norm: the pyramid pools each patch to one value, which has no "
                "spread. Set training.schedule.batch to 2 or more, or training.schedule.batch_norm to frozen."
            )
        return self.pooled(features.mean((2, 3), keepdim=True))


class Decoder(nn.Module):
    """Joins the ASPP output with the stride-4 features: 1x1 on the latter, two separable 3x3 on both, 1x1 logits."""

    def __init__(self, low_channels: int, low_width: int, width: int, classes: int) -> None:
        super().__init__()
        self.low = conv_bn_relu(low_channels, low_width)
        self.refine = nn.Sequential(separable_conv(width + low_width, width), separable_conv(width, width))
        self.logits = nn.Conv2d(width, classes, 1)

    def forward(self, low: Tensor, pyramid: Tensor, factor: int) -> Tensor:
        """Return logits at the size of ``low``; ``pyramid`` is ``factor`` times coarser."""
        height, width = low.shape[-2:]
        coarse = upsample(pyramid, factor)[..., :height, :width]
        return self.logits(self.refine(torch.cat([coarse, self.low(low)], dim=1)))


def initialise(head: nn.Module) -> None:
    """Draw a head's weights: He et al. (2015), which keeps the variance through ReLU; small logits without bias."""
    for module in head.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
    if isinstance(head, Decoder):
        nn.init.trunc_normal_(head.logits.weight, std=0.01)
        nn.init.zeros_(head.logits.get_parameter("bias"))


@dataclass(frozen=True)
class Preprocessing:
    """Mean and standard deviation of each channel, as shares of 255, by which images are normalised."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def centred(cls, channels: int) -> Preprocessing:
        """Return the preprocessing that maps 0..255 to -1..1, as in the reference."""
        return cls((0.5,) * channels, (0.5,) * channels)

    @classmethod
    def of_backbone(cls, name: str, channels: int) -> Preprocessing:
        """Return the preprocessing of a timm model's ImageNet weights; for another number of channels, their average."""
        config = timm.get_pretrained_cfg(name)
        if config is None:
            return cls.centred(channels)

        def fit(values: tuple[float, ...]) -> tuple[float, ...]:
            average = round(sum(values) / len(values), 6)
            return tuple(values) if len(values) == channels else (average,) * channels

        return cls(fit(config.mean), fit(config.std))


def normalise(images: Tensor, preprocessing: Preprocessing | None = None) -> Tensor:
    """Return ``images`` (N, C, H, W), 0..255, as float32 input of the network; without ``preprocessing`` in -1..1."""
    preprocessing = preprocessing or Preprocessing.centred(images.shape[1])
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device=images.device).view(1, -1, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return images.float() * (1 / (255 * std)) - mean / std


class DeepLab(nn.Module):
    """DeepLabv3+ of the architecture in ``settings``; ``preprocessing`` normalises its uint8 images."""

    def __init__(self, settings: Network, backbone: Backbone, classes: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.settings = settings
        self.preprocessing = preprocessing
        self.channels = len(preprocessing.mean)
        self.classes = classes
        self.backbone = backbone
        self.pyramid = ASPP(backbone.high_channels, settings.aspp_channels)
        self.decoder = Decoder(backbone.low_channels, settings.low_level_channels, settings.aspp_channels, classes)
        self.output_stride = 0
        set_output_stride(self, settings.output_stride)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes, H, W) of ``images`` (N, C, H, W), either uint8 or already normalised floats.

        Sides that are not multiples of 16 are padded with the mean value (as in the reference) and cropped again.
        """
        if images.dtype == torch.uint8:
            images = normalise(images, self.preprocessing)
        height, width = images.shape[-2:]
        if height % 16 or width % 16:
            images = functional.pad(images, (0, -width % 16, 0, -height % 16))
        low, high = self.backbone(images)
        logits = self.decoder(low, self.pyramid(high), self.output_stride // LOW_LEVEL_STRIDE)
        return upsample(logits, LOW_LEVEL_STRIDE)[..., :height, :width]


def set_output_stride(model: DeepLab, stride: int) -> None:
    """Run a model at output stride 8 or 16 with its own weights: strides, dilations and rates change in place."""
    if stride not in (8, 16):
        raise UserError(f"an output stride of {stride} is not possible: take 8 or 16.")
    model.backbone.set_output_stride(stride)
    model.pyramid.set_output_stride(stride)
    model.output_stride = stride


def build(
    settings: Network, *, channels: int = 3, classes: int = 2, seed: int = 0, weights_file: Path | None = None
) -> DeepLab:
    """Return a network ready to be trained, in training mode, on the CPU.

    The backbone starts from ``weights_file`` or else from ``settings.weights``: ``imagenet`` (the timm hub or its cache),
    ``none`` (random) or a path. Random weights depend on ``seed`` alone, and torch's global random state stays as it was.
    Raises UserError for a backbone that is unknown or cannot be dilated, and for weights that are out of reach or do not
    fit.
    """
    if weights_file is None and settings.weights not in ("imagenet", "none"):
        weights_file = Path(settings.weights)
    random = weights_file is None and settings.weights == "none"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if random:
            backbone = Backbone(settings.backbone, channels)
        elif weights_file is not None:
            backbone = load_backbone(settings.backbone, channels, weights_file)
        else:
            backbone = fetch_backbone(settings.backbone, channels)
        centred = Preprocessing.centred(channels)
        preprocessing = centred if random else Preprocessing.of_backbone(settings.backbone, channels)
        model = DeepLab(settings, backbone, classes, preprocessing)
        initialise(model.pyramid)
        initialise(model.decoder)
    return model.train()


def build_uninitialised(settings: Network, preprocessing: Preprocessing, *, classes: int = 2) -> DeepLab:
    """Return a network of this architecture, without meaningful weights, to load a state dict into."""
    create_on_meta(settings.backbone, len(preprocessing.mean))
    with torch.random.fork_rng(devices=[]):
        return DeepLab(settings, Backbone(settings.backbone, len(preprocessing.mean)), classes, preprocessing)


def landform_probability(model: DeepLab, device: str | torch.device | None = None) -> Callable[[Tensor], Tensor]:
    """Return the function from images (N, C, H, W) uint8 on ``device`` to the landform's probability (N, H, W), 0..1.

    The model is moved to ``device`` (without one it stays in place), into evaluation mode and into channels-last order,
    which is faster everywhere. On a GPU it computes in bfloat16.
    """
    device = device or next(model.parameters()).device
    kind = torch.device(device).type
    model.to(device).to(memory_format=torch.channels_last).eval()

    def probability(images: Tensor) -> Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            logits = model(images.contiguous(memory_format=torch.channels_last))
        return logits.float().softmax(dim=1)[:, LANDFORM]

    return probability
