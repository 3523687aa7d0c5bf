from pathlib import Path

import pytest

from lobate.errors import Mistake
from lobate.example.layout import Product, lay_out
from lobate.settings.example import Example

EARLY = "S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241.SAFE"
LATE = "S2B_MSIL2A_20180802T050659_N0500_R019_T44SQC_20230802T101532.SAFE"


def test_a_name_says_tile_date_and_baseline():
    product = Product.of(Path("any") / EARLY)
    assert (product.satellite, product.tile, product.sensed) == ("S2A", "44SPC", "20180711T051651")
    assert (product.baseline, product.added) == ((2, 8), 0)
    assert Product.of(Path(LATE)).added == 1000, "from baseline 04.00 on"


@pytest.mark.parametrize("name", ["scene.SAFE", EARLY.replace("L2A", "L1C"), EARLY.replace("T44", "T31"), EARLY[:-5]])
def test_other_names_are_a_mistake(name):
    with pytest.raises(Mistake, match=r"cannot make a scene called .* Name it in imagery\.tiles"):
        Product.of(Path(name))


def test_tiles_overlap_and_lie_in_the_world(layout):
    west, east = layout.tiles.values()
    assert list(layout.tiles) == ["44SPC", "44SQC"]
    assert west.bounds[2] - east.bounds[0] == 640
    assert west.bounds[3] == east.bounds[3]
    assert layout.world.footprint.buffer(-10 * layout.margin + 1).contains(
        west.footprint.union(east.footprint).buffer(-1)
    )
    assert west.transform.c % 20 == 0, "pixels of 20 m must fit"


def test_parts_are_the_tiles_in_the_worlds_arrays(layout):
    rows, cols = layout.part("44SQC")
    assert layout.world.crop(rows.start, cols.start, 320, 320) == layout.tiles["44SQC"]
    assert layout.seam == layout.margin + 320


def test_one_tile_or_too_much_overlap_is_a_mistake():
    with pytest.raises(Mistake, match="two tiles"):
        lay_out([Product.of(Path(EARLY))], Example(truth="t.gpkg"))
    with pytest.raises(Mistake, match=r"example\.overlap"):
        lay_out([Product.of(Path(EARLY)), Product.of(Path(LATE))], Example(side=256, overlap=256, truth="t.gpkg"))
