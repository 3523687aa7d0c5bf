"""Any convolutional timm model as the encoder of DeepLabv3+, at an output stride that can be changed in place.

The backbone is always created at its native stride of 32, where it has all its weights; at a smaller one timm leaves some
out. The reduction of each convolution's input is measured once on the meta device. It gives the stride and dilation of
every convolution at output stride 8, 16 or 32, so one set of weights serves all.
"""

from __future__ import annotations

import difflib
import functools
import logging
import pickle
from pathlib import Path
from typing import Any, cast

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import FeatureInfo
from torch import Tensor, nn

from lobate.errors import UserError, first_line

log = logging.getLogger(__name__)

LOW_LEVEL_STRIDE = 4
"""Stride of the features that the decoder takes from inside the backbone."""

PROBE_SIDE = 256
"""Side of the image on the meta device by which strides are measured."""


class Backbone(nn.Module):
    """Features of a timm model at stride 4 and at the output stride.

    ``net`` is timm's feature extractor; ``low_channels`` and ``high_channels`` are the widths of its two feature maps.
    """

    def __init__(self, name: str, channels: int, **weights: Any) -> None:
        super().__init__()
        out_indices = find_out_indices(name, channels)
        self.reductions = measure_reductions(name, channels, out_indices)
        self.net = timm.create_model(name, features_only=True, out_indices=out_indices, in_chans=channels, **weights)
        self.low_channels, self.high_channels = _feature_info(self.net).channels()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features at stride 4 and at the output stride of ``images`` (N, C, H, W)."""
        low, high = self.net(images)
        return low, high

    def set_output_stride(self, stride: int) -> None:
        """Turn strides beyond ``stride`` into dilations, or back; every weight stays as it is."""
        dilate(self.net, self.reductions, stride)


def create_on_meta(name: str, channels: int, **options: Any) -> nn.Module:
    """Return a timm model on the meta device, which takes no memory for weights. Raises UserError for an unknown name."""
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else "timm.list_models() lists the names."
        raise UserError(f"training.network.backbone: there is no backbone '{name}' in timm. {hint}")
    with torch.device("meta"):
        return timm.create_model(name, in_chans=channels, **options).eval()


@functools.lru_cache(maxsize=64)
def find_out_indices(name: str, channels: int) -> tuple[int, int]:
    """Return the indices of the stride-4 and of the deepest feature map of a timm model."""
    try:
        reductions = _feature_info(create_on_meta(name, channels, features_only=True)).reduction()
        return reductions.index(LOW_LEVEL_STRIDE), len(reductions) - 1
    except (RuntimeError, ValueError, AttributeError, AssertionError) as error:
        raise _unsuitable_backbone(name, "it gives no pyramid of features with one at stride 4") from error


def _feature_info(net: nn.Module) -> FeatureInfo:
    """Return the widths and reductions of the feature maps of a timm feature extractor."""
    return cast(FeatureInfo, net.feature_info)


@functools.lru_cache(maxsize=64)
def measure_reductions(name: str, channels: int, out_indices: tuple[int, int]) -> dict[str, int]:
    """Return the reduction of each convolution's input (image side / input side), at the native stride.

    Also tries output strides 16 and 8. Raises UserError, before any work, for a backbone that cannot be dilated.
    """
    net = create_on_meta(name, channels, features_only=True, out_indices=out_indices)
    reductions: dict[str, int] = {}
    try:
        hooks = [
            module.register_forward_pre_hook(
                lambda _, inputs, path=path: reductions.update({path: PROBE_SIDE // inputs[0].shape[-1]})
            )
            for path, module in net.named_modules()
            if isinstance(module, nn.Conv2d)
        ]
        images = torch.empty(1, channels, PROBE_SIDE, PROBE_SIDE, device="meta")
        net(images)
        for hook in hooks:
            hook.remove()
        for stride in (16, 8):
            dilate(net, reductions, stride)
            if [PROBE_SIDE // features.shape[-1] for features in net(images)] != [LOW_LEVEL_STRIDE, stride]:
                raise _unsuitable_backbone(name, f"it does not reach an output stride of {stride}")
    except (RuntimeError, ValueError, AssertionError) as error:
        raise _unsuitable_backbone(name, "its strides cannot be turned into dilations") from error
    return reductions


def dilate(net: nn.Module, reductions: dict[str, int], stride: int) -> None:
    """Give every convolution of ``net`` its stride and dilation at an output stride of ``stride``.

    A convolution keeps its native stride while its output is at most ``stride`` times smaller than the image. Where its
    native reduction ``r`` exceeds ``stride``, it is dilated by ``r / stride`` (METHOD section 2).
    """
    for name, reduction in reductions.items():
        conv = cast(nn.Conv2d, net.get_submodule(name))
        native = conv.__dict__.setdefault("native", (conv.stride, conv.dilation, conv.padding))
        strides, dilations, padding = native
        if max(strides) == 1 and max(conv.kernel_size) == 1:
            continue
        factor = max(1, reduction // stride)
        conv.stride = tuple(1 if step > 1 and reduction * step > stride else step for step in strides)
        conv.dilation = tuple(dilation * factor for dilation in dilations)
        if isinstance(padding, tuple):
            conv.padding = tuple(width * factor for width in padding)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the state dict of a ``.safetensors`` file or of a torch file that holds tensors only."""
    if not path.is_file():
        raise UserError(
            f"{path}: the file with the backbone's weights does not exist. Correct training.network.weights."
        )
    try:
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path}: cannot be read as weights ({first_line(error)}). training.network.weights takes a .safetensors "
            "file or a torch file of a plain state dict; fetch the file again if it was cut short."
        ) from error
    while isinstance(state, dict) and not any(isinstance(value, Tensor) for value in state.values()):
        nested = [state[key] for key in ("state_dict", "model") if key in state]
        if not nested:
            raise UserError(f"{path}: holds no tensors by name. training.network.weights takes a plain state dict.")
        state = nested[0]
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def load_backbone(name: str, channels: int, path: Path) -> Backbone:
    """Return the backbone with the weights of a local file.

    Raises UserError where a weight is missing, unknown or of another shape; the classifier's are left out.
    """
    state = read_weights(path)
    expected = create_on_meta(name, channels).state_dict()
    classifier, first_conv = _replaceable_weights(name)
    ignored = sorted(key for key in state if key not in expected or key.startswith(classifier))
    unexpected = [key for key in ignored if not key.startswith(classifier)]
    missing = sorted(key for key in expected if key not in state and not key.startswith(classifier))
    misshapen = sorted(
        key
        for key in expected.keys() & state.keys()
        if key not in ignored and key not in first_conv and expected[key].shape != state[key].shape
    )
    problems = {"lacks": missing, "has, beyond the backbone,": unexpected, "has in another shape": misshapen}
    for problem, keys in problems.items():
        if keys:
            raise UserError(
                f"{path}: these are not the weights of {name}: the file {problem} {_abbreviate(keys)}. Give the file "
                f"model.safetensors of {_hub_name(name)}, or set training.network.backbone to what the file holds."
            )
    log.info(
        "Backbone %s takes its weights from %s; its classifier is left out (%s).", name, path.name, _abbreviate(ignored)
    )
    used = {key: tensor for key, tensor in state.items() if key not in ignored}
    return _drop_state_dict(Backbone(name, channels, pretrained=True, pretrained_cfg_overlay={"state_dict": used}))


def fetch_backbone(name: str, channels: int) -> Backbone:
    """Return the backbone with timm's ImageNet weights, from the hub or its cache. Raises UserError where there are none."""
    create_on_meta(name, channels)
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise UserError(
            f"training.network.weights: timm has no ImageNet weights of '{name}'; set it to none or to a file."
        )
    try:
        return Backbone(name, channels, pretrained=True)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"training.network.weights: imagenet: the ImageNet weights of {name} could not be fetched from the timm hub "
            f"({first_line(error)}). On a machine with a network, fetch the file model.safetensors of {_hub_name(name)}, "
            f"put it at resources/weights/{name}.safetensors, and set training.network.weights to that path; or set it "
            "to none to start from random weights."
        ) from error


def _drop_state_dict(backbone: Backbone) -> Backbone:
    """Drop the reference that timm keeps to the tensors it loaded."""
    for module in backbone.modules():
        for attribute in ("pretrained_cfg", "default_cfg"):
            if isinstance(getattr(module, attribute, None), dict):
                getattr(module, attribute).pop("state_dict", None)
    return backbone


def _replaceable_weights(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the prefixes of a timm model's classifier and the names of its first convolutions' weights."""
    config = timm.get_pretrained_cfg(name)

    def as_tuple(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
        return (value,) if isinstance(value, str) else tuple(value or ())

    classifiers = tuple(f"{layer}." for layer in as_tuple(config.classifier if config else None))
    return classifiers, tuple(f"{layer}.weight" for layer in as_tuple(config.first_conv if config else None))


def _hub_name(name: str) -> str:
    config = timm.get_pretrained_cfg(name)
    return (config.hf_hub_id if config else None) or f"timm/{name}"


def _abbreviate(names: list[str]) -> str:
    """Return the first three names and the number of the rest."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "it had none"


def _unsuitable_backbone(name: str, reason: str) -> UserError:
    return UserError(
        f"training.network.backbone: '{name}' cannot be the encoder of DeepLabv3+: {reason}. Take a convolutional one, for "
        "instance xception71, resnet50 or mobilenetv2_100."
    )
