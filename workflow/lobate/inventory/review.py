"""The verb `review-sheet`: detections as a layer that a person fills in, least certain first.

The person saves it under `resources/<region>/` and names it in `inventory.decisions`; nothing here is edited in place.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.inventory.detections import read_pending, read_removed
from lobate.signature import Input, Output
from lobate.vectors import write_layers

log = logging.getLogger(__name__)


def review_sheet(
    detections: Annotated[Path, Input()],
    review: Annotated[Path, Output()],
) -> None:
    """Write the detections as a sheet to review, in EPSG:4326.

    Layer ``review``: the kept detections, lowest mean probability first, with ``status`` (pending), the personal fields
    ``upslope_connection``, ``activity``, ``reviewer`` and ``remark`` (empty), ``confidence`` (mean probability) and
    ``seen``, the outline as it is now (WKT): an edited outline then still says which detection it came from.
    Layer ``removed``: what the filters left out, with its reason, to look at.
    """
    sheet = read_pending(detections).sort_values(["confidence", "detection"]).reset_index(drop=True)
    sheet["seen"] = sheet.geometry.to_wkt(rounding_precision=7).astype(object)
    removed = read_removed(detections)
    write_layers(review, {"review": sheet, "removed": removed})
    log.info("%d detections to review, least certain first; %d removed ones beside them", len(sheet), len(removed))
