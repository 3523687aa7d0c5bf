"""What a sample will buy: the widths of its intervals before anybody looks, if the map's own probabilities hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lobate.mapping.accuracy.draw import SampleSizes, SamplingFrame
from lobate.mapping.accuracy.pixel_intervals import PixelCounts, landform_area, producers_accuracy, users_accuracy
from lobate.mapping.accuracy.shares import wilson
from lobate.mapping.accuracy.squares import SIDE_M
from lobate.mapping.accuracy.strata import STRATA
from lobate.mapping.accuracy.wording import in_words

PLANNED_SHARES = (0.9, 0.5)
"""Shares of real detections for which a width is told."""
COARSE_ADVICE = "    A larger sample of the strata near and rest gives intervals instead of limits: --pixels"


def expected_counts(sizes: Sequence[int], probabilities: Sequence[float], numbers: Sequence[int]) -> PixelCounts:
    """Return the counts that a sample of ``numbers`` pixels will have, if landform is as frequent as the map's mean probability."""
    sampled = [min(size, number) for size, number in zip(sizes, numbers, strict=True)]
    found = [round(number * share) for number, share in zip(sampled, probabilities, strict=True)]
    rows = (list(map(int, sizes)), sampled, found)
    return PixelCounts(*((row[0], row[1], row[2]) for row in rows))


def plan_text(frame: SamplingFrame, sizes: SampleSizes, landform: str) -> str:
    """Return the design and its expected widths, as lines for a terminal."""
    counts = expected_counts(frame.census.sizes.tolist(), frame.census.probability.tolist(), sizes.pixels)
    lines = [*_detection_lines(len(frame.ground.kept), sizes.detections), *_pixel_lines(frame, counts, landform)]
    return "\n".join([*lines, *_square_lines(frame, sizes.squares, landform)]) + "\n"


def _detection_lines(total: int, asked: int) -> list[str]:
    number = min(total, asked)
    widths = [f"{share:.0%} within {_half_width(share, number):.0%}" for share in PLANNED_SHARES]
    return [
        f"detections  {number} of {total}, by size and probability",
        f"    A share of real detections of {' or '.join(widths)}.",
    ]


def _half_width(share: float, number: int) -> float:
    low, high = wilson(share * number, number)
    return (high - low) / 2


def _pixel_lines(frame: SamplingFrame, counts: PixelCounts, landform: str) -> list[str]:
    drawn = ", ".join(
        f"{number} of {size} {name}" for name, size, number in zip(STRATA, counts.sizes, counts.sampled, strict=True)
    )
    area = {
        name: None if value is None else value * frame.ground.pixel_m2 / 1e6
        for name, value in landform_area(counts).items()
    }
    means = ", ".join(f"{name} {mean:.2g}" for name, mean in zip(STRATA, frame.census.probability, strict=True))
    lines = [
        f"pixels      {drawn}",
        f"    If the map's mean probabilities hold ({means}):",
        f"    user's accuracy {in_words(users_accuracy(counts))}, producer's accuracy {in_words(producers_accuracy(counts))}, area of "
        f"{landform}s {in_words(area, 'km2')}.",
    ]
    return [*lines, f"{COARSE_ADVICE} {' '.join(map(str, _finer(counts)))}"] if counts.is_coarse else lines


def _finer(counts: PixelCounts) -> list[int]:
    """Return sample sizes of the strata that give intervals, or all pixels, if landform is as frequent as expected."""
    shares = (np.array(counts.landform) / np.maximum(counts.sampled, 1)).tolist()
    while counts.is_coarse and counts.sampled[1:] != counts.sizes[1:]:
        coarsest = max((1, 2), key=lambda number: counts.sizes[number] / max(counts.sampled[number], 1))
        numbers = [number * (1 + (stratum == coarsest)) for stratum, number in enumerate(counts.sampled)]
        counts = expected_counts(counts.sizes, shares, numbers)
    return list(counts.sampled)


def _square_lines(frame: SamplingFrame, asked: int, landform: str) -> list[str]:
    total = len(frame.squares.squares)
    number = min(total, asked)
    km2 = frame.census.sizes.sum() * frame.ground.pixel_m2 / 1e6
    expected = round(len(frame.ground.kept) / km2 * number * (SIDE_M / 1000) ** 2)
    lines = [f"squares     {number} of {total} of 1 km"]
    if not expected:
        return [*lines, f"    No {landform} is expected in them: ask for more squares."]
    low, _ = wilson(expected, expected)
    return [
        *lines,
        f"    About {expected} {landform}s are expected in them. If the map has all of these, it may still miss {1 - low:.0%} of all.",
    ]
