"""How all figures look and are saved: one page width, one font, colours that colour-blind readers can tell apart.

Imports matplotlib, so verbs import this module inside their functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

PAGE_WIDTH = 7.2
"""Inches: a journal's two columns."""

# Okabe and Ito (2008), Color Universal Design
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
INK, GREY, PALE = "#222222", "#777777", "#E6E6E6"

RULES: dict[RcKeyType, Any] = {
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
    """Draw in the project's style, whatever the reader's own settings are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RULES)
        yield


def new_figure(height: float, width: float = PAGE_WIDTH) -> Figure:
    """Return an empty white figure; sizes in inches."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, png: Path, pdf: Path, dpi: int) -> None:
    """Write both files without dates or program names, so that the same figure gives the same bytes."""
    figure.savefig(png, format="png", dpi=dpi, metadata={"Software": None})
    figure.savefig(pdf, format="pdf", dpi=dpi, metadata={"Creator": None, "Producer": None, "CreationDate": None})


def figure_of(artist: Artist) -> Figure:
    """Return the figure that shows an artist; ValueError where none does."""
    figure = artist.get_figure(root=True)
    if figure is None:
        raise ValueError(f"{artist} is on no figure")
    return figure


def shrink_to_fit(text: Text, width: float, smallest: float = 5.5) -> Text:
    """Make a text no wider than ``width`` inches: smaller letters first, then fewer."""
    figure = figure_of(text)
    while _inches(text, figure) > width and float(text.get_fontsize()) > smallest:
        text.set_fontsize(float(text.get_fontsize()) - 0.5)
    words = text.get_text()
    while (measured := _inches(text, figure)) > width and len(words) > 1:
        words = words[: min(len(words) - 1, int(len(words) * width / measured))].rstrip()
        text.set_text(words + "\N{HORIZONTAL ELLIPSIS}")
    return text


def _inches(text: Text, figure: Figure) -> float:
    return text.get_window_extent(cast(FigureCanvasAgg, figure.canvas).get_renderer()).width / figure.dpi
