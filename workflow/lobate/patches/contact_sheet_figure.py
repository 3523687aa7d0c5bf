"""The contact sheet: a sample of patches, suspicious ones first, drawn with their outlines.

Imports matplotlib, so the verb imports this module inside its function.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

from lobate.io.mask_values import IGNORE
from lobate.io.places import seeded_hash

LOW_VALID = 0.9
LOW_ENTROPY = 1.0
"""Entropy of ten grey levels with equal shares; a mountain side in summer has more than 1.5."""
HIGH_IGNORED = 0.5
MAX_SUSPICIOUS_SHARE = 0.75
"""Of a sample; the rest shows patches without any sign of a mistake."""

COLUMNS = 6
CELL, CAPTION, HEADER = 2.2, 0.5, 0.75  # inches: a patch, the caption over it, the header over all
DPI = 110
MAX_LETTERS = 37  # of a caption's line, as wide as a patch
COLOURS = {"positive": "#E69F00", "negative": "#56B4E9"}  # Okabe and Ito (2008), Color Universal Design
WARNING, INK, PALE, IGNORED = "#D55E00", "#222222", "#E6E6E6", (0.8, 0.47, 0.65, 0.4)


def sample(patches: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return a sample of ``count`` patches, at most one of each outline: suspicious ones, worst first, then others.

    The order of the others follows from the seed and each patch's name. They get at least a quarter of the sample.
    """
    patches = flag(patches).assign(rank=[seeded_hash(seed, name) for name in patches["patch"]])
    worst = patches.sort_values(["suspicion", "rank"], ascending=[False, True]).drop_duplicates("polygon")
    suspects, others = worst[worst["suspicion"] > 0], worst[worst["suspicion"] == 0]
    room = max(round(MAX_SUSPICIOUS_SHARE * count), count - len(others))
    suspects = suspects.sort_values(["suspicion", "patch"], ascending=[False, True])[:room]
    others = others.sort_values("rank")[: count - len(suspects)].sort_values("patch")
    return pd.concat([suspects, others]).drop(columns="rank")


def flag(patches: pd.DataFrame) -> pd.DataFrame:
    """Return ``patches`` (footprints of all tiles) with ``suspicion``, 0 for none, and ``why`` in words.

    Worst is a positive outline without a positive pixel in any of its patches, then a positive patch without one, then the
    share that is not valid. Low entropy and a large ignored share weigh less. A patch at the image's edge is marked, but not
    suspicious.
    """
    blank = (patches["class"] == "positive") & (patches["positive"] == 0)
    lost = blank & blank.groupby(patches["polygon"]).transform("all")
    signs = [
        (lost, 4.0, ["no positive pixel in any patch of it"] * len(patches)),
        (blank & ~lost, 2.0, ["no positive pixel"] * len(patches)),
        (
            patches["valid"] < LOW_VALID,
            1 - patches["valid"],
            [f"{100 * share:.0f} % valid" for share in patches["valid"]],
        ),
        (patches["ignored"] > HIGH_IGNORED, 0.2, [f"{100 * share:.0f} % ignored" for share in patches["ignored"]]),
        (patches["entropy"] < LOW_ENTROPY, 0.2, [f"entropy {entropy:.2f}" for entropy in patches["entropy"]]),
        (patches["clipped"], 0.0, ["at the image's edge"] * len(patches)),
    ]
    suspicion, why = np.zeros(len(patches)), np.full(len(patches), "", dtype=object)
    for present, weight, words in signs:
        suspicion += np.where(present, weight, 0)
        why = np.where(present, [f"{old}, {new}" if old else new for old, new in zip(why, words, strict=True)], why)
    return patches.assign(suspicion=suspicion.round(6), why=why)


def draw_contact_sheet(
    path: Path,
    sampled: pd.DataFrame,
    arrays: list[np.ndarray],
    outlines: dict[int, gpd.GeoDataFrame],
    total: int,
    lost: str = "",
) -> None:
    """Draw the ``sampled`` patches (see ``sample``; ``file`` is the number of their array) into a PNG.

    ``outlines``: for each array, those of all polygons in its tile's CRS; ``total``: number of patches of all tiles; ``lost``:
    the outlines without a patch, in words. The same input gives the same bytes.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"font.family": "DejaVu Sans", "text.color": INK})
        rows = max(1, ceil(len(sampled) / COLUMNS))
        figure = Figure(figsize=(COLUMNS * CELL, HEADER + rows * (CELL + CAPTION)), facecolor="white")
        FigureCanvasAgg(figure)
        _draw_header(figure, sampled, total, lost)
        for (_, row), axes in zip(sampled.iterrows(), _patch_axes(figure), strict=False):
            _draw_image(axes, arrays[row["file"]][row["row"]], row)
            _draw_outlines(axes, outlines[row["file"]], row)
            _draw_caption(axes, row)
        figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def _draw_header(figure: Figure, sampled: pd.DataFrame, total: int, lost: str) -> None:
    suspicious = int((sampled["suspicion"] > 0).sum())
    top, left = 1 - 0.12 / figure.get_figheight(), 0.1 / figure.get_figwidth()
    words = f"{len(sampled)} of {total:,} patches, one of each outline; "
    first = f"first {suspicious} look suspicious, worst first" if suspicious > 1 else "first looks suspicious"
    words += f"the {first}" if suspicious else "none looks suspicious"
    figure.text(left, top, words, fontsize=12, weight="bold", va="top")
    if lost:
        below = 1 - 0.36 / figure.get_figheight()
        figure.text(left, below, f"no patch: {lost}", fontsize=8, weight="bold", va="top", color=WARNING)
    lines = [Line2D([], [], color=colour, linewidth=2) for colour in COLOURS.values()]
    lines += [Line2D([], [], color=INK, linewidth=3), Line2D([], [], color=IGNORED, linewidth=8)]
    names = ["positive outline", "negative outline", "thick: the patch's own", "label ignored"]
    place = (left, 1 - HEADER / figure.get_figheight())
    figure.legend(lines, names, loc="lower left", bbox_to_anchor=place, ncols=4, fontsize=8, frameon=False, borderpad=0)


def _patch_axes(figure: Figure) -> Iterator[Axes]:
    width, height = figure.get_size_inches()
    for number in range(round((height - HEADER) / (CELL + CAPTION)) * COLUMNS):
        row, column = divmod(number, COLUMNS)
        bottom = height - HEADER - (row + 1) * (CELL + CAPTION)
        side = CELL - 0.12
        axes = figure.add_axes(((column * CELL + 0.06) / width, (bottom + 0.06) / height, side / width, side / height))
        axes.set(xticks=[], yticks=[], facecolor=PALE)
        yield axes


def _draw_image(axes: Axes, patch: np.ndarray, row: pd.Series) -> None:
    """Show the image's first three bands, or its first where it has fewer, and the ignored part of the label."""
    window = patch[: row["height"], : row["width"]]
    side = max(window.shape[:2])
    pixels = window[..., :3] if window.shape[-1] > 3 else np.repeat(window[..., :1], 3, axis=-1)
    axes.imshow(pixels, interpolation="antialiased")
    ignored = window[..., -1] == IGNORE
    axes.imshow(np.where(ignored[..., np.newaxis], IGNORED, 0.0), interpolation="nearest")
    axes.set(xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
    for spine in axes.spines.values():
        spine.set(color=WARNING if row["suspicion"] > 0 else PALE, linewidth=2)


def _draw_outlines(axes: Axes, outlines: gpd.GeoDataFrame, row: pd.Series) -> None:
    """Draw the outlines that intersect the footprint, the patch's own thick and on top."""
    near = outlines.iloc[np.sort(outlines.sindex.query(row["geometry"], predicate="intersects"))]
    corners = shapely.get_coordinates(row["geometry"])  # from the upper left, clockwise (Grid.footprint)
    across, down = (corners[1] - corners[0]) / row["width"], (corners[3] - corners[0]) / row["height"]
    pixels = np.linalg.inv(np.column_stack([across, down]))
    own = (near["polygon"] == row["polygon"]).to_numpy()
    for shape, kind, thick in sorted(
        zip(near.geometry, near["class"], own, strict=True), key=lambda outline: outline[2]
    ):
        width = 1.8 if thick else 0.8
        inside = Rectangle((-0.5, -0.5), row["width"], row["height"], transform=axes.transData)
        halo = [Stroke(linewidth=width + 1.0, foreground="black", alpha=0.6), Normal()]
        for ring in shapely.get_rings(shape):
            x, y = pixels @ (shapely.get_coordinates(ring) - corners[0]).T - 0.5
            (line,) = axes.plot(x, y, color=COLOURS[kind], linewidth=width, path_effects=halo)
            line.set_clip_path(inside)


def _draw_caption(axes: Axes, row: pd.Series) -> None:
    size = f"{row['height']} x {row['width']} px"
    lines = [(f"{row['patch']}  {size}", "bold", INK), (f"{row['class']}: {row['polygon']}", "normal", INK)]
    lines.append((row["why"], "bold", WARNING if row["suspicion"] > 0 else INK))
    for number, (text, weight, colour) in enumerate(lines):
        short = text if len(text) <= MAX_LETTERS else text[: MAX_LETTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
        height = 1.01 + (2 - number) * 0.062
        axes.text(0, height, short, transform=axes.transAxes, fontsize=7, weight=weight, color=colour, va="bottom")
