"""Random fields with a power spectrum of f^-power: the raw material of heights, tones and outlines."""

from __future__ import annotations

import numpy as np


def fractal(shape: tuple[int, int], rng: np.random.Generator, power: float = 3.0, *, cells: float = 1.0) -> np.ndarray:
    """Return a float32 field of ``shape`` with mean 0 and deviation 1; a larger ``power`` makes it smoother.

    Waves shorter than ``cells`` pixels are left out. The field is periodic, as made by an inverse Fourier transform of
    white noise times f^(-power / 2).
    """
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(rng.standard_normal(shape)) * frequency ** (-power / 2) * (frequency <= 1 / cells)
    field = np.fft.irfft2(waves, shape)
    return ((field - field.mean()) / field.std()).astype(np.float32)


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below ``low``, 1 above ``high``, and the cubic 3t^2 - 2t^3 between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
