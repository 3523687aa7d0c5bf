"""The verb `figure-outlines`: examples of outlines over the image (the paper's figure 7)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import alarm_of_map, reasons_alone
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


def figure_outlines(
    images: Annotated[list[Path], Input()],
    split: Annotated[Path, Input()],
    polygons: Annotated[Path, Input()],
    detections: Annotated[Path, Input()],
    reviewed: Annotated[Path, Input()],
    inventory: Annotated[Path, Input()],
    selection: Annotated[Path, Input(view=reasons_alone)],
    threshold: Annotated[Path, Input(view=reasons_alone)],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
) -> None:
    """Draw four examples as PNG and PDF: training and validation with IoU, a new landform, one mended or wrong.

    A rule picks them (module `lobate.figures.examples`), or the setting ``figures.examples`` names them. ``split``: layer
    ``split``; ``polygons``, ``detections``: layer ``kept``; ``reviewed``: layers ``reviewed`` and ``rejected``.
    Where the model of ``selection`` or its map's ``threshold`` learnt nothing, that stands in red above.
    """
    from lobate.figures.drawing.basemap import common_crs
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.outlines import draw_examples
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.style import styled
    from lobate.figures.examples import ResultLayers, pick_examples

    examples = pick_examples(ResultLayers.read(split, polygons, detections, reviewed, inventory), figures.examples)
    alarm = alarm_of_map(selection, threshold)
    with styled(figures.font):
        save(
            draw_examples(examples, images, common_crs(images), figures.credit, Page.of(figures)),
            png,
            pdf,
            figures.dpi,
            alarm,
        )
    for example in examples:
        log.info("%s: %s", example.title, example.facts)
