"""What a data set's card counts; every table comes from the rows of the split."""

from __future__ import annotations

import re
from hashlib import sha256

import pandas as pd

SIDES = ("training", "validation", "dropped")


def by_tile(patches: pd.DataFrame) -> pd.DataFrame:
    """Count outlines and patches of each tile, by class and side; the last row, ``all``, has the sums."""
    groups = patches.groupby("tile")
    outlines = patches.drop_duplicates("polygon").groupby(["tile", "class"]).size().unstack(fill_value=0)
    table = pd.DataFrame(
        {
            "positive outlines": outlines.get("positive"),
            "negative outlines": outlines.get("negative"),
            "patches": groups.size(),
            **{side: groups["side"].agg(lambda sides, side=side: (sides == side).sum()) for side in SIDES},
        }
    )
    table = table.reindex(sorted(groups.groups)).fillna(0).astype(int)
    return pd.concat([table, table.sum().to_frame("all").T])


def balance(patches: pd.DataFrame) -> pd.DataFrame:
    """Count each side's patches by class, and the shares of its pixels; a pixel counts once for each patch that shows it."""
    rows = {side: _balance(patches[patches["side"] == side]) for side in SIDES} | {"all": _balance(patches)}
    return pd.DataFrame.from_dict(rows, orient="index").query("patches > 0")


def _balance(patches: pd.DataFrame) -> dict[str, float]:
    pixels = patches["height"] * patches["width"]
    total = max(int(pixels.sum()), 1)
    landform, ignored = (float((patches[name] * pixels).sum()) / total for name in ("positive", "ignored"))
    return {
        "patches": len(patches),
        "of positive outlines": int((patches["class"] == "positive").sum()),
        "of negative outlines": int((patches["class"] == "negative").sum()),
        "show the landform": int((patches["positive"] > 0).sum()),
        "landform": landform,
        "background": 1 - landform - ignored if len(patches) else 0.0,
        "ignored": ignored,
    }


def left_out(removed: pd.DataFrame) -> dict[str, int]:
    """Count the sub-images that were left out by reason, without the numbers in it."""
    reasons = removed["reason"].map(lambda reason: re.split(r"\s\d", reason)[0])
    return {str(reason): int(count) for reason, count in reasons.value_counts().sort_index().items()}


def outlines_by_source(outlines: pd.DataFrame, patches: pd.DataFrame) -> pd.DataFrame:
    """Count the outlines of each file and class, and those of them that gave patches."""
    seen = outlines.assign(seen=outlines["polygon"].isin(patches["polygon"]))
    table = seen.groupby(["source", "class"])["seen"].agg(["size", "sum"]).reset_index()
    return table.rename(columns={"source": "file", "size": "outlines", "sum": "with patches"})


def identity(patches: pd.DataFrame) -> str:
    """Return a digest of all patches' contents, whatever their order and names."""
    return sha256("\n".join(sorted(patches["digest"])).encode()).hexdigest()
