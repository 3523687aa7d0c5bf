"""Segmentation metrics: confusion matrix, IoU, best threshold and calibration, pooled over a whole set of patches.

The IoU of a set comes from its pooled counts, which differs from the mean over patches. Pixels labelled 255 are ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lobate.io.intervals import rate_intervals
from lobate.io.mask_values import IGNORE, PROBABILITY_LEVELS, PROBABILITY_SCALE
from lobate.training.distributed import ProcessGroup

CLASSES = ("background", "landform")
N_BINS = 10
CalibrationBin = tuple[float, float, int]
"""Mean predicted probability, observed share of the landform, number of pixels."""
PROTOCOL = "95 % jackknife over groups of patches, on the logit scale, with Student's t"
THRESHOLDS = tuple(percent / 100 for percent in range(5, 100, 5))


def confusion_matrix(predicted: Tensor, label: Tensor, classes: int = 2) -> Tensor:
    """Return int64 counts (label, predicted), shape (classes, classes), over the labelled pixels."""
    valid = label != IGNORE
    pairs = label[valid].long() * classes + predicted[valid].long()
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def iou(counts: Tensor) -> list[float | None]:
    """Return TP / (TP + FP + FN) of each class; None where no label shows the class."""
    hits, labelled, predicted = counts.diag(), counts.sum(1), counts.sum(0)
    union = labelled + predicted - hits
    return [float(h / u) if n else None for h, u, n in zip(hits.double(), union.double(), labelled, strict=True)]


def iou_by_class(ious: list[float | None]) -> dict[str, float | None]:
    """Return the IoU of background and landform and their mean, `overall`, to six digits."""
    known = [value for value in ious if value is not None]
    overall = sum(known) / len(known) if len(known) == len(ious) else None
    values = dict(zip(CLASSES, ious, strict=True)) | {"overall": overall}
    return {name: None if value is None else round(value, 6) for name, value in values.items()}


@dataclass
class MetricAccumulator:
    """Counts pooled over the batches of a set; they stay on the network's device until ``compute``.

    ``histogram`` (2, 255) counts pixels by label and by round(254 p), p the probability of the landform. ``loss`` (2,) sums the
    cross-entropy of the pixels of each class. ``by_group`` (groups, 2, 2) holds the counts of each group of patches.
    """

    counts: Tensor = field(default_factory=lambda: torch.zeros(2, 2, dtype=torch.int64))
    histogram: Tensor = field(default_factory=lambda: torch.zeros(2, PROBABILITY_LEVELS, dtype=torch.int64))
    loss: Tensor = field(default_factory=lambda: torch.zeros(2, dtype=torch.float64))
    by_group: Tensor = field(default_factory=lambda: no_groups(0))

    def update(self, logits: Tensor, label: Tensor, groups: Sequence[int] = ()) -> None:
        """Count a batch: logits (N, 2, H, W) float, labels (N, H, W) of 0, 1 and 255, and each patch's group, if any."""
        logits = logits.float()
        probability = logits.softmax(1)[:, 1]
        valid = label != IGNORE
        level = (PROBABILITY_SCALE * probability[valid]).round().long()
        histogram = torch.bincount(
            label[valid].long() * PROBABILITY_LEVELS + level, minlength=2 * PROBABILITY_LEVELS
        ).reshape(2, PROBABILITY_LEVELS)
        losses = cross_entropy(logits, label.long(), ignore_index=IGNORE, reduction="none").double()
        loss = torch.stack([(losses * (label == number)).sum() for number in range(len(CLASSES))])
        predicted = logits.argmax(1)
        self.counts = self.counts.to(logits.device) + confusion_matrix(predicted, label)
        self.by_group = self.by_group.to(logits.device)
        for index, number in enumerate(groups):
            self.by_group[number] += confusion_matrix(predicted[index], label[index])
        self.histogram = self.histogram.to(logits.device) + histogram
        self.loss = self.loss.to(logits.device) + loss

    def all_reduce(self, group: ProcessGroup, device: torch.device) -> MetricAccumulator:
        """Return the counts summed over all processes; ``device`` is this process's own."""
        counts = self.counts, self.histogram, self.loss, self.by_group
        return MetricAccumulator(*(group.all_reduce(count.to(device)) for count in counts))

    def mean_loss(self, class_weights: Sequence[float] | None = None) -> float | None:
        """Return the mean cross-entropy, weighted by class as in training, to six digits; None without a labelled pixel."""
        weights = torch.tensor(class_weights or (1.0, 1.0), dtype=torch.float64)
        pixels = float(self.counts.cpu().sum(1).double() @ weights)
        return round(float(self.loss.cpu() @ weights) / pixels, 6) if pixels else None

    def compute(self, class_weights: Sequence[float] | None = None) -> Metrics:
        """Return the metrics of all batches so far; ``class_weights`` are those of the training."""
        histogram = self.histogram.cpu()
        bins = reliability_curve(histogram)
        return Metrics(
            iou_by_class(iou(self.counts.cpu())),
            self.mean_loss(),
            self.mean_loss(class_weights),
            *best_threshold(histogram),
            bins,
            expected_calibration_error(bins),
            self.by_group.tolist(),
        )


@dataclass(frozen=True)
class Metrics:
    """Metrics of a whole set: IoU by class (argmax), mean cross-entropy, best threshold and calibration.

    ``weighted_loss`` is the cross-entropy weighted by class as in training. ``threshold`` gives the landform class its best IoU. ``calibration`` is the reliability curve of its probability, and
    ``calibration_error`` the expected calibration error.
    """

    iou: dict[str, float | None]
    loss: float | None
    weighted_loss: float | None
    threshold: float
    threshold_iou: float | None
    calibration: list[CalibrationBin]
    calibration_error: float | None
    by_group: list[list[list[int]]]


def no_groups(count: int) -> Tensor:
    """Return the empty counts of ``count`` groups, (count, 2, 2)."""
    return torch.zeros(count, 2, 2, dtype=torch.int64)


def group_intervals(by_group: Any) -> dict[str, Any]:
    """Return the intervals of IoU, precision and recall of the landform; ``by_group`` (groups, 2, 2): label, predicted."""
    counts = np.asarray(by_group, dtype=np.int64).reshape(-1, 2, 2)
    return {"protocol": PROTOCOL, **rate_intervals(counts[:, 1, 1], counts[:, 0, 1], counts[:, 1, 0])}


def best_threshold(histogram: Tensor) -> tuple[float, float | None]:
    """Return the threshold of 0.05, 0.10, ... 0.95 with the best landform IoU, and that IoU.

    ``histogram`` (2, 255) counts pixels by label and by round(254 p). Ties go to the threshold nearest to 0.5. Without a
    landform pixel the result is (0.5, None).
    """
    landform = int(histogram[1].sum())
    if not landform:
        return 0.5, None
    at_least = histogram.flip(1).cumsum(1).flip(1)
    ious = {}
    for threshold in THRESHOLDS:
        first = -int(-PROBABILITY_SCALE * threshold // 1)  # the lowest level with level / 254 >= threshold
        false_positives, true_positives = (int(count) for count in at_least[:, first])
        ious[threshold] = true_positives / (landform + false_positives)
    best = max(THRESHOLDS, key=lambda threshold: (ious[threshold], -abs(threshold - 0.5)))
    return best, round(ious[best], 6)


def reliability_curve(histogram: Tensor) -> list[CalibrationBin]:
    """Return the reliability curve: pixels in ten equally wide bins of probability; bins without pixels are left out.

    ``histogram`` (2, 255) counts pixels by label and by round(254 p).
    """
    counts = histogram.double().numpy()
    probability = np.arange(PROBABILITY_LEVELS) / PROBABILITY_SCALE
    bin_numbers = np.minimum((probability * N_BINS).astype(int), N_BINS - 1)
    total, landform, predicted = (
        np.bincount(bin_numbers, weights, minlength=N_BINS)
        for weights in (counts.sum(0), counts[1], counts.sum(0) * probability)
    )
    return [
        (round(float(p / n), 6), round(float(hits / n), 6), int(n))
        for p, hits, n in zip(predicted, landform, total, strict=True)
        if n
    ]


def expected_calibration_error(bins: list[CalibrationBin]) -> float | None:
    """Return the expected calibration error (Naeini et al. 2015): mean gap between predicted and observed, by pixels."""
    pixels = sum(count for *_, count in bins)
    gaps = sum(abs(predicted - observed) * count for predicted, observed, count in bins)
    return round(gaps / pixels, 6) if pixels else None
