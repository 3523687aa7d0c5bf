"""The verb `figure-attributes`: altitude, area, slope, aspect, velocity and length of the landforms (the paper's figure 8)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import alarm_of_map, reasons_alone
from lobate.io.vector import read_polygons
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


def figure_attributes(
    inventory: Annotated[Path, Input()],
    selection: Annotated[Path, Input(view=reasons_alone)],
    threshold: Annotated[Path, Input(view=reasons_alone)],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw histograms of altitude, area, slope, velocity and length and a rose of aspects as PNG and PDF.

    ``inventory``: GeoPackage with the layer ``inventory``. Bars are stacked by upslope connection where at least two kinds
    are known, else by method. Each panel gives the number of landforms that it shows, and of those without a value.
    Where the model of ``selection`` or its map's ``threshold`` learnt nothing, that stands in red above.
    """
    from lobate.figures.drawing.attributes import draw_attributes
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.style import styled

    landforms = read_polygons(inventory, "inventory")
    alarm = alarm_of_map(selection, threshold)
    with styled(figures.font):
        save(draw_attributes(landforms, landform, Page.of(figures)), png, pdf, figures.dpi, alarm)
    log.info("attributes of %d landforms drawn", len(landforms))
