"""The verb `figure-map`: the region with its compiled inventory by method (the paper's figure 1)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import alarm_of_map, reasons_alone
from lobate.io.vector import read_polygons
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


def figure_map(
    inventory: Annotated[Path, Input()],
    images: Annotated[list[Path], Input()],
    selection: Annotated[Path, Input(view=reasons_alone)],
    threshold: Annotated[Path, Input(view=reasons_alone)],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
    region: Annotated[str, Setting("region")] = "",
) -> None:
    """Draw the inventory's outlines over the images, in the CRS of the first image, as PNG and PDF.

    ``inventory``: GeoPackage with the layer ``inventory``. Each method has a colour and a marker. Outlines too small for the
    page are shown as a marker; outlines that are not reviewed yet are dashed.
    Where the model of ``selection`` or its map's ``threshold`` learnt nothing, that stands in red above.
    """
    from lobate.figures.drawing.basemap import common_bounds, common_crs
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.map import draw_map
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.style import styled

    crs = common_crs(images)
    landforms = read_polygons(inventory, "inventory").to_crs(crs)
    alarm = alarm_of_map(selection, threshold)
    with styled(figures.font):
        figure = draw_map(
            landforms, images, common_bounds(images, crs),
            title=_title(landform, region), credit=figures.credit, page=Page.of(figures),
        )  # fmt: skip
        save(figure, png, pdf, figures.dpi, alarm)
    log.info("%d landforms drawn over %d images", len(landforms), len(images))


def _title(landform: str, region: str) -> str:
    title = f"{landform[:1].upper()}{landform[1:]} inventory"
    place = region.replace("_", " ")
    return f"{title}, {place.title() if place.islower() else place}" if place else title
