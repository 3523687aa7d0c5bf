"""Settings of the room `training`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

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
    """Patches a step; a batch of 1 cannot train the pyramid's pooled batch norm, which then stays frozen."""
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
    scales: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
    """Scales drawn from for each patch, before the crop."""
    evaluate_every: Annotated[int, Field(ge=1)] = 1_000
    """Iterations between two looks at the IoU of training and validation set."""
    evaluate_at_most: Annotated[int, Field(ge=1)] = 500
    """Training patches looked at for the training IoU (all validation patches are)."""


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
