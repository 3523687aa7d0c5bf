"""Drawing the contact sheet. Imports matplotlib, so the verb imports this module inside its function.

Which patches a person should look at first, and why.
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

from lobate.patches.pool import seeded_hash

LOW_VALID = 0.9
LOW_ENTROPY = 1.0
"""Entropy of ten grey levels in equal shares; a mountain side in summer has more than 1.5."""
HIGH_IGNORED = 0.5
MAX_SUSPICIOUS_SHARE = 0.75
"""Of a sample; the rest shows what patches look like that nothing is wrong with."""


def flag(patches: pd.DataFrame) -> pd.DataFrame:
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
            patches["valid"] < LOW_VALID,
            1 - patches["valid"],
            [f"{100 * one:.0f} % valid" for one in patches["valid"]],
        ),
        (patches["ignored"] > HIGH_IGNORED, 0.2, [f"{100 * one:.0f} % ignored" for one in patches["ignored"]]),
        (patches["entropy"] < LOW_ENTROPY, 0.2, [f"entropy {one:.2f}" for one in patches["entropy"]]),
        (patches["clipped"], 0.0, ["at the image's edge"] * len(patches)),
    ]
    suspicion, why = np.zeros(len(patches)), np.full(len(patches), "", dtype=object)
    for found, weight, words in signs:
        suspicion += np.where(found, weight, 0)
        why = np.where(found, [f"{old}, {new}" if old else new for old, new in zip(why, words, strict=True)], why)
    return patches.assign(suspicion=suspicion.round(6), why=why)


def sample(patches: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """Return a sample of ``count`` patches, at most one of each outline: suspicious ones, worst first, then others.

    The others follow from the seed and each patch's name; suspicious ones leave them a quarter of the sample.
    """
    patches = flag(patches).assign(turn=[seeded_hash(seed, name) for name in patches["patch"]])
    worst = patches.sort_values(["suspicion", "turn"], ascending=[False, True]).drop_duplicates("polygon")
    suspects, others = worst[worst["suspicion"] > 0], worst[worst["suspicion"] == 0]
    room = max(round(MAX_SUSPICIOUS_SHARE * count), count - len(others))
    suspects = suspects.sort_values(["suspicion", "patch"], ascending=[False, True])[:room]
    others = others.sort_values("turn")[: count - len(suspects)].sort_values("patch")
    return pd.concat([suspects, others]).drop(columns="turn")


COLUMNS = 6
CELL, CAPTION, HEADER = 2.2, 0.5, 0.75  # inches: a patch, the words over it, what stands over all
DPI = 110
MAX_LETTERS = 37  # of the small print, that fit over a patch
COLOURS = {"positive": "#E69F00", "negative": "#56B4E9"}  # Okabe and Ito (2008), Color Universal Design
WARNING, INK, PALE, IGNORED = "#D55E00", "#222222", "#E6E6E6", (0.8, 0.47, 0.65, 0.4)
IGNORE = 255


def draw_contact_sheet(
    path: Path, picked: pd.DataFrame, arrays: list[np.ndarray], outlines: dict[int, gpd.GeoDataFrame], of: int
) -> None:
    """Draw the ``picked`` patches (``suspects.pick``, with ``file``, the number of their array) into a PNG.

    ``outlines``: for each array, those of all polygons in its tile's CRS; ``of``: how many patches there are. The same
    input gives the same bytes.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"font.family": "DejaVu Sans", "text.color": INK})
        rows = max(1, ceil(len(picked) / COLUMNS))
        figure = Figure(figsize=(COLUMNS * CELL, HEADER + rows * (CELL + CAPTION)), facecolor="white")
        FigureCanvasAgg(figure)
        _draw_header(figure, picked, of)
        for (_, one), axes in zip(picked.iterrows(), _patch_axes(figure), strict=False):
            patch = arrays[one["file"]][one["row"]]
            _draw_image(axes, patch, one)
            _draw_outlines(axes, outlines[one["file"]], one)
            _draw_caption(axes, one)
        figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def _draw_header(figure: Figure, picked: pd.DataFrame, of: int) -> None:
    suspicious = int((picked["suspicion"] > 0).sum())
    top, left = 1 - 0.12 / figure.get_figheight(), 0.1 / figure.get_figwidth()
    words = f"{len(picked)} of {of:,} patches, one of each outline; "
    first = f"first {suspicious} look suspicious, worst first" if suspicious > 1 else "first looks suspicious"
    words += f"the {first}" if suspicious else "none looks suspicious"
    figure.text(left, top, words, fontsize=12, weight="bold", va="top")
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


def _draw_image(axes: Axes, patch: np.ndarray, one: pd.Series) -> None:
    """Show the image's first three bands, or its first where it has fewer, and what of the label is ignored."""
    seen = patch[: one["height"], : one["width"]]
    side = max(seen.shape[:2])
    pixels = seen[..., :3] if seen.shape[-1] > 3 else np.repeat(seen[..., :1], 3, axis=-1)
    axes.imshow(pixels, interpolation="antialiased")
    ignored = seen[..., -1] == IGNORE
    axes.imshow(np.where(ignored[..., np.newaxis], IGNORED, 0.0), interpolation="nearest")
    axes.set(xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5))
    for spine in axes.spines.values():
        spine.set(color=WARNING if one["suspicion"] > 0 else PALE, linewidth=2)


def _draw_outlines(axes: Axes, outlines: gpd.GeoDataFrame, one: pd.Series) -> None:
    """Draw the outlines that reach into the footprint, the patch's own thick and on top."""
    near = outlines.iloc[np.sort(outlines.sindex.query(one["geometry"], predicate="intersects"))]
    corners = shapely.get_coordinates(one["geometry"])  # from the upper left, clockwise (Grid.footprint)
    across, down = (corners[1] - corners[0]) / one["width"], (corners[3] - corners[0]) / one["height"]
    pixels = np.linalg.inv(np.column_stack([across, down]))
    own = (near["polygon"] == one["polygon"]).to_numpy()
    for shape, kind, thick in sorted(zip(near.geometry, near["class"], own, strict=True), key=lambda traced: traced[2]):
        width = 1.8 if thick else 0.8
        inside = Rectangle((-0.5, -0.5), one["width"], one["height"], transform=axes.transData)
        halo = [Stroke(linewidth=width + 1.0, foreground="black", alpha=0.6), Normal()]
        for ring in shapely.get_rings(shape):
            x, y = pixels @ (shapely.get_coordinates(ring) - corners[0]).T - 0.5
            (line,) = axes.plot(x, y, color=COLOURS[kind], linewidth=width, path_effects=halo)
            line.set_clip_path(inside)


def _draw_caption(axes: Axes, one: pd.Series) -> None:
    size = f"{one['height']} x {one['width']} px"
    words = [(f"{one['patch']}  {size}", "bold", INK), (f"{one['class']}: {one['polygon']}", "normal", INK)]
    words.append((one["why"], "bold", WARNING if one["suspicion"] > 0 else INK))
    for line, (text, weight, colour) in enumerate(words):
        short = text if len(text) <= MAX_LETTERS else text[: MAX_LETTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
        height = 1.01 + (2 - line) * 0.062
        axes.text(0, height, short, transform=axes.transAxes, fontsize=7, weight=weight, color=colour, va="bottom")
