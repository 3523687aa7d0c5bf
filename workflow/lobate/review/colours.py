"""From numbers to colours: stretches, ramps that people with any colour vision can read, and relief."""

from __future__ import annotations

import numpy as np

PROBABILITY_RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Dark blue to yellow: lightness grows evenly, so it reads without hues too."""
SLOPE_RAMP = ((255, 255, 255), (245, 220, 180), (222, 150, 90), (150, 70, 50), (60, 20, 40))
PHASE_RAMP = ((47, 60, 140), (190, 190, 190), (150, 60, 30), (40, 30, 40), (47, 60, 140))
"""A circle: its ends are one colour."""
CONTOUR_COLOUR = (110, 70, 20)
SUN_AZIMUTH_DEG, SUN_ALTITUDE_DEG = 315.0, 45.0


def stretched(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return values from ``low`` to ``high`` as 0 to 255, uint8."""
    width = high - low if high > low else 1e-9
    return np.asarray(np.clip((values - low) * (255.0 / width) + 0.5, 0, 255).astype(np.uint8))


def ramp(share: np.ndarray, colours: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Return the colours (h, w, 3) of shares from 0 to 1 along a ramp."""
    places = np.linspace(0, 1, len(colours))
    bands = [np.interp(share, places, [colour[band] for colour in colours]) for band in range(3)]
    return np.stack(bands, axis=-1).astype(np.uint8)


def rgba(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Return colours (h, w, 3) or grey (h, w) with an opacity of 0 to 255 (h, w) as RGBA."""
    if colours.ndim == 2:
        colours = np.repeat(colours[..., np.newaxis], 3, axis=-1)
    return np.concatenate([colours, opacity.astype(np.uint8)[..., np.newaxis]], axis=-1)


def hillshade(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Return the light on slopes dz/d(east), dz/d(north) from the north-west, 0 to 255."""
    azimuth, altitude = np.radians([SUN_AZIMUTH_DEG, SUN_ALTITUDE_DEG])
    sun = np.sin(azimuth) * np.cos(altitude), np.cos(azimuth) * np.cos(altitude), np.sin(altitude)
    light = (sun[2] - east * sun[0] - north * sun[1]) / np.sqrt(1 + east**2 + north**2)
    return stretched(np.nan_to_num(light), 0.0, 1.0)


def contour_opacity(heights: np.ndarray, interval: float) -> np.ndarray:
    """Return the opacity (h - 1, w - 1) of contour lines of heights (h, w); every fifth line is stronger."""
    opacity = np.zeros((heights.shape[0] - 1, heights.shape[1] - 1))
    for step, strength in ((interval, 150), (5 * interval, 255)):
        level = np.floor(heights / step)
        crosses = (level[:-1, :-1] != level[1:, :-1]) | (level[:-1, :-1] != level[:-1, 1:])
        opacity[crosses] = strength
    opacity[~np.isfinite(heights[:-1, :-1] + heights[1:, :-1] + heights[:-1, 1:])] = 0
    return opacity
