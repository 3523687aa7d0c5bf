"""The verb `make-example`: a small synthetic mountain world with known truth, as the files that a user would bring."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Output, Setting
from lobate.settings.example import Example

log = logging.getLogger(__name__)


def make_example(
    scenes: Annotated[list[Path], Output(editable=True)],
    positives: Annotated[Path, Output(editable=True)],
    negatives: Annotated[Path, Output(editable=True)],
    removed: Annotated[Path, Output(editable=True)],
    complete: Annotated[Path, Output(editable=True)],
    dem: Annotated[Path, Output(editable=True)],
    insar: Annotated[Path, Output(editable=True)],
    truth: Annotated[Path, Output(editable=True)],
    *,
    example: Annotated[Example, Setting("example")],
    seed: Annotated[int, Setting("seed")] = 0,
) -> None:
    """Make the world that ``example`` and ``seed`` describe, the same bytes each time.

    ``scenes`` are folders of two tiles, named as ESA names Level-2A products; the names give tile, date and baseline.
    ``positives`` and ``negatives`` are Shapefiles in EPSG:4326 with a field ``id``; ``removed`` is a CSV of ids and
    reasons, ``complete`` the ground that people mapped completely. ``dem`` is an elevation model of 1 arc second, ``insar`` an inventory of a part of the landforms, and
    ``truth`` holds all of them. Raises UserError for other names, and for a world with no room for its landforms.
    """
    from lobate.example.dem import write_dem
    from lobate.example.product import ProductName, make_layout, write_product
    from lobate.example.scenario import generate, rng_for
    from lobate.example.vectors import write_complete, write_insar, write_removed, write_shapefile, write_truth

    products = [ProductName.parse(scene) for scene in scenes]
    scenario = generate(make_layout(products, example), example, seed)
    dates = sorted({product.sensed for product in products})
    for sensed in dates:
        reflectance, classes = scenario.render(sensed, earliest=sensed == dates[0])
        for product in (product for product in products if product.sensed == sensed):
            rows, cols = scenario.layout.tile_window(product.tile)
            grid = scenario.layout.tiles[product.tile]
            cloud = write_product(product, grid, reflectance[:, rows, cols], classes[rows, cols])
            log.info("synthetic scene %s: %.1f %% cloud", product.path.name, cloud)
    write_shapefile(positives, scenario.positives)
    write_shapefile(negatives, scenario.negatives)
    write_removed(removed, scenario.removed)
    write_complete(complete, scenario.complete)
    write_dem(dem, scenario.surface, scenario.layout, rng_for(seed, "dem"))
    write_insar(insar, scenario.insar)
    write_truth(truth, scenario.truth)
    log.info(
        "synthetic world of %d landforms: %d drawn by hand (%d of them to be removed), %d in the InSAR-like inventory, "
        "%d in no file of outlines; %d look-alikes drawn",
        *(len(scenario.truth), len(scenario.positives), len(scenario.removed), len(scenario.insar)),
        *(int((scenario.truth["hidden"] == 1).sum()), len(scenario.negatives)),
    )
