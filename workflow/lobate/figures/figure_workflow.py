"""The verb `figure-workflow`: the chain of rules by phase and room, drawn from the real rule graph (the paper's figure 5)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.rule_graph import as_dot, parse_dot
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


def sorted_graph(source: Path, target: Path) -> None:
    """Write the graph in an order that does not change from run to run, so that it is drawn again only when it differs."""
    target.write_text(
        as_dot(parse_dot(source.read_text(encoding="utf-8", errors="replace"), f"The rule graph {source}")),
        encoding="utf-8",
    )


def figure_workflow(
    rules: Annotated[Path, Input(view=sorted_graph)],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
) -> None:
    """Draw the rule graph (DOT text of `snakemake --rulegraph dot`) as PNG and PDF.

    Rules stand in the method's phases from top to bottom, each below what it reads, coloured by room; the target rule
    `all` and what it collects are left out.
    """
    from lobate.figures.drawing.style import save, styled
    from lobate.figures.drawing.workflow import draw_workflow

    graph = parse_dot(rules.read_text(encoding="utf-8", errors="replace"), f"The rule graph {rules}")
    with styled():
        save(draw_workflow(graph), png, pdf, figures.dpi)
    log.info("%d rules and %d dependencies drawn", len(graph.rules), len(graph.edges))
