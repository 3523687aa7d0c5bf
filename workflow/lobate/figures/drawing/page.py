"""A figure's page: its width and what stands on it by the settings, texts fitted into a width, axes, and the heading.

Places are in inches from the page's lower left corner.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from lobate.figures.drawing.style import GREY, PAGE_WIDTH, SMALLEST, new_figure
from lobate.settings.figures import Figures

NARROW = 5.0
"""Inches: panels that stand side by side on a wider page stand one below the other on a narrower one."""

TITLE, LINE, MARGIN, LEGEND_GAP = 0.24, 0.15, 0.1, 0.05
"""Inches for the title, for a line of the subtitle, above the heading, and above the legend."""


@dataclass(frozen=True)
class Page:
    """The width of a figure in inches, whether its title stands inside, and how its panels are lettered."""

    width: float = PAGE_WIDTH
    titles: bool = True
    letters: str = "(a)"

    @classmethod
    def of(cls, figures: Figures) -> Page:
        """Return the page that the settings ask for."""
        return cls(figures.width_mm / 25.4, figures.titles, figures.letters)

    @property
    def narrow(self) -> bool:
        """Whether the page is one column wide."""
        return self.width < NARROW

    def letter(self, number: int) -> str:
        """Return the letter of a panel, counted from 0; "" where panels are not lettered."""
        small = "abcdefghijklmnopqrstuvwxyz"[number]
        return {"(a)": f"({small})", "a": small, "A": small.upper(), "none": ""}[self.letters]

    def lettered(self, number: int, title: str) -> str:
        """Return a panel's title after its letter."""
        return " ".join(filter(None, [self.letter(number), title]))


DOUBLE = Page()


def text_at(figure: Figure, x: float, y: float, text: str, **style: Any) -> Text:
    """Write a text at a place."""
    return figure.text(x, y, text, transform=figure.dpi_scale_trans, **style)


def axes_at(figure: Figure, x: float, y: float, width: float, height: float, **options: Any) -> Axes:
    """Add axes with their lower left corner at a place."""
    page_width, page_height = figure.get_size_inches()
    return figure.add_axes((x / page_width, y / page_height, width / page_width, height / page_height), **options)


def letter_above(axes: Axes, page: Page, number: int) -> None:
    """Write a panel's letter above its upper left corner, right of which nothing else may stand."""
    figure = figure_of(axes)
    panel, height = axes.get_position(original=True), figure.get_figheight()
    if page.letter(number):
        x, y = panel.x0 * page.width, panel.y1 * height + 0.04
        text_at(figure, x, y, page.letter(number), size=8, weight="bold", va="bottom")


def legend_at(figure: Figure, x: float, y: float, entries: Iterable[tuple[str, Artist]], **options: Any) -> Legend:
    """Add a legend with its upper left corner at a place; each entry is a label and its key."""
    labels, keys = zip(*entries, strict=True)
    return figure.legend(
        keys, labels, loc="upper left", bbox_to_anchor=(x, y), bbox_transform=figure.dpi_scale_trans,
        borderaxespad=0, borderpad=0, **options,
    )  # fmt: skip


@dataclass
class LegendPlan:
    """A legend whose columns fit a width: its entries, its options and its height in inches."""

    entries: list[tuple[str, Artist]]
    options: dict[str, Any] = field(default_factory=dict)
    height: float = 0.0

    def draw(self, figure: Figure, x: float, y: float) -> None:
        """Add the legend with its upper left corner at a place."""
        if self.entries:
            legend_at(figure, x, y, self.entries, **self.options)


def plan_legend(entries: Iterable[tuple[str, Artist]], width: float, ncols: int, **options: Any) -> LegendPlan:
    """Return a legend of at most ``ncols`` columns, fewer where they are wider than ``width``; labels end with dots at last."""
    listed = list(entries)
    if not listed:
        return LegendPlan([])
    for columns in range(min(ncols, len(listed)), 0, -1):
        measured = _measure_legend(listed, {**options, "ncols": columns})
        if measured[0] <= width:
            break
    else:
        over = measured[0] - width
        longest = max(_width_of(label, size=7) for label, _ in listed)
        listed = [(_shortened(label, longest - over, size=7), key) for label, key in listed]
    return LegendPlan(listed, {**options, "ncols": columns}, _measure_legend(listed, {**options, "ncols": columns})[1])


def _measure_legend(entries: list[tuple[str, Artist]], options: dict[str, Any]) -> tuple[float, float]:
    figure = new_figure(5.0)
    box = legend_at(figure, 0, 5, entries, **options).get_window_extent(_renderer(figure))
    return box.width / figure.dpi, box.height / figure.dpi


@dataclass
class Heading:
    """What stands above the panels: title and subtitle where the settings want them, and the legend; ``height`` in inches."""

    left: float
    width: float
    title: str
    lines: list[str]
    legend: LegendPlan

    @property
    def height(self) -> float:
        """Inches from the page's upper edge to the foot of the heading."""
        below = LEGEND_GAP + self.legend.height if self.legend.entries else 0
        return MARGIN + (TITLE if self.title else 0) + LINE * len(self.lines) + below

    def draw(self, figure: Figure) -> None:
        """Write the heading at the top of the page."""
        y = figure.get_figheight() - MARGIN
        if self.title:
            text = text_at(figure, self.left, y - 0.03, self.title, size=11, weight="bold", va="top")
            shrink_to_fit(text, self.width)
            y -= TITLE
        for line in self.lines:
            shrink_to_fit(text_at(figure, self.left, y, line, size=8, va="top", color=GREY), self.width)
            y -= LINE
        self.legend.draw(figure, self.left, y - LEGEND_GAP)


def plan_heading(
    page: Page, left: float, right: float, title: str, subtitle: str = "",
    entries: Iterable[tuple[str, Artist]] = (), ncols: int = 4, **options: Any,
) -> Heading:  # fmt: skip
    """Return the heading between two margins; a page without titles keeps the legend alone."""
    width = page.width - left - right
    lines = lines_within(subtitle, width, size=8) if page.titles and subtitle else []
    return Heading(left, width, title if page.titles else "", lines[:3], plan_legend(entries, width, ncols, **options))


def notes_above(figure: Figure, notes: Sequence[str], left: float, width: float, y: float = 0.1) -> None:
    """Write grey lines at the foot of the page, the last of them at a height."""
    for number, line in enumerate(reversed(notes)):
        shrink_to_fit(text_at(figure, left, y + 0.12 * number, line, size=6.5, color=GREY, va="bottom"), width)


def figure_of(artist: Artist) -> Figure:
    """Return an artist's figure; ValueError where it has none."""
    figure = artist.get_figure(root=True)
    if figure is None:
        raise ValueError(f"{artist} is on no figure")
    return figure


def lines_within(text: str, width: float, **style: Any) -> list[str]:
    """Return a text in lines no wider than ``width`` inches; a longer word stands alone on its line, and is broken."""
    lines: list[str] = []
    for word in text.split():
        if lines and _width_of(f"{lines[-1]} {word}", **style) <= width:
            lines[-1] += f" {word}"
        else:
            lines += _broken(word, width, **style)
    return lines


def _broken(word: str, width: float, **style: Any) -> list[str]:
    measured = _width_of(word, **style)
    if measured <= width or len(word) == 1:
        return [word]
    at = max(1, min(len(word) - 1, int(0.95 * len(word) * width / measured)))
    return [*_broken(word[:at], width, **style), *_broken(word[at:], width, **style)]


def _width_of(text: str, **style: Any) -> float:
    figure = new_figure(1.0)
    return _text_width(figure.text(0, 0, text, **style), figure)


def _shortened(text: str, width: float, **style: Any) -> str:
    figure = new_figure(1.0)
    return shrink_to_fit(figure.text(0, 0, text, **style), width, smallest=style["size"]).get_text()


def shrink_to_fit(text: Text, width: float, smallest: float = SMALLEST) -> Text:
    """Make a text no wider than ``width`` inches: with smaller letters down to ``smallest`` points, then with fewer."""
    figure = figure_of(text)
    while _text_width(text, figure) > width and float(text.get_fontsize()) > smallest:
        text.set_fontsize(max(smallest, float(text.get_fontsize()) - 0.5))
    words = text.get_text()
    while (measured := _text_width(text, figure)) > width and len(words) > 1:
        words = words[: min(len(words) - 1, int(len(words) * width / measured))].rstrip()
        text.set_text(words + "\N{HORIZONTAL ELLIPSIS}")
    return text


def _text_width(text: Text, figure: Figure) -> float:
    return text.get_window_extent(_renderer(figure)).width / figure.dpi


def _renderer(figure: Figure) -> Any:
    return cast(FigureCanvasAgg, figure.canvas).get_renderer()
