"""Placing texts, axes and legends on a page, in inches from its lower left corner, and fitting texts into a width."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from lobate.figures.drawing.style import GREY


def text_at(figure: Figure, x: float, y: float, text: str, **style: Any) -> Text:
    """Write a text at a place."""
    return figure.text(x, y, text, transform=figure.dpi_scale_trans, **style)


def axes_at(figure: Figure, x: float, y: float, width: float, height: float, **options: Any) -> Axes:
    """Add axes with their lower left corner at a place."""
    page_width, page_height = figure.get_size_inches()
    return figure.add_axes((x / page_width, y / page_height, width / page_width, height / page_height), **options)


def legend_at(figure: Figure, x: float, y: float, entries: Iterable[tuple[str, Artist]], **options: Any) -> Legend:
    """Add a legend with its upper left corner at a place; each entry is a label and its key."""
    labels, keys = zip(*entries, strict=True)
    return figure.legend(
        keys, labels, loc="upper left", bbox_to_anchor=(x, y), bbox_transform=figure.dpi_scale_trans,
        borderaxespad=0, borderpad=0, **options,
    )  # fmt: skip


def write_heading(figure: Figure, x: float, width: float, title: str, subtitle: str = "") -> None:
    """Write a bold title at the top of the page and a grey line below it, both no wider than ``width``."""
    top = figure.get_figheight()
    shrink_to_fit(text_at(figure, x, top - 0.14, title, size=11, weight="bold", va="top"), width)
    if subtitle:
        shrink_to_fit(text_at(figure, x, top - 0.38, subtitle, size=8, va="top", color=GREY), width)


def figure_of(artist: Artist) -> Figure:
    """Return an artist's figure; ValueError where it has none."""
    figure = artist.get_figure(root=True)
    if figure is None:
        raise ValueError(f"{artist} is on no figure")
    return figure


def shrink_to_fit(text: Text, width: float, smallest: float = 5.5) -> Text:
    """Make a text no wider than ``width`` inches: with smaller letters down to ``smallest`` points, then with fewer."""
    figure = figure_of(text)
    while _text_width(text, figure) > width and float(text.get_fontsize()) > smallest:
        text.set_fontsize(float(text.get_fontsize()) - 0.5)
    words = text.get_text()
    while (measured := _text_width(text, figure)) > width and len(words) > 1:
        words = words[: min(len(words) - 1, int(len(words) * width / measured))].rstrip()
        text.set_text(words + "\N{HORIZONTAL ELLIPSIS}")
    return text


def _text_width(text: Text, figure: Figure) -> float:
    return text.get_window_extent(cast(FigureCanvasAgg, figure.canvas).get_renderer()).width / figure.dpi
