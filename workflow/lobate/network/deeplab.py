"""DeepLabv3+ (Chen et al. 2018), faithful to its TensorFlow reference, on any timm backbone that can be dilated.

A backbone gives features at stride 4 and at the output stride; the pyramid looks at the latter at several rates, the
decoder joins both, and the logits are enlarged to the image. A model trained at output stride 16 maps at 8 with the same
weights after :func:`set_output_stride`. How a pixel value becomes a number travels with the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from lobate.errors import Mistake
from lobate.network.backbone import LOW_LEVEL, Backbone, fetch_backbone, imagine, load_backbone
from lobate.network.heads import Decoder, Pyramid, enlarge, initialise
from lobate.settings.training import Network

LANDFORM = 1
"""The class that is mapped; 0 is the background."""


@dataclass(frozen=True)
class Preprocessing:
    """Mean and deviation of each channel, as shares of 255, that the weights were trained with."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def centred(cls, channels: int) -> Preprocessing:
        """Return what maps 0..255 to -1..1, as the reference does."""
        return cls((0.5,) * channels, (0.5,) * channels)

    @classmethod
    def of_backbone(cls, name: str, channels: int) -> Preprocessing:
        """Return what the ImageNet weights of a timm model want; channels beyond theirs take the average."""
        config = timm.get_pretrained_cfg(name)
        if config is None:
            return cls.centred(channels)

        def fit(values: tuple[float, ...]) -> tuple[float, ...]:
            average = round(sum(values) / len(values), 6)
            return tuple(values) if len(values) == channels else (average,) * channels

        return cls(fit(config.mean), fit(config.std))


def normalise(images: Tensor, preprocessing: Preprocessing | None = None) -> Tensor:
    """Return ``images`` (N, C, H, W, 0..255) as float32 that the network takes; without preprocessing in -1..1."""
    preprocessing = preprocessing or Preprocessing.centred(images.shape[1])
    mean, std = (
        torch.tensor(values, dtype=torch.float32, device=images.device).view(1, -1, 1, 1)
        for values in (preprocessing.mean, preprocessing.std)
    )
    return images.float() * (1 / (255 * std)) - mean / std


class DeepLab(nn.Module):
    """DeepLabv3+: ``settings`` say how it is made; ``preprocessing`` what it is fed."""

    def __init__(self, settings: Network, backbone: Backbone, classes: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.settings = settings
        self.preprocessing = preprocessing
        self.channels = len(preprocessing.mean)
        self.classes = classes
        self.backbone = backbone
        self.pyramid = Pyramid(backbone.high_channels, settings.aspp_channels)
        self.decoder = Decoder(backbone.low_channels, settings.low_level_channels, settings.aspp_channels, classes)
        self.output_stride = 0
        set_output_stride(self, settings.output_stride)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes, H, W) of ``images`` (N, C, H, W): uint8 as read, or float as normalised.

        Sides that do not divide by 16 are padded with the mean value (as in the reference) and cropped again.
        """
        if images.dtype == torch.uint8:
            images = normalise(images, self.preprocessing)
        height, width = images.shape[-2:]
        if height % 16 or width % 16:
            images = functional.pad(images, (0, -width % 16, 0, -height % 16))
        low, high = self.backbone(images)
        logits = self.decoder(low, self.pyramid(high), self.output_stride // LOW_LEVEL)
        return enlarge(logits, LOW_LEVEL)[..., :height, :width]


def set_output_stride(model: DeepLab, stride: int) -> None:
    """Let a model run at output stride 8 or 16 with the weights it has: strides, dilations and rates change in place."""
    if stride not in (8, 16):
        raise Mistake(f"an output stride of {stride} is not possible: take 8 or 16.")
    model.backbone.set_output_stride(stride)
    model.pyramid.set_output_stride(stride)
    model.output_stride = stride


def build(
    settings: Network, *, channels: int = 3, classes: int = 2, seed: int = 0, weights_file: Path | None = None
) -> DeepLab:
    """Return a network ready to be trained, in training mode, on the CPU.

    The backbone starts from ``weights_file`` where given, else from what ``settings.weights`` says: ``imagenet`` (the timm
    hub or its cache), ``none`` (random) or a path. What is random follows from ``seed`` alone, and leaves torch's own
    random state as it was. Raises Mistake for a backbone that is unknown or cannot be dilated, and for weights that are out
    of reach or do not fit.
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
        fed = Preprocessing.centred(channels) if random else Preprocessing.of_backbone(settings.backbone, channels)
        model = DeepLab(settings, backbone, classes, fed)
        initialise(model.pyramid)
        initialise(model.decoder)
    return model.train()


def skeleton(settings: Network, preprocessing: Preprocessing, *, classes: int = 2) -> DeepLab:
    """Return a network whose weights are still to be loaded."""
    imagine(settings.backbone, len(preprocessing.mean))
    with torch.random.fork_rng(devices=[]):
        return DeepLab(settings, Backbone(settings.backbone, len(preprocessing.mean)), classes, preprocessing)


def landform_probability(model: DeepLab, device: str | torch.device | None = None) -> Callable[[Tensor], Tensor]:
    """Return the function from images (N, C, H, W) uint8 on ``device`` to the landform's probability (N, H, W), 0..1.

    The model is moved to ``device`` (it stays where it is when that is not given), into evaluation mode and into
    channels-last order, which is faster everywhere; on a GPU it computes in bfloat16.
    """
    device = device or next(model.parameters()).device
    kind = torch.device(device).type
    model.to(device=device, memory_format=torch.channels_last).eval()

    def probability(images: Tensor) -> Tensor:
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            logits = model(images.contiguous(memory_format=torch.channels_last))
        return logits.float().softmax(dim=1)[:, LANDFORM]

    return probability
