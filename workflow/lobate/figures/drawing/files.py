"""Writing a figure as PNG and PDF with the same bytes each time, below an alarm where a model learnt nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from lobate.figures.drawing.page import lines_within
from lobate.figures.drawing.style import RED


def save(figure: Figure, png: Path, pdf: Path, dpi: int, alarm: str = "") -> None:
    """Write both files without dates and program names, so that the same figure gives the same bytes.

    An ``alarm`` stands in red above the figure, on a strip of its own.
    """
    strip: dict[str, Any] = {}
    if alarm:
        width, height = figure.get_size_inches()
        lines = lines_within(alarm, width - 0.2, size=8, weight="bold")
        figure.text(0.1 / width, 1 + 0.06 / height, "\n".join(lines), size=8, color=RED, weight="bold", va="bottom")
        strip = {"bbox_inches": Bbox([[0, 0], [width, height + 0.12 + 0.15 * len(lines)]])}
    figure.savefig(png, format="png", dpi=dpi, metadata={"Software": None}, **strip)
    about = {"Creator": None, "Producer": None, "CreationDate": None}
    figure.savefig(pdf, format="pdf", dpi=dpi, metadata=about, **strip)
