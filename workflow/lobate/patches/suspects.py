"""Which patches a person should look at first, and why."""

from __future__ import annotations

import numpy as np
import pandas as pd

from lobate.patches.pool import seeded

LITTLE_VALID = 0.9
LITTLE_CONTRAST = 1.0
"""Entropy of ten grey levels in equal shares; a mountain side in summer has more than 1.5."""
MUCH_IGNORED = 0.5
SUSPICIOUS_SHARE = 0.75
"""Of a sample; the rest shows what patches look like that nothing is wrong with."""


def examine(patches: pd.DataFrame) -> pd.DataFrame:
    """Return ``patches`` (footprints of all tiles) with ``suspicion``, 0 for none, and ``why`` in words.

    The worst is a positive outline of which no patch shows a positive pixel, then a positive patch without one, then the
    share that is not valid; little contrast and much ignored weigh less. The image's edge is told, and is no suspicion.
    """
    blank = (patches["class"] == "positive") & (patches["positive"] == 0)
    lost = blank & blank.groupby(patches["polygon"]).transform("all")
    signs = [
        (lost, 4.0, ["no positive pixel in any patch of it"] * len(patches)),
        (blank & ~lost, 2.0, ["no positive pixel"] * len(patches)),
        (
            patches["valid"] < LITTLE_VALID,
            1 - patches["valid"],
            [f"{100 * one:.0f} % valid" for one in patches["valid"]],
        ),
        (patches["ignored"] > MUCH_IGNORED, 0.2, [f"{100 * one:.0f} % ignored" for one in patches["ignored"]]),
        (patches["entropy"] < LITTLE_CONTRAST, 0.2, [f"entropy {one:.2f}" for one in patches["entropy"]]),
        (patches["clipped"], 0.0, ["at the image's edge"] * len(patches)),
    ]
    suspicion, why = np.zeros(len(patches)), np.full(len(patches), "", dtype=object)
    for found, weight, words in signs:
        suspicion += np.where(found, weight, 0)
        why = np.where(found, [f"{old}, {new}" if old else new for old, new in zip(why, words, strict=True)], why)
    return patches.assign(suspicion=suspicion.round(6), why=why)


def pick(patches: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return a sample of ``count`` patches, at most one of each outline: suspicious ones, worst first, then others.

    The others follow from the seed and each patch's name; suspicious ones leave them a quarter of the sample.
    """
    patches = examine(patches).assign(turn=[seeded(seed, name) for name in patches["patch"]])
    worst = patches.sort_values(["suspicion", "turn"], ascending=[False, True]).drop_duplicates("polygon")
    suspects, others = worst[worst["suspicion"] > 0], worst[worst["suspicion"] == 0]
    room = max(round(SUSPICIOUS_SHARE * count), count - len(others))
    suspects = suspects.sort_values(["suspicion", "patch"], ascending=[False, True])[:room]
    others = others.sort_values("turn")[: count - len(suspects)].sort_values("patch")
    return pd.concat([suspects, others]).drop(columns="turn")
