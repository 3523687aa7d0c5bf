import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.io.mask_values import PROBABILITY_LEVELS
from lobate.training.metrics import (
    MetricAccumulator,
    best_threshold,
    confusion_matrix,
    expected_calibration_error,
    group_intervals,
    iou,
    iou_by_class,
    no_groups,
    reliability_curve,
)

LABEL = torch.tensor([[0, 0, 1, 1], [1, 255, 0, 255]])
PREDICTED = torch.tensor([[0, 1, 1, 0], [1, 1, 0, 0]])


def test_iou_of_a_hand_computed_case():
    # not ignored: labels 0 0 1 1 1 0, predicted 0 1 1 0 1 0: TP = 2, FP = 1, FN = 1 for the landform
    counts = confusion_matrix(PREDICTED, LABEL)
    assert counts.tolist() == [[2, 1], [1, 2]]
    assert iou(counts) == [2 / 4, 2 / 4]
    assert iou_by_class(iou(counts)) == {"background": 0.5, "landform": 0.5, "overall": 0.5}


def test_a_class_no_label_shows_has_no_iou():
    counts = confusion_matrix(torch.tensor([0, 1, 0]), torch.tensor([0, 0, 0]))
    assert iou_by_class(iou(counts)) == {"background": 0.666667, "landform": None, "overall": None}


def test_overall_is_the_mean_over_classes():
    assert iou_by_class([0.9, 0.5])["overall"] == pytest.approx(0.7)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0, 1, 255])), min_size=1, max_size=60), st.integers(1, 59)
)
@settings(max_examples=40, deadline=None)
def test_counts_pool_over_any_division(pixels, cut):
    predicted, label = (torch.tensor(part) for part in zip(*pixels, strict=True))
    parts = confusion_matrix(predicted[:cut], label[:cut]) + confusion_matrix(predicted[cut:], label[cut:])
    assert parts.equal(confusion_matrix(predicted, label))
    assert parts.sum() == sum(value != 255 for _, value in pixels)


def test_the_tally_is_one_of_all_batches():
    # log-odds 2 everywhere but on the right, in two batches; the IoU is not the mean of the batches' IoUs
    logits = torch.zeros(2, 2, 1, 3)
    logits[:, 1] = torch.tensor([[[2.0, 2.0, -2.0]], [[2.0, -2.0, -2.0]]])
    label = torch.tensor([[[1, 0, 0]], [[1, 1, 255]]])
    metrics = MetricAccumulator()
    for index in range(2):
        metrics.update(logits[index : index + 1], label[index : index + 1])
    result = metrics.compute()
    assert result.iou == {
        "background": pytest.approx(1 / 3, abs=1e-6),
        "landform": 0.5,
        "overall": pytest.approx(0.416667),
    }
    good, bad = torch.log1p(torch.exp(torch.tensor([-2.0, 2.0]))).tolist()
    assert result.loss == result.weighted_loss == pytest.approx((3 * good + 2 * bad) / 5, abs=1e-6)
    # background: wrong, right; landform: right, right, wrong
    weighted = metrics.compute([1.0, 4.0]).weighted_loss
    assert weighted == pytest.approx((good + bad + 4 * (2 * good + bad)) / 14, abs=1e-6)


def test_the_best_threshold_is_found_by_iou():
    histogram = torch.zeros(2, PROBABILITY_LEVELS, dtype=torch.int64)
    histogram[1, round(254 * 0.72)] = 10
    histogram[0, round(254 * 0.62)] = 10
    threshold, value = best_threshold(histogram)
    assert (threshold, value) == (0.65, 1.0)  # 0.65 and 0.70 are equals: the one nearer to 0.5
    assert best_threshold(torch.zeros(2, PROBABILITY_LEVELS, dtype=torch.int64)) == (0.5, None)


def test_a_level_counts_from_its_own_probability_on():
    histogram = torch.zeros(2, PROBABILITY_LEVELS, dtype=torch.int64)
    histogram[1, 127] = histogram[0, 126] = 1  # 127 / 254 is 0.5 and counts at 0.5, 126 / 254 does not
    assert best_threshold(histogram) == (0.5, 1.0)


def test_iou_to_the_last_digit():
    # 7 hits, 3 false alarms, 4 misses, 11 right background: 7 / 14 and 11 / 18, whose mean is 5 / 9
    label = torch.tensor([1] * 7 + [0] * 3 + [1] * 4 + [0] * 11 + [255] * 5)
    predicted = torch.tensor([1] * 7 + [1] * 3 + [0] * 4 + [0] * 11 + [1] * 5)
    counts = confusion_matrix(predicted, label)
    assert counts.tolist() == [[11, 3], [4, 7]]
    assert iou(counts) == [11 / 18, 7 / 14]
    assert iou_by_class(iou(counts)) == {"background": 0.611111, "landform": 0.5, "overall": 0.555556}


def test_the_reliability_curve_of_a_hand_computed_case():
    histogram = torch.zeros(2, PROBABILITY_LEVELS, dtype=torch.int64)
    histogram[0, 0], histogram[1, 0] = 90, 10  # predicted 0, observed 0.1
    histogram[0, 127], histogram[1, 127] = 30, 10  # predicted 0.5, observed 0.25
    histogram[1, 254] = 60  # predicted 1, observed 1
    bins = reliability_curve(histogram)
    assert bins == [(0.0, 0.1, 100), (0.5, 0.25, 40), (1.0, 1.0, 60)]
    assert expected_calibration_error(bins) == (0.1 * 100 + 0.25 * 40) / 200
    assert expected_calibration_error([]) is None


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 254), st.integers(1, 50)), max_size=40))
@settings(max_examples=40, deadline=None)
def test_every_pixel_lies_in_one_bin(pixels):
    histogram = torch.zeros(2, PROBABILITY_LEVELS, dtype=torch.int64)
    for label, level, count in pixels:
        histogram[label, level] += count
    bins = reliability_curve(histogram)
    assert sum(count for *_, count in bins) == sum(count for *_, count in pixels)
    assert [predicted for predicted, *_ in bins] == sorted(predicted for predicted, *_ in bins)
    assert sum(observed * count for _, observed, count in bins) == pytest.approx(int(histogram[1].sum()), abs=0.01)


def test_groups_of_patches_add_up_to_all_and_give_the_intervals():
    random = torch.Generator().manual_seed(0)
    logits, label = torch.randn(9, 2, 4, 5, generator=random), torch.randint(0, 2, (9, 4, 5), generator=random)
    label[2, 1] = 255
    groups = [0, 3, 1, 1, 2, 5, 4, 0, 3]
    metrics = MetricAccumulator(by_group=no_groups(6))
    for part in (slice(0, 4), slice(4, 9)):
        metrics.update(logits[part], label[part], groups[part])
    assert metrics.by_group.sum(0).equal(metrics.counts)
    rows = [index for index, group in enumerate(groups) if group == 1]
    assert metrics.by_group[1].equal(confusion_matrix(logits[rows].argmax(1), label[rows]))
    result = metrics.compute()
    interval = group_intervals(result.by_group)["iou"]
    assert interval["blocks"] == 6
    assert interval["low"] < result.iou["landform"] < interval["high"]


def test_too_few_groups_give_their_values():
    counts = np.array([[[4, 1], [2, 3]], [[0, 0], [0, 0]], [[5, 0], [1, 1]]])
    assert group_intervals(counts)["iou"] == {"blocks": 2, "values": [0.5, 0.5]}
    assert group_intervals([])["precision"] == {"blocks": 0, "values": []}
