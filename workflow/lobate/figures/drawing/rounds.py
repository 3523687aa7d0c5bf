"""The rounds in three panels on one axis: IoUs, training patches and augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from lobate.figures.drawing.page import DOUBLE, Page, axes_at, letter_above, plan_heading
from lobate.figures.drawing.style import BLUE, GREY, INK, ORANGE, PALE, VERMILION, new_figure

if TYPE_CHECKING:
    from lobate.figures.figure_rounds import Round

LEFT, RIGHT, ABOVE, BOTTOM, GAP = 0.95, 0.2, 0.24, 0.48, 0.24
IOU_HEIGHT, PATCHES_HEIGHT, LINE_HEIGHT = 1.9, 1.1, 0.17
"""Heights of two panels, and of one line of the third, in inches."""

TARGET_DASHES, TRAINING_DASHES = (0, (6, 2)), (0, (4, 1.5))
RESTING_COLOUR, CHOSEN_COLOUR, PATCHES_COLOUR = "#F0F0F0", "#FBE3D6", "#8A8A8A"


def draw_rounds(rounds: Sequence[Round], target: float, landform: str, page: Page = DOUBLE) -> Figure:
    """Return the figure; at least one of ``rounds`` trained."""
    operations = list(dict.fromkeys(name for record in rounds for name in record.augment))
    heights = (LINE_HEIGHT * max(len(operations), 1), PATCHES_HEIGHT, IOU_HEIGHT)
    trained = [record for record in rounds if not record.rests]
    keys = _legend_keys(target, rests=len(trained) < len(rounds), bars=any(record.interval for record in trained))
    spacing = {"handlelength": 2.4, "columnspacing": 1.4, "labelspacing": 0.4}
    summary = _summary(rounds, landform)
    left = 0.2 if page.narrow else LEFT
    heading = plan_heading(page, left, RIGHT, "Rounds of training", summary, keys.items(), 4, **spacing)
    figure = new_figure(BOTTOM + sum(heights) + 2 * GAP + ABOVE + heading.height, page.width)
    augment, patches, ious = _panels(figure, page, heights)
    _draw_ious(ious, trained, target)
    _draw_patches(patches, trained)
    _draw_augment(augment, trained, operations)
    for axes in (augment, patches, ious):
        _tint_rounds(axes, rounds)
    augment.set_xlabel("round")
    for number, axes in enumerate((ious, patches, augment)):
        letter_above(axes, page, number)
    heading.draw(figure)
    return figure


def _panels(figure: Figure, page: Page, heights: Sequence[float]) -> list[Axes]:
    """Return panels from the bottom up on one axis, with its labels below the lowest."""
    panels: list[Axes] = []
    y = BOTTOM
    for height in heights:
        shared = panels[0] if panels else None
        panels.append(axes_at(figure, LEFT, y, page.width - LEFT - RIGHT, height, sharex=shared))
        panels[-1].tick_params(labelbottom=len(panels) == 1)
        y += height + GAP
    return panels


def _draw_ious(axes: Axes, trained: Sequence[Round], target: float) -> None:
    numbers = [record.number for record in trained]
    training = [_or_nan(record.training) for record in trained]
    validation = [_or_nan(record.validation) for record in trained]
    axes.plot(numbers, training, color=BLUE, lw=1, ls=TRAINING_DASHES, marker="s", ms=4, mfc="w")
    axes.plot(numbers, validation, color=VERMILION, lw=1.6, marker="o", ms=4.5)
    for record in trained:
        if record.interval:
            axes.vlines(record.number, *record.interval, color=VERMILION, lw=1)
    judged = [(record.number, record.judged) for record in trained if record.judged is not None]
    axes.plot(*(zip(*judged, strict=True) if judged else ([], [])), color=INK, lw=0, marker="D", ms=4.5, zorder=4)
    axes.axhline(target, color=GREY, lw=0.9, ls=TARGET_DASHES, zorder=1)
    axes.set(ylim=(0, 1.04), ylabel="IoU")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _draw_patches(axes: Axes, trained: Sequence[Round]) -> None:
    numbers, labelled = [record.number for record in trained], [record.patches for record in trained]
    axes.bar(numbers, labelled, 0.6, color=PATCHES_COLOUR, zorder=2)
    axes.bar(numbers, [record.mined for record in trained], 0.6, labelled, color=ORANGE, zorder=2)
    axes.set(ylabel="patches", ylim=(0, 1.1 * max([record.patches + record.mined for record in trained] + [1])))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _draw_augment(axes: Axes, trained: Sequence[Round], operations: Sequence[str]) -> None:
    """Draw a square where a round used an operation; the operations' names stand on the left."""
    used = [(record.number, row) for record in trained for row, name in enumerate(operations) if name in record.augment]
    axes.scatter([x for x, _ in used], [y for _, y in used], marker="s", s=26, color=INK, zorder=2)
    axes.set(ylim=(max(len(operations), 1) - 0.5, -0.5))
    axes.set_yticks(range(len(operations)), operations)
    axes.tick_params(axis="y", length=0)


def _tint_rounds(axes: Axes, rounds: Sequence[Round]) -> None:
    """Tint the chosen round and the resting ones; leave half a round on both sides."""
    for record in rounds:
        if record.chosen or record.rests:
            colour = CHOSEN_COLOUR if record.chosen else RESTING_COLOUR
            axes.axvspan(record.number - 0.5, record.number + 0.5, color=colour, lw=0, zorder=0)
    axes.set_xlim(0.5, max([record.number for record in rounds] + [1]) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))


def _summary(rounds: Sequence[Round], landform: str) -> str:
    chosen = next((record for record in rounds if record.chosen), None)
    if chosen is None:
        return "no round is chosen"
    ground = "patches" if chosen.judged is None else "windows"
    return f"round {chosen.number} of {len(rounds)} is chosen: IoU of {landform} on validation {ground} {chosen.words}"


def _legend_keys(target: float, *, rests: bool, bars: bool) -> dict[str, Artist]:
    return {
        "IoU on training patches": Line2D([], [], color=BLUE, lw=1, ls=TRAINING_DASHES, marker="s", ms=4, mfc="w"),
        f"on validation patches{'; bar: 95 %' if bars else ''}": Line2D(
            [], [], color=VERMILION, lw=1.6, marker="o", ms=4.5
        ),
        "on validation windows": Line2D([], [], color=INK, lw=0, marker="D", ms=4.5),
        f"target, {target:.2f}": Line2D([], [], color=GREY, lw=0.9, ls=TARGET_DASHES),
        "patches by hand": Patch(fc=PATCHES_COLOUR, lw=0),
        "mined negatives": Patch(fc=ORANGE, lw=0),
        "augmented by": Line2D([], [], color=INK, lw=0, marker="s", ms=4.5),
        "chosen": Patch(fc=CHOSEN_COLOUR, lw=0),
    } | ({"rests: the target is reached": Patch(fc=RESTING_COLOUR, lw=0)} if rests else {})
