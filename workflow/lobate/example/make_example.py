"""make-example: a small synthetic mountain world with known truth, as the files that a user would bring."""

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
    dem: Annotated[Path, Output(editable=True)],
    insar: Annotated[Path, Output(editable=True)],
    truth: Annotated[Path, Output(editable=True)],
    *,
    example: Annotated[Example, Setting("example")],
    seed: Annotated[int, Setting("seed")] = 0,
) -> None:
    """Make the world that ``example`` and ``seed`` describe, the same bytes each time.

    ``scenes`` are folders, named as ESA names Level-2A products (tile, date and baseline are read off the names), of two
    tiles; ``positives`` and ``negatives`` Shapefiles in EPSG:4326 with a field ``id``; ``removed`` a CSV of ids and
    reasons; ``dem`` an elevation model of 1 arc second; ``insar`` an inventory that knows a part of the landforms;
    ``truth`` all of them. Raises UserError for other names, and for a world with no room for its landforms.
    """
    from lobate.example.dem import write_dem
    from lobate.example.product import ProductName, lay_out, write_product
    from lobate.example.scenario import generate, rng_for
    from lobate.example.vectors import write_insar, write_removed, write_shapefile, write_truth

    products = [ProductName.of(scene) for scene in scenes]
    story = generate(lay_out(products, example), example, seed)
    for sensed in sorted({product.sensed for product in products}):
        reflectance, classes = story.seen_on(sensed, earliest=sensed == min(product.sensed for product in products))
        for product in (one for one in products if one.sensed == sensed):
            rows, cols = story.layout.part(product.tile)
            grid = story.layout.tiles[product.tile]
            cloud = write_product(product, grid, reflectance[:, rows, cols], classes[rows, cols])
            log.info("synthetic scene %s: %.1f %% cloud", product.path.name, cloud)
    write_shapefile(positives, story.positives)
    write_shapefile(negatives, story.negatives)
    write_removed(removed, story.removed)
    write_dem(dem, story.surface, story.layout, rng_for(seed, "dem"))
    write_insar(insar, story.insar)
    write_truth(truth, story.truth)
    log.info(
        "synthetic world of %d landforms: %d drawn by hand (%d of them to be removed), %d in the InSAR-like inventory, "
        "%d in no file of outlines; %d look-alikes drawn",
        *(len(story.truth), len(story.positives), len(story.removed), len(story.insar)),
        *(int((story.truth["hidden"] == 1).sum()), len(story.negatives)),
    )
