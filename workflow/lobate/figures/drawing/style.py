"""The style of all figures: page width, font, colours that colour-blind readers can tell apart, and saving.

Imports matplotlib, so verbs import this module inside their functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

PAGE_WIDTH = 7.2
"""Inches: two columns of a journal."""

# Okabe and Ito (2008), Color Universal Design
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
RED = "#C00000"
"""For alarms only: no data are drawn in it."""
LETTERS_PER_INCH = 14
"""Bold letters of an alarm."""
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
def styled() -> Iterator[None]:
    """Set the project's style, independent of the user's matplotlib settings."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC_PARAMS)
        yield


def new_figure(height: float, width: float = PAGE_WIDTH) -> Figure:
    """Return an empty white figure of a size in inches."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, png: Path, pdf: Path, dpi: int, alarm: str = "") -> None:
    """Write both files without dates and program names, so that the same figure gives the same bytes.

    An ``alarm`` stands in red above the figure, on a strip of its own.
    """
    strip: dict[str, Any] = {}
    if alarm:
        width, height = figure.get_size_inches()
        words = fill(alarm, int(width * LETTERS_PER_INCH))
        figure.text(0.1 / width, 1 + 0.06 / height, words, color=RED, weight="bold", va="bottom")
        strip = {"bbox_inches": Bbox([[0, 0], [width, height + 0.12 + 0.15 * (1 + words.count("\n"))]])}
    figure.savefig(png, format="png", dpi=dpi, metadata={"Software": None}, **strip)
    about = {"Creator": None, "Producer": None, "CreationDate": None}
    figure.savefig(pdf, format="pdf", dpi=dpi, metadata=about, **strip)
