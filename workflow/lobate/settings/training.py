"""Settings of the room `training`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lobate.settings.base import ProjectPath, Section

Operation = Literal["flip", "rotate", "blur", "crop", "scale", "brightness", "gamma", "noise"]


class Network(Section):
    """DeepLabv3+ and its backbone."""

    backbone: str = "xception71"
    """Any timm model with feature outputs that can be dilated (xception41/65/71, mobilenetv2_100, resnet50, ...)."""
    output_stride: Literal[8, 16] = 16
    """Output stride of the encoder in training; a model trained at 16 can map at 8."""
    weights: str = "imagenet"
    """imagenet (from the timm hub), none (random weights), or the path of a weights file."""
    aspp_channels: Annotated[int, Field(ge=8)] = 256
    """Channels of the atrous pyramid (ASPP) and of the decoder."""
    low_level_channels: Annotated[int, Field(ge=8)] = 48
    """Channels of the stride-4 features in the decoder."""


class Schedule(Section):
    """The optimisation of one round."""

    iterations: Annotated[int, Field(ge=1)] = 30_000
    """Optimiser steps per round."""
    batch: Annotated[int, Field(ge=1)] = 8
    """Patches a step, over all devices together. With a batch of 1, the batch norm after the pyramid's pooling stays
    frozen."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Number of parts of a batch, one forward pass each: less memory, the same step. Only a trained batch norm differs:
    its statistics are those of the parts."""
    crop: Annotated[int, Field(ge=32)] = 480
    """Side of the random crop of a patch, the network's input, in pixels."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """sgd with momentum 0.9 as in the paper, or adamw."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.007
    """Learning rate at the start; it falls to 0."""
    decay: Literal["poly", "cosine"] = "poly"
    """poly: (1 - i / n) to the power 0.9, as in the paper; cosine: half a cosine."""
    weight_decay: Annotated[float, Field(ge=0)] = 4e-5
    """Weight decay of weights; biases and norms have none."""
    batch_norm: Literal["frozen", "trained"] = "frozen"
    """frozen: as in the group's runs with pre-trained weights; trained: needed with random weights. The statistics of trained
    norms are taken anew over 16 training batches before each evaluation."""
    class_weights: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] | None = None
    """Weights of background and landform in the loss; null as in the paper."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of an exponential moving average of the weights, such as 0.999. The average is evaluated and kept instead of
    the weights. none: no average, as in the paper."""
    scales: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1)] = [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
    """Random scales of each patch, applied before the crop."""
    evaluate_every: Annotated[int, Field(ge=1)] = 1_000
    """Iterations between two evaluations of the IoU on training and validation set."""
    evaluate_at_most: Annotated[int, Field(ge=1)] = 500
    """Number of training patches in an evaluation; all validation patches are in it."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """A round ends early after this many evaluations without a better validation IoU of the landform; none: never."""

    @model_validator(mode="after")
    def _divisible(self) -> Schedule:
        if self.accumulate > self.batch:
            raise ValueError(f"accumulate must not exceed the batch of {self.batch}: each part needs a patch")
        return self


class Mining(Section):
    """False detections that become negatives of the next round."""

    from_: Annotated[Literal["reviewed", "complete", "background", "all"], Field(alias="from")] = "reviewed"
    """Detections outside all outlines that are mined. reviewed: at places that a person rejected, as in the paper;
    complete: inside labels.complete; background: the ground round each detection, while the detection itself is ignored;
    all: each of them, also unknown landforms. In the first three, no patch teaches an unreviewed detection as background."""
    min_probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Pixels with at least this probability form a detection."""
    min_area_km2: Annotated[float, Field(ge=0)] = 0.01
    """Smaller false detections are not mined."""
    at_most: Annotated[int, Field(ge=0)] = 100
    """Largest number a round, the most confident first; 0: no mining, and nothing is ignored."""
    vetoes: ProjectPath | None = None
    """Vector file of real landforms that a person has marked; nothing is mined there."""


class Training(Section):
    """The network, its training and the rounds."""

    target_iou: Annotated[float, Field(gt=0, le=1)] = 0.80
    """IoU of the landform class on validation ground that ends the rounds; judge says how it is counted."""
    judge: Literal["windows", "patches"] = "windows"
    """windows: rounds are judged by the IoU on windows of the map at one scale, over the validation ground. patches: by that of
    the validation patches, as in the paper. Both at a probability of 0.5. The looks during a training are on patches."""
    max_rounds: Annotated[int, Field(ge=1, le=50)] = 3
    """Largest number of rounds; after a round that reached the target, none is trained."""
    network: Network = Network()
    """Architecture and weights."""
    schedule: Schedule = Schedule()
    """Optimisation."""
    augment: Annotated[list[list[Operation]], Field(min_length=1)] = [
        ["flip"],
        ["flip", "rotate", "blur"],
        ["flip", "rotate", "blur", "crop", "scale", "brightness", "gamma", "noise"],
    ]
    """Augmentation of positives, one list of operations a round; later rounds use the last list."""
    mining: Mining = Mining()
    """Negatives from false detections."""
    both_protocols: bool = True
    """Train the chosen round once more on the other protocol's split, to compare both validation IoUs. The other protocol
    is random, or grouped if patches.split.method is random."""
    gpus: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of devices a training requests; a batch is divided among the devices it gets."""
    licence: str = "other"
    """Licence of the model, for its header and STAC description: an SPDX identifier such as CC-BY-4.0, or other."""
