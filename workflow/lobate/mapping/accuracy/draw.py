"""The draw: detections by size and probability, pixels by stratum, and squares, each without replacement and with a fixed seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.grid import LONLAT, transform_points
from lobate.mapping.accuracy.frozen import FrozenSample, Place, Square, Stratum, map_digests
from lobate.mapping.accuracy.squares import SquareGrid, markers, square_grid
from lobate.mapping.accuracy.strata import STRATA, MappedGround, StrataCensus, count_strata, locate_pixels
from lobate.mapping.valid_area import ValidArea, from_lonlat, to_lonlat, valid_in_any

DRAW_DETECTIONS, DRAW_PIXELS, DRAW_SQUARES, SHUFFLE, TWICE = range(5)
"""Second part of each generator's seed, so that one part's size does not change another part's draw."""
FEWEST = {"detections": 10, "pixels": 10, "squares": 5}
"""Smallest sample of each part; of pixels, in each stratum."""
LEAST_OF_A_CLASS = 2
REPEATED_SHARE = 0.1
"""Share of each stratum, and of the squares, that people look at twice; at least one."""
SIZE_NAMES, PROBABILITY_NAMES = ("small", "middle-sized", "large"), ("less probable", "more probable")
NEAR_SQUARE_M = 5000.0
"""A landform drawn for a square may reach this far beyond it."""


@dataclass(frozen=True)
class SampleSizes:
    """Numbers of detections, of pixels in each stratum, and of squares to draw."""

    detections: int
    pixels: tuple[int, int, int]
    squares: int

    def check(self) -> None:
        """Raise UserError for a sample too small to say anything."""
        asked = {"detections": self.detections, "pixels": min(self.pixels), "squares": self.squares}
        for part, fewest in FEWEST.items():
            if asked[part] < fewest:
                where = " in each stratum" if part == "pixels" else ""
                raise UserError(
                    f"--{part} asks for {asked[part]}, but a sample needs at least {fewest}{where}: fewer would leave nearly every "
                    "accuracy possible. Ask for more; `--dry-run` prints the width that each number buys."
                )


@dataclass(frozen=True)
class SamplingFrame:
    """All that can be drawn: a map's ground, the census of its pixels, and its squares."""

    ground: MappedGround
    census: StrataCensus
    squares: SquareGrid

    @classmethod
    def of(cls, ground: MappedGround) -> SamplingFrame:
        """Return the frame of a map."""
        return cls(ground, count_strata(ground), square_grid(ground.valid_areas))


def allocate(sizes: Sequence[int], total: int, least: int = LEAST_OF_A_CLASS) -> list[int]:
    """Return how many members of each class are drawn: in proportion to its size, at least ``least``, at most all.

    The numbers add up to ``total``, or to the least or most that is possible.
    """
    lowest = [min(size, least) for size in sizes]
    drawn = list(lowest)
    share = total / max(sum(sizes), 1)
    while sum(drawn) < min(total, sum(sizes)):
        lacks = [size * share - number if number < size else -np.inf for size, number in zip(sizes, drawn, strict=True)]
        drawn[int(np.argmax(lacks))] += 1
    return drawn


def detection_classes(kept: gpd.GeoDataFrame) -> np.ndarray:
    """Return the class of each detection (n,): its third by area, and its half by mean probability within all."""
    area, probability = (kept[name].to_numpy(dtype=float) for name in ("area_m2", "mean"))
    by_size = np.searchsorted(np.quantile(area, [1 / 3, 2 / 3]), area)
    by_probability = (probability > np.median(probability)).astype(int)
    return by_size * len(PROBABILITY_NAMES) + by_probability


def class_name(number: int) -> str:
    """Return the name of a class of detections."""
    size, probability = divmod(number, len(PROBABILITY_NAMES))
    return f"{SIZE_NAMES[size]}, {PROBABILITY_NAMES[probability]}"


def draw_sample(
    frame: SamplingFrame, sizes: SampleSizes, *, seed: int, region: str, landform: str, imagery: str, files: MapFiles
) -> FrozenSample:
    """Draw a sample of a map. ``imagery`` names the images on which people will answer."""
    detections, classes = _draw_detections(frame.ground, sizes.detections, seed)
    pixels, strata = _draw_pixels(frame, sizes.pixels, seed)
    squares = _draw_squares(frame, sizes.squares, seed)
    return FrozenSample(
        region=region,
        landform=landform,
        seed=seed,
        imagery=imagery,
        map=map_digests(files.detections, files.probabilities),
        pixel_m2=round(frame.ground.pixel_m2, 4),
        strata=strata,
        classes=classes,
        squares_in_region=len(frame.squares.squares),
        places=_shuffled([*detections, *pixels], seed),
        squares=squares,
        near_squares=_detections_near(frame.ground.kept, squares),
    )


@dataclass(frozen=True)
class MapFiles:
    """The files of a map."""

    detections: Path
    probabilities: Sequence[Path]


def _generator(seed: int, part: int) -> np.random.Generator:
    return np.random.default_rng([seed, part])


def _choose(generator: np.random.Generator, size: int, number: int) -> np.ndarray:
    """Return sorted numbers of ``number`` members out of ``size``, each set equally likely."""
    return np.sort(generator.choice(size, size=number, replace=False, shuffle=False))


def _draw_detections(ground: MappedGround, total: int, seed: int) -> tuple[list[Place], tuple[Stratum, ...]]:
    kept = ground.kept.sort_values("detection").reset_index(drop=True)
    class_of, generator = detection_classes(kept), _generator(seed, DRAW_DETECTIONS)
    numbers, sizes = np.unique(class_of, return_counts=True)
    drawn = allocate([int(size) for size in sizes], total)
    classes = tuple(
        Stratum(class_name(int(number)), int(size), count)
        for number, size, count in zip(numbers, sizes, drawn, strict=True)
    )
    rows = [
        np.flatnonzero(class_of == number)[_choose(generator, stratum.size, stratum.sampled)]
        for number, stratum in zip(numbers, classes, strict=True)
    ]
    places: list[Place] = []
    for stratum, chosen in zip(classes, rows, strict=True):
        points = _snap_to_pixels(markers(kept.geometry.iloc[chosen]), ground.valid_areas)
        names = kept["detection"].iloc[chosen].astype(str)
        places += _places("detections", stratum, points, list(names))
    return places, classes


def _snap_to_pixels(points: np.ndarray, valid_areas: Sequence[ValidArea]) -> np.ndarray:
    """Return each point's pixel centre, (n, 2): a marker must not look different from a drawn pixel."""
    snapped = shapely.get_coordinates(points)
    open_ = np.ones(len(points), dtype=bool)
    for area in valid_areas:
        here = np.flatnonzero(open_)[area.has_data_at(points[open_])]
        if len(here):
            local = shapely.get_coordinates(from_lonlat(points[here], area.grid.crs))
            columns, rows = transform_points(~area.grid.transform, local[:, 0], local[:, 1])
            x, y = transform_points(area.grid.transform, np.floor(columns) + 0.5, np.floor(rows) + 0.5)
            snapped[here] = shapely.get_coordinates(to_lonlat(shapely.points(x, y), area.grid.crs))
            open_[here] = False
    return snapped


def _draw_pixels(frame: SamplingFrame, numbers: Sequence[int], seed: int) -> tuple[list[Place], tuple[Stratum, ...]]:
    generator = _generator(seed, DRAW_PIXELS)
    sizes = [int(size) for size in frame.census.sizes]
    strata = tuple(
        Stratum(name, size, min(size, number)) for name, size, number in zip(STRATA, sizes, numbers, strict=True)
    )
    ranks = [_choose(generator, stratum.size, stratum.sampled) for stratum in strata]
    located = locate_pixels(frame.ground, frame.census, ranks)
    places = [
        place for stratum, points in zip(strata, located, strict=True) for place in _places("pixels", stratum, points)
    ]
    return places, strata


def _places(part: str, stratum: Stratum, points: np.ndarray, detections: Sequence[str] | None = None) -> list[Place]:
    """Return places without a name yet."""
    names: Sequence[str | None] = detections or [None] * len(points)
    return [
        Place("", part, stratum.name, stratum.inclusion, round(float(lon), 7), round(float(lat), 7), name, False)
        for (lon, lat), name in zip(points, names, strict=True)
    ]


def _shuffled(places: list[Place], seed: int) -> tuple[Place, ...]:
    """Return the places in random order, named by it: neither order nor name tells a stratum. A tenth is looked at twice."""
    twice, order = _repeated(places, seed), _generator(seed, SHUFFLE).permutation(len(places))
    width = max(4, len(str(len(places))))
    return tuple(
        replace(places[number], unit=f"p{position:0{width}d}", twice=bool(twice[number]))
        for position, number in enumerate(order, 1)
    )


def _repeated(places: list[Place], seed: int) -> np.ndarray:
    """Return which places are looked at twice (n,), bool: a tenth of each stratum."""
    generator, twice = _generator(seed, TWICE), np.zeros(len(places), dtype=bool)
    strata = [(place.part, place.stratum) for place in places]
    for stratum in sorted(set(strata)):
        members = np.array([number for number, other in enumerate(strata) if other == stratum])
        twice[members[_choose(generator, len(members), _tenth(len(members)))]] = True
    return twice


def _tenth(number: int) -> int:
    return int(np.ceil(REPEATED_SHARE * number))


def _draw_squares(frame: SamplingFrame, number: int, seed: int) -> tuple[Square, ...]:
    """Draw squares and cut them to the mapped ground: landforms off the map are none that it missed."""
    total = len(frame.squares.squares)
    if not total:
        raise UserError(
            "No square of 1 km has its centre on the map, so landforms that were missed cannot be counted in squares. Map a "
            "larger region."
        )
    generator = _generator(seed, DRAW_SQUARES)
    chosen = generator.permutation(_choose(generator, total, min(number, total)))
    whole = np.asarray(frame.squares.outlines(chosen).values, dtype=object)
    outlines = shapely.to_wkt(valid_in_any(whole, frame.ground.valid_areas), rounding_precision=7)
    inclusion = len(chosen) / total
    return tuple(  # in random order, so that the first tenth is a random one
        Square(f"s{position:03d}", inclusion, outline, position <= _tenth(len(chosen)))
        for position, outline in enumerate(outlines, 1)
    )


def _detections_near(kept: gpd.GeoDataFrame, squares: Sequence[Square]) -> tuple[str, ...]:
    local = gpd.GeoSeries(shapely.from_wkt([square.outline for square in squares]), crs=LONLAT)
    metric = local.estimate_utm_crs()
    wide = np.asarray(local.to_crs(metric).buffer(NEAR_SQUARE_M).to_crs(LONLAT).values, dtype=object)
    shapes = np.asarray(kept.sort_values("detection").geometry.values, dtype=object)
    near = np.unique(shapely.STRtree(shapes).query(wide, predicate="intersects")[1])
    return tuple(str(text) for text in shapely.to_wkt(shapes[near], rounding_precision=7))
