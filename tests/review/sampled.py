"""A sample of the small region's map, as `lobate sample` writes it: places and squares in random order."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from lobate.io.vector import LONLAT
from lobate.mapping.accuracy.frozen import FrozenSample, Place, Square, Stratum
from lobate.mapping.accuracy.response import second_look_units, write_response
from lobate.mapping.accuracy.strata import STRATA

from .region import LEFT, PIXEL, TOP, UTM

PLACES, SQUARES = 30, 4
IMAGERY = "Pleiades 0.5 m, August 2021"
FOLDER = Path("resources/demo/accuracy")


def lonlat(shapes: list[shapely.Geometry]) -> np.ndarray:
    return np.asarray(gpd.GeoSeries(shapes, crs=UTM).to_crs(LONLAT).values, dtype=object)


def made_sample() -> FrozenSample:
    """A sample of places on a lattice, every second of them of the detections, and of squares of 1 km."""
    order = np.random.default_rng(3).permutation(PLACES)
    points = lonlat(
        [shapely.Point(LEFT + PIXEL * (60 + 57 * (n % 6)), TOP - PIXEL * (60 + 57 * (n // 6))) for n in order]
    )
    places = tuple(
        Place(
            unit=f"p{number:04d}",
            part="pixels" if n % 2 else "detections",
            stratum=STRATA[n // 2 % 3] if n % 2 else "small, more probable",
            inclusion=0.1,
            lon=round(float(point.x), 7),
            lat=round(float(point.y), 7),
            detection=None if n % 2 else f"d{n:05d}",
            twice=bool(n % 5 == 0),
        )
        for number, (n, point) in enumerate(zip(order, points, strict=True), 1)
    )
    corners = [(300, 300), (1500, 900), (2500, 2500), (600, 2600)]
    boxes = lonlat([shapely.box(LEFT + x, TOP - y - 1000, LEFT + x + 1000, TOP - y) for x, y in corners])
    squares = tuple(
        Square(f"s{number:03d}", 0.2, shapely.to_wkt(box, rounding_precision=7), number == 1)
        for number, box in enumerate(boxes, 1)
    )
    strata = tuple(Stratum(name, 1000, PLACES // 6) for name in STRATA)
    return FrozenSample(
        region="demo",
        landform="rock glacier",
        seed=0,
        imagery=IMAGERY,
        map={"detections": "x", "probabilities": {}},
        pixel_m2=100.0,
        strata=strata,
        classes=(Stratum("small, more probable", 100, PLACES // 2),),
        squares_in_region=20,
        places=places,
        squares=squares,
        near_squares=(),
    )


def write_sample(folder: Path) -> FrozenSample:
    """Write the sample into a region's folder, nothing answered yet."""
    sample, here = made_sample(), folder / FOLDER
    (here / "frozen").mkdir(parents=True)
    (here / "frozen/sample.json").write_text(sample.text())
    write_response(here / "answers.gpkg", sample, sample.places, sample.squares)
    write_response(here / "second_look.gpkg", sample, *second_look_units(sample))
    return sample
