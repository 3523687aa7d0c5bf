"""The style of all figures: page width, font, colours that colour-blind readers can tell apart.

Imports matplotlib, so verbs import this module inside their functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lobate.errors import UserError

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

PAGE_WIDTH = 180 / 25.4
"""Inches: two columns of a journal."""

SMALLEST = 6.0
"""Points: the smallest letters of a figure."""

# Okabe and Ito (2008), Color Universal Design
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
RED = "#C00000"
"""For alarms only: no data are drawn in it."""
INK, GREY, PALE = "#222222", "#777777", "#E6E6E6"

RC_PARAMS: dict[RcKeyType, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "lobate",
    "path.simplify": True,
}


@contextmanager
def styled(font: str = "DejaVu Sans") -> Iterator[None]:
    """Set the project's style, independent of the user's matplotlib settings. UserError for a font that is not installed."""
    _check_font(font)
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC_PARAMS)
        mpl.rcParams["font.family"] = list(dict.fromkeys([font, "DejaVu Sans"]))
        yield


def _check_font(font: str) -> None:
    try:
        font_manager.findfont(font_manager.FontProperties(family=font), fallback_to_default=False)
    except ValueError as error:
        others = sorted(set(font_manager.get_font_names()) - {"Last Resort"})
        raise UserError(
            f"Setting figures.font names {font}, which is not installed on this machine. Install it, or name one of these: "
            f"{', '.join(others[:12])}{', ...' if len(others) > 12 else ''}."
        ) from error


def new_figure(height: float, width: float = PAGE_WIDTH) -> Figure:
    """Return an empty white figure of a size in inches."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure
