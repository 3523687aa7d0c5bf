"""What mining teaches: hidden landforms found, and precision, in each mode of `training.mining.from`."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.figures import Figure, measures
from benchmarks.mining_modes import MODES, NONE, PRECISION, measure

SEEDS = 2
"""Of the five that `python -m benchmarks.mining_modes` runs; each takes five trainings and more."""


@measures
def mining(folder: Path) -> dict[str, Figure]:
    """Round 2 of the example in each mode, in the mean over the seeds, with the spread."""
    results, found = measure(folder, SEEDS), {}
    for mode in MODES:
        own = [result for result in results if result.mode == mode]
        for name, what in (
            ("discovery", f"hidden landforms' pixels found at a pixel precision of {PRECISION:g}"),
            ("precision", "pixel precision at 0.5 against the truth"),
        ):
            values = [getattr(result, name) for result in own]
            spread = f"{what}, {SEEDS} seeds, {min(values):.3f} to {max(values):.3f}"
            found[f"mining_{name}_{mode}"] = Figure(statistics.fmean(values), "share", spread, f"mining_{name}_{NONE}")
    return found
