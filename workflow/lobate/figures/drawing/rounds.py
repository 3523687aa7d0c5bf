"""The rounds side by side, in three panels on one axis: IoUs, training patches, augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from lobate.figures.drawing.map_elements import text_at
from lobate.figures.drawing.style import BLUE, GREY, INK, ORANGE, PAGE_WIDTH, PALE, VERMILION, new_figure, shrink_to_fit

if TYPE_CHECKING:
    from lobate.figures.figure_rounds import Round

LEFT, RIGHT, TOP, BOTTOM, GAP = 0.95, 0.2, 1.02, 0.48, 0.16
IOUS, PATCHES, LINE = 1.9, 1.1, 0.17
"""Heights of two panels, and of one line of the third, in inches."""

DASHES = (0, (6, 2))
RESTS, CHOSEN, DRAWN = "#F0F0F0", "#FBE3D6", "#8A8A8A"


def draw_rounds(rounds: Sequence[Round], target: float, landform: str) -> Figure:
    """Return the figure; at least one of ``rounds`` trained."""
    operations = list(dict.fromkeys(name for one in rounds for name in one.augment))
    heights = (LINE * max(len(operations), 1), PATCHES, IOUS)
    height = BOTTOM + sum(heights) + 2 * GAP + TOP
    figure = new_figure(height)
    augment, patches, ious = _panels(figure, heights, height)
    trained = [one for one in rounds if not one.rests]
    _ious(ious, trained, target)
    _patches(patches, trained)
    _augment(augment, trained, operations)
    for axes in (augment, patches, ious):
        _background(axes, rounds)
    augment.set_xlabel("round")
    text_at(figure, LEFT, height - 0.14, "Rounds of training", size=11, weight="bold", va="top")
    words = _summary(rounds, landform)
    shrink_to_fit(text_at(figure, LEFT, height - 0.38, words, size=8, va="top", color=GREY), PAGE_WIDTH - LEFT - RIGHT)
    _legend(figure, height, target, rests=len(trained) < len(rounds))
    return figure


def _panels(figure: Figure, heights: Sequence[float], height: float) -> list[Axes]:
    """Panels from the bottom up on one axis, which is labelled below the lowest."""
    made: list[Axes] = []
    y = BOTTOM
    for high in heights:
        place = (LEFT / PAGE_WIDTH, y / height, (PAGE_WIDTH - LEFT - RIGHT) / PAGE_WIDTH, high / height)
        made.append(figure.add_axes(place, sharex=made[0] if made else None))
        made[-1].tick_params(labelbottom=len(made) == 1)
        y += high + GAP
    return made


def _ious(axes: Axes, trained: Sequence[Round], target: float) -> None:
    numbers = [one.number for one in trained]
    axes.plot(
        numbers,
        [_known(one.training) for one in trained],
        color=BLUE,
        lw=1,
        ls=(0, (4, 1.5)),
        marker="s",
        ms=4,
        mfc="w",
    )
    axes.plot(numbers, [_known(one.validation) for one in trained], color=VERMILION, lw=1.6, marker="o", ms=4.5)
    axes.axhline(target, color=GREY, lw=0.9, ls=DASHES, zorder=1)
    axes.set(ylim=(0, 1.04), ylabel="IoU")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


def _patches(axes: Axes, trained: Sequence[Round]) -> None:
    numbers, drawn = [one.number for one in trained], [one.patches for one in trained]
    axes.bar(numbers, drawn, 0.6, color=DRAWN, zorder=2)
    axes.bar(numbers, [one.mined for one in trained], 0.6, drawn, color=ORANGE, zorder=2)
    axes.set(ylabel="patches", ylim=(0, 1.1 * max([one.patches + one.mined for one in trained] + [1])))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _augment(axes: Axes, trained: Sequence[Round], operations: Sequence[str]) -> None:
    """A square where a round used an operation; names of operations stand on the left."""
    used = [(one.number, row) for one in trained for row, name in enumerate(operations) if name in one.augment]
    axes.scatter([x for x, _ in used], [y for _, y in used], marker="s", s=26, color=INK, zorder=2)
    axes.set(ylim=(max(len(operations), 1) - 0.5, -0.5))
    axes.set_yticks(range(len(operations)), operations)
    axes.tick_params(axis="y", length=0)


def _background(axes: Axes, rounds: Sequence[Round]) -> None:
    """Tint the chosen round and those that rest; leave half a round's room on both sides."""
    for one in rounds:
        if one.chosen or one.rests:
            axes.axvspan(one.number - 0.5, one.number + 0.5, color=CHOSEN if one.chosen else RESTS, lw=0, zorder=0)
    axes.set_xlim(0.5, max([one.number for one in rounds] + [1]) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))


def _summary(rounds: Sequence[Round], landform: str) -> str:
    chosen = next((one for one in rounds if one.chosen), None)
    if chosen is None:
        return "no round is chosen"
    iou = "unknown" if chosen.validation is None else f"{chosen.validation:.3f}"
    return f"round {chosen.number} of {len(rounds)} is chosen: validation IoU of {landform} {iou}"


def _legend(figure: Figure, height: float, target: float, *, rests: bool) -> None:
    keys = {
        "IoU of training set": Line2D([], [], color=BLUE, lw=1, ls=(0, (4, 1.5)), marker="s", ms=4, mfc="w"),
        "of validation set": Line2D([], [], color=VERMILION, lw=1.6, marker="o", ms=4.5),
        f"target, {target:.2f}": Line2D([], [], color=GREY, lw=0.9, ls=DASHES),
        "patches by hand": Patch(fc=DRAWN, lw=0),
        "mined negatives": Patch(fc=ORANGE, lw=0),
        "augmented by": Line2D([], [], color=INK, lw=0, marker="s", ms=4.5),
        "chosen": Patch(fc=CHOSEN, lw=0),
    } | ({"rests: the target is reached": Patch(fc=RESTS, lw=0)} if rests else {})
    figure.legend(
        list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(LEFT, height - 0.62),
        bbox_transform=figure.dpi_scale_trans, ncols=4, borderaxespad=0, borderpad=0, handlelength=2.4, columnspacing=1.4,
        labelspacing=0.4,
    )  # fmt: skip
