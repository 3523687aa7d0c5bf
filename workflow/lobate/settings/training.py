"""Settings of the room `training`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lobate.settings.base import ProjectPath, Section

Operation = Literal["flip", "rotate", "blur", "crop", "scale", "brightness", "gamma", "noise"]


class Network(Section):
    """DeepLabv3+ and what it stands on."""

    backbone: str = "xception71"
    """Any timm model that gives features and can be dilated (xception41/65/71, mobilenetv2_100, resnet50, ...)."""
    output_stride: Literal[8, 16] = 16
    """Stride of the encoder in training; a model trained at 16 can map at 8."""
    weights: str = "imagenet"
    """imagenet (from the timm hub), none (random, said outright), or the path of a weights file."""
    aspp_channels: Annotated[int, Field(ge=8)] = 256
    """Width of the atrous pyramid and of the decoder."""
    low_level_channels: Annotated[int, Field(ge=8)] = 48
    """Width of the stride-4 features in the decoder."""


class Schedule(Section):
    """One round's optimisation (METHOD section 2)."""

    iterations: Annotated[int, Field(ge=1)] = 30_000
    """Optimiser steps a round."""
    batch: Annotated[int, Field(ge=1)] = 8
    """Patches a step, over all devices together; a batch of 1 cannot train the pyramid's pooled batch norm, which then
    stays frozen."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Parts that a batch goes through the network in, one after the other: less memory, the same step (but that batch
    norm, where it is trained, sees the parts)."""
    crop: Annotated[int, Field(ge=32)] = 480
    """Side of the random crop that the network sees, in pixels."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """sgd with momentum 0.9 as in the paper, or adamw."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.007
    """At the start; it falls to 0."""
    decay: Literal["poly", "cosine"] = "poly"
    """poly: (1 - i / n) to the power 0.9, as in the paper; or half a cosine."""
    weight_decay: Annotated[float, Field(ge=0)] = 4e-5
    """On weights, not on biases and norms."""
    batch_norm: Literal["frozen", "trained"] = "frozen"
    """frozen as in the group's runs with pre-trained weights; trained is needed with random weights."""
    class_weights: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] | None = None
    """Weight of background and landform in the loss; none as in the paper."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of an exponential moving average of the weights, such as 0.999, that is measured and kept in their place; none
    as in the paper."""
    scales: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
    """Scales drawn from for each patch, before the crop."""
    evaluate_every: Annotated[int, Field(ge=1)] = 1_000
    """Iterations between two looks at the IoU of training and validation set."""
    evaluate_at_most: Annotated[int, Field(ge=1)] = 500
    """Training patches looked at for the training IoU (all validation patches are)."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Looks without a better validation IoU of the landform after which a round ends early; none: never."""

    @model_validator(mode="after")
    def _divisible(self) -> Schedule:
        if self.accumulate > self.batch:
            raise ValueError(f"accumulate must not exceed the batch of {self.batch}, each part needs a patch")
        return self


class Mining(Section):
    """Wrong detections that become negatives of the next round."""

    min_probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Pixels at least this probable make a detection."""
    min_area_km2: Annotated[float, Field(ge=0)] = 0.01
    """Smaller wrong detections are left alone."""
    at_most: Annotated[int, Field(ge=0)] = 100
    """Most confident first, this many a round."""
    vetoes: ProjectPath | None = None
    """Vector file of places a person has marked as real landforms; nothing is mined there."""


class Training(Section):
    """The network, its training and the rounds."""

    target_iou: Annotated[float, Field(gt=0, le=1)] = 0.80
    """Validation IoU of the landform class that ends the rounds."""
    max_rounds: Annotated[int, Field(ge=1, le=50)] = 3
    """Rounds planned; those after one that reached the target train nothing."""
    network: Network = Network()
    """Architecture and weights."""
    schedule: Schedule = Schedule()
    """Optimisation."""
    augment: Annotated[list[list[Operation]], Field(min_length=1)] = [
        ["flip"],
        ["flip", "rotate", "blur"],
        ["flip", "rotate", "blur", "crop", "scale", "brightness", "gamma", "noise"],
    ]
    """Augmentation of positives, a list of operations a round; later rounds use the last."""
    mining: Mining = Mining()
    """Negatives from wrong detections."""
    both_protocols: bool = True
    """Train the chosen round once more on the other protocol's split (random where the configured one is not, else
    grouped), so that both validation IoUs stand side by side."""
    gpus: Annotated[int, Field(ge=1, le=64)] = 1
    """Devices a training asks for; a batch is divided among those it gets."""
    licence: str = "other"
    """Licence of the model, as its header and STAC description give it: an SPDX identifier such as CC-BY-4.0, or other."""
