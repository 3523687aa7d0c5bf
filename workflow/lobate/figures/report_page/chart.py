"""Small line charts as SVG, drawn here so that they are text in the page and the same bytes each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from lobate.figures.report_page.markup import Markup, escaped

WIDTH, HEIGHT = 360, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 26, 40
INNER_WIDTH, INNER_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

Range = tuple[float, float]


@dataclass(frozen=True)
class ChartLine:
    """One line: its name, its colour, whether it is dashed, and its points."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


def chart(
    title: str, labels: tuple[str, str], curves: Sequence[ChartLine], *, x: Range | None = None, y: Range
) -> Markup:
    """Return an SVG of the curves with axes, ticks and, below it, a legend; ``x`` spans the points when not given."""
    known = [[point for point in curve.points if all(map(isfinite, point))] for curve in curves]
    across = x or _span([point[0] for points in known for point in points])
    lines = [_line(curve, points, across, y) for curve, points in zip(curves, known, strict=True)]
    picture = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escaped(title)}">'
    words = (
        f'<text x="{LEFT}" y="16" class="title">{escaped(title)}</text>'
        f'<text x="{LEFT + INNER_WIDTH / 2:g}" y="{HEIGHT - 6}" text-anchor="middle">{escaped(labels[0])}</text>'
        f'<text x="12" y="{TOP + INNER_HEIGHT / 2:g}" text-anchor="middle" transform="rotate(-90 12 {TOP + INNER_HEIGHT / 2:g})">'
        f"{escaped(labels[1])}</text>"
    )
    body = picture + _axes(across, y) + "".join(lines) + words + "</svg>"
    return Markup(f'<figure class="chart">{body}<figcaption>{"".join(map(_key, curves))}</figcaption></figure>\n')


def _span(values: Sequence[float]) -> Range:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _line(curve: ChartLine, points: Sequence[tuple[float, float]], x: Range, y: Range) -> str:
    places = " ".join(f"{_across(a, x):.2f},{_down(b, y):.2f}" for a, b in points)
    dots = "".join(
        f'<circle cx="{_across(a, x):.2f}" cy="{_down(b, y):.2f}" r="2" fill="{curve.colour}"/>' for a, b in points
    )
    dashes = ' stroke-dasharray="5 3"' if curve.dashed else ""
    few = dots if len(points) <= 40 and not curve.dashed else ""
    return f'<polyline points="{places}" fill="none" stroke="{curve.colour}" stroke-width="1.6"{dashes}/>{few}'


def _key(curve: ChartLine) -> str:
    dashes = ' stroke-dasharray="5 3"' if curve.dashed else ""
    mark = f'<svg viewBox="0 0 24 8" class="key"><path d="M0 4H24" stroke="{curve.colour}" stroke-width="2"{dashes}/></svg>'
    return f"<span>{mark} {escaped(curve.name)}</span> "


def _axes(x: Range, y: Range) -> str:
    lines = [f'<rect x="{LEFT}" y="{TOP}" width="{INNER_WIDTH}" height="{INNER_HEIGHT}" fill="none" stroke="#777"/>']
    for tick in ticks(*y):
        at = _down(tick, y)
        lines.append(f'<path d="M{LEFT} {at:.2f}h{INNER_WIDTH}" stroke="#e0e0e0"/>')
        lines.append(f'<text x="{LEFT - 4}" y="{at + 3.5:.2f}" text-anchor="end">{tick:g}</text>')
    for tick in ticks(*x):
        at = _across(tick, x)
        lines.append(f'<text x="{at:.2f}" y="{TOP + INNER_HEIGHT + 14}" text-anchor="middle">{tick:g}</text>')
    return "".join(lines)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers from ``low`` to ``high``, about so many: steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / about
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _across(value: float, x: Range) -> float:
    return LEFT + INNER_WIDTH * (value - x[0]) / (x[1] - x[0])


def _down(value: float, y: Range) -> float:
    return TOP + INNER_HEIGHT * (1 - (value - y[0]) / (y[1] - y[0]))
