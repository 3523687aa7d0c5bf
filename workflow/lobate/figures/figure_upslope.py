"""The verb `figure-upslope`: altitude and velocity of all landforms and by upslope connection (the paper's figures 8 and 12)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import alarm_of_map, reasons_alone
from lobate.io.vector import read_polygons
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


def figure_upslope(
    inventory: Annotated[Path, Input()],
    selection: Annotated[Path, Input(view=reasons_alone)],
    threshold: Annotated[Path, Input(view=reasons_alone)],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw histograms of altitude and downslope velocity, of all landforms and by upslope connection, as PNG and PDF.

    ``inventory``: GeoPackage with the layer ``inventory``. Each row of panels is one kind, on the bins of all landforms.
    Above each panel stand the number of landforms with a value, their mean and their standard deviation.
    Where the model of ``selection`` or its map's ``threshold`` learnt nothing, that stands in red above.
    """
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.style import styled
    from lobate.figures.drawing.upslope import draw_upslope

    landforms = read_polygons(inventory, "inventory")
    alarm = alarm_of_map(selection, threshold)
    with styled(figures.font):
        save(draw_upslope(landforms, landform, Page.of(figures)), png, pdf, figures.dpi, alarm)
    log.info("altitude and velocity of %d landforms drawn", len(landforms))
