"""Any convolutional timm model as the encoder of DeepLabv3+, at an output stride that can be changed in place.

The backbone is always created at its native stride of 32, where it has all its weights (timm leaves some out when it is
asked for less). Each convolution's place in the pyramid, the reduction of its input, is measured once on the meta device;
from it follow the stride and dilation of every convolution at output stride 8, 16 or 32. So one set of weights serves all.
"""

from __future__ import annotations

import difflib
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

from lobate.errors import UserError

log = logging.getLogger(__name__)

LOW_LEVEL_STRIDE = 4
"""Stride of the features that the decoder takes from inside the backbone."""

PROBE = 256
"""Side of the imagined image on which strides are measured."""


class Backbone(nn.Module):
    """Features of a timm model at stride 4 and at the output stride.

    ``net`` is timm's feature extractor; ``low_channels`` and ``high_channels`` are the widths of its two maps.
    """

    def __init__(self, name: str, channels: int, **weights: Any) -> None:
        super().__init__()
        taps = find_out_indices(name, channels)
        self.reductions = measure_reductions(name, channels, taps)
        self.net = timm.create_model(name, features_only=True, out_indices=taps, in_chans=channels, **weights)
        self.low_channels, self.high_channels = _feature_info(self.net).channels()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features at stride 4 and at the output stride of ``images`` (N, C, H, W)."""
        low, high = self.net(images)
        return low, high

    def set_output_stride(self, stride: int) -> None:
        """Turn strides beyond ``stride`` into dilations, or back, leaving every weight as it is."""
        dilate(self.net, self.reductions, stride)


def create_on_meta(name: str, channels: int, **options: Any) -> nn.Module:
    """Return a timm model without memory for its weights; an unknown name is a mistake."""
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else "timm.list_models() lists the names."
        raise UserError(f"training.network.backbone: there is no backbone '{name}' in timm. {hint}")
    with torch.device("meta"):
        return timm.create_model(name, in_chans=channels, **options).eval()


def find_out_indices(name: str, channels: int) -> tuple[int, int]:
    """Return which of a timm model's features are the stride-4 map and the deepest one."""
    try:
        reductions = _feature_info(create_on_meta(name, channels, features_only=True)).reduction()
        return reductions.index(LOW_LEVEL_STRIDE), len(reductions) - 1
    except (RuntimeError, ValueError, AttributeError, AssertionError) as error:
        raise _not_usable(name, "it gives no pyramid of features with one at stride 4") from error


def _feature_info(net: nn.Module) -> FeatureInfo:
    """Return the widths and reductions of the maps of a timm feature extractor."""
    return cast(FeatureInfo, net.feature_info)


def measure_reductions(name: str, channels: int, taps: tuple[int, int]) -> dict[str, int]:
    """Return for each convolution by how much its input is smaller than the image, at the native stride.

    Also tries output strides 16 and 8, so that a backbone that cannot be dilated is refused before any work.
    """
    net = create_on_meta(name, channels, features_only=True, out_indices=taps)
    reductions: dict[str, int] = {}
    try:
        hooks = [
            module.register_forward_pre_hook(
                lambda _, inputs, at=at: reductions.update({at: PROBE // inputs[0].shape[-1]})
            )
            for at, module in net.named_modules()
            if isinstance(module, nn.Conv2d)
        ]
        images = torch.empty(1, channels, PROBE, PROBE, device="meta")
        net(images)
        for hook in hooks:
            hook.remove()
        for stride in (16, 8):
            dilate(net, reductions, stride)
            if [PROBE // features.shape[-1] for features in net(images)] != [LOW_LEVEL_STRIDE, stride]:
                raise _not_usable(name, f"it does not reach an output stride of {stride}")
    except (RuntimeError, ValueError, AssertionError) as error:
        raise _not_usable(name, "its strides cannot be turned into dilations") from error
    return reductions


def dilate(net: nn.Module, reductions: dict[str, int], stride: int) -> None:
    """Give every convolution of ``net`` the stride and dilation it has at an output stride of ``stride``.

    A convolution whose input is native ``r`` times smaller than the image keeps its stride while the output stays within
    ``stride``, and is dilated by ``r / stride`` where its input is finer than it natively was (METHOD section 2).
    """
    for name, reduction in reductions.items():
        conv = cast(nn.Conv2d, net.get_submodule(name))
        native = conv.__dict__.setdefault("native", (conv.stride, conv.dilation, conv.padding))
        strides, dilations, padding = native
        if max(strides) == 1 and max(conv.kernel_size) == 1:
            continue
        factor = max(1, reduction // stride)
        conv.stride = tuple(1 if s > 1 and reduction * s > stride else s for s in strides)
        conv.dilation = tuple(d * factor for d in dilations)
        if isinstance(padding, tuple):
            conv.padding = tuple(p * factor for p in padding)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict from a ``.safetensors`` file or a torch file that holds nothing but tensors."""
    if not path.is_file():
        raise UserError(f"{path}: the file with the backbone's weights does not exist. Mend training.network.weights.")
    try:
        state = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path}: cannot be read as weights ({_first_line(error)}). training.network.weights takes a .safetensors "
            "file or a torch file of a plain state dict; fetch the file again if it was cut short."
        ) from error
    while isinstance(state, dict) and not any(isinstance(value, Tensor) for value in state.values()):
        inner = [state[key] for key in ("state_dict", "model") if key in state]
        if not inner:
            raise UserError(f"{path}: holds no tensors by name. training.network.weights takes a plain state dict.")
        state = inner[0]
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def load_backbone(name: str, channels: int, path: Path) -> Backbone:
    """Return the backbone with the weights of a local file; all but the classifier must be there and fit."""
    state = read_weights(path)
    wanted = create_on_meta(name, channels).state_dict()
    ours, first = _entries(name)
    ignored = sorted(key for key in state if key not in wanted or key.startswith(ours))
    foreign = [key for key in ignored if not key.startswith(ours)]
    missing = sorted(key for key in wanted if key not in state and not key.startswith(ours))
    misfits = sorted(
        key
        for key in wanted.keys() & state.keys()
        if key not in ignored and key not in first and wanted[key].shape != state[key].shape
    )
    for what, keys in (("lacks", missing), ("has, beyond the backbone,", foreign), ("has in another shape", misfits)):
        if keys:
            raise UserError(
                f"{path}: these are not the weights of {name}: the file {what} {_some(keys)}. Give the file "
                f"model.safetensors of {_hub_name(name)}, or set training.network.backbone to what the file holds."
            )
    log.info("Backbone %s takes its weights from %s; its classifier is left out (%s).", name, path.name, _some(ignored))
    kept = {key: tensor for key, tensor in state.items() if key not in ignored}
    return _plain(Backbone(name, channels, pretrained=True, pretrained_cfg_overlay={"state_dict": kept}))


def fetch_backbone(name: str, channels: int) -> Backbone:
    """Return the backbone with timm's ImageNet weights, fetched from the hub or taken from its cache."""
    create_on_meta(name, channels)
    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise UserError(
            f"training.network.weights: timm has no ImageNet weights of '{name}'; set it to none or a file."
        )
    try:
        return Backbone(name, channels, pretrained=True)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"training.network.weights: imagenet: the ImageNet weights of {name} could not be fetched from the timm hub "
            f"({_first_line(error)}). On a machine with a network, fetch the file model.safetensors of {_hub_name(name)}, "
            f"put it at resources/weights/{name}.safetensors, and set training.network.weights to that path; or set it "
            "to none to start from random weights."
        ) from error


def _plain(backbone: Backbone) -> Backbone:
    """Drop the reference that timm keeps to the tensors it loaded."""
    for module in backbone.modules():
        for attribute in ("pretrained_cfg", "default_cfg"):
            if isinstance(getattr(module, attribute, None), dict):
                getattr(module, attribute).pop("state_dict", None)
    return backbone


def _entries(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the prefixes of a timm model's classifier and the names of its first convolutions' weights."""
    config = timm.get_pretrained_cfg(name)

    def several(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
        return (value,) if isinstance(value, str) else tuple(value or ())

    classifiers = tuple(f"{entry}." for entry in several(config.classifier if config else None))
    return classifiers, tuple(f"{entry}.weight" for entry in several(config.first_conv if config else None))


def _hub_name(name: str) -> str:
    config = timm.get_pretrained_cfg(name)
    return (config.hf_hub_id if config else None) or f"timm/{name}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") if names else "it had none"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _not_usable(name: str, why: str) -> UserError:
    return UserError(
        f"training.network.backbone: '{name}' cannot be the encoder of DeepLabv3+: {why}. Take a convolutional one, for "
        "instance xception71, resnet50 or mobilenetv2_100."
    )
