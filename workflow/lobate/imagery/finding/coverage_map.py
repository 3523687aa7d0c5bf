"""Map of coverage: which part of the area has 0, 1, 2, ... scenes, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import shapely
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline
from shapely.geometry.base import BaseGeometry

from lobate.imagery.finding.coverage import MAX_COUNT, Coverage, count_in_words
from lobate.imagery.finding.items import CatalogueScene
from lobate.io.polygons import polygons_in

NO_SCENE_COLOUR = "#d7301f"
LIGHT, DARK = np.array([222, 235, 247]) / 255, np.array([8, 48, 107]) / 255
DPI = 150
LABEL_BOX = {"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.7, "edgecolor": "none"}


def draw_coverage(covered: Coverage, scenes: Sequence[CatalogueScene], path: Path) -> None:
    """Write the map as PNG; the same coverage gives the same bytes."""
    west, south, east, north = shapely.total_bounds(covered.cells)
    figure = Figure(figsize=(9, float(np.clip(7 * (north - south) / (east - west), 3, 12))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    legend = []
    for level, share in covered.shares().items():
        cells = polygons_in(shapely.coverage_union_all(covered.cells[np.minimum(covered.counts, MAX_COUNT) == level]))
        axes.add_collection(
            PatchCollection([_patch(cell) for cell in cells], facecolor=_colour(level), edgecolor="none")
        )
        legend.append(Patch(facecolor=_colour(level), label=f"{count_in_words(level)}: {100 * share:.1f} %"))
    _draw_tiles(axes, covered, scenes)
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set_xlabel("km east of the area's middle")
    axes.set_ylabel("km north of the area's middle")
    axes.legend(handles=legend, loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title="Part of the area with")
    figure.savefig(path, format="png", dpi=DPI, metadata={"Software": None})


def _colour(level: int) -> str:
    if level == 0:
        return NO_SCENE_COLOUR
    red, green, blue = LIGHT + (DARK - LIGHT) * (level - 1) / (MAX_COUNT - 1)
    return to_hex((red, green, blue))


def _draw_tiles(axes, covered: Coverage, scenes: Sequence[CatalogueScene]) -> None:  # noqa: ANN001 - matplotlib's axes
    """Draw the outline and name of each tile where its scenes show the area."""
    area = shapely.coverage_union_all(covered.cells)
    for tile in sorted({scene.tile for scene in scenes}):
        shown = (
            shapely.union_all([covered.map.project(scene.footprint) for scene in scenes if scene.tile == tile]) & area
        )
        axes.add_collection(
            PatchCollection([_patch(part) for part in polygons_in(shown)], facecolor="none", edgecolor="0.25", lw=0.6)
        )
        point = shown.representative_point()
        axes.annotate(tile, (point.x / 1000, point.y / 1000), ha="center", va="center", fontsize=7, bbox=LABEL_BOX)


def _patch(polygon: BaseGeometry) -> PathPatch:
    """Return a polygon with its holes, in kilometres."""
    rings = shapely.get_rings(polygon)
    return PathPatch(
        Outline.make_compound_path(*(Outline(shapely.get_coordinates(ring) / 1000, closed=True) for ring in rings))
    )
