"""The paper's numbers (METHOD section 1): 317 outlines at 10 m give about 2,230 patches, of which 2,007 train.

Sizes of outlines: the paper's rock glaciers have 0.26 km2 on average (section 3), and the 118 of 290 that were left out for
being too small for 10 m go here by size; areas of landforms are about log-normal (the logarithms of the 81 real outlines of
shared/data/andes_rock_glaciers have a standard deviation of 0.98, here 0.8, so that no giant decides). The 145 negatives are
larger, debris-covered glaciers among them. All are three times as long as wide.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
from shapely import Point, affinity

from lobate.io.vector import read_layer, write_layers
from lobate.patches.crop_patches import crop_patches
from lobate.patches.split_patches import split_patches
from lobate.settings.patches import Crop, Split

from .conftest import grid, make_tile, nothing_removed

SIDE = 2600  # pixels of a tile


def areas(count: int, mean_km2: float, smallest_left_out: int = 0) -> np.ndarray:
    """In square pixels of 10 m: even quantiles of a log-normal distribution."""
    sizes = np.array([np.exp(0.8 * NormalDist().inv_cdf((n + 0.5) / count)) for n in range(count)])
    return (sizes * mean_km2 * 1e4 / sizes.mean())[smallest_left_out:]


def ellipse(area: float, angle: float, place: np.ndarray):
    short = np.sqrt(area / 3 / np.pi)
    return affinity.rotate(affinity.scale(Point(place).buffer(1), 3 * short, short), angle)


def test_317_outlines_give_about_seven_patches_each_and_the_paper_s_90_to_10(tmp_path):
    random = np.random.default_rng(0)
    drawn = [("positive", area) for area in areas(290, 0.26, 118)] + [("negative", area) for area in areas(145, 0.9)]
    places = random.uniform(350, SIDE - 350, (len(drawn), 2))  # no sub-image reaches the image's edge
    outlines = [
        (f"{kind[:3]}{n:03}", kind, ellipse(area, 137.5 * n, place))
        for n, ((kind, area), place) in enumerate(zip(drawn, places, strict=True))
    ]
    footprints = []
    for name, some, crs in (("t1", outlines[::2], 32643), ("t2", outlines[1::2], 32644)):
        tile = make_tile(tmp_path, some, on=grid((SIDE, SIDE), crs=crs), name=name)
        footprints.append(tmp_path / f"{name}.gpkg")
        # 2 GB of pixels are digested and thrown away
        crop_patches(
            tile.image,
            tile.label,
            tile.polygons,
            Path("/dev/null"),
            footprints[-1],
            tile=name,
            crop=Crop(min_entropy=0),
        )
    tables = [read_layer(path, "patches") for path in footprints]
    rows = pd.concat([table.drop(columns="geometry") for table in tables])
    assert rows["polygon"].nunique() == 317
    assert 6.8 < len(rows) / 317 < 7.4
    assert not rows["clipped"].any()
    assert rows[["height", "width"]].to_numpy().max() == 480
    assert rows[["height", "width"]].to_numpy().min() >= 214  # a remainder of a third of a core, and its margin
    assert split(footprints, tmp_path)["validation"] == round(0.1 * len(rows))
    write_layers(footprints[1], {"patches": tables[1][: 2230 - len(tables[0])], "removed": nothing_removed()})
    found = split(footprints, tmp_path)
    assert (found["patches"], found["training"], found["validation"]) == (2230, 2007, 223)


def split(footprints: list[Path], folder: Path) -> dict[str, int]:
    """As the paper did it."""
    method = Split(method="random")
    split_patches(footprints, folder / "split.gpkg", folder / "leakage.json", split_settings=method, seed=0)
    return json.loads((folder / "leakage.json").read_text())["random"]
