"""Runs hold the whole mask, and bodies are what scipy finds on the pixels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from lobate.network.run_length import adjacent, concatenate, encode, label_components

masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda shape: arrays(bool, shape))


def painted(runs, values):
    image = np.zeros(runs.shape, int)
    for row, start, stop, value in zip(runs.row, runs.start, runs.stop, values, strict=True):
        image[row, start:stop] = value
    return image


@given(masks)
def test_runs_paint_the_mask_again(mask):
    runs = encode(mask)
    assert (painted(runs, np.ones(len(runs))) == mask).all()
    assert runs.lengths.sum() == mask.sum()


@given(masks, st.integers(1, 12))
def test_bands_joined_are_the_whole(mask, rows):
    parts = [encode(mask[at : at + rows], mask.shape, at) for at in range(0, len(mask), rows)]
    joined, whole = concatenate(parts), encode(mask)
    for name in ("row", "start", "stop"):
        assert (getattr(joined, name) == getattr(whole, name)).all()


@given(masks)
def test_labels_are_scipy_s(mask):
    runs = encode(mask)
    for labels, structure in zip(label_components(runs), (None, np.ones((3, 3))), strict=True):
        expected, _ = ndimage.label(mask, structure)
        assert (painted(runs, labels + 1) == expected).all()


@given(masks, masks)
def test_touching_pairs_are_those_within_one_pixel(mask, other):
    shape = tuple(np.minimum(mask.shape, other.shape))
    one, two = encode(mask[: shape[0], : shape[1]].copy()), encode(other[: shape[0], : shape[1]].copy())
    for down in (-1, 0, 1):
        expected = {
            (i, j)
            for i in range(len(one))
            for j in range(len(two))
            if two.row[j] - one.row[i] == down and two.start[j] <= one.stop[i] and one.start[i] <= two.stop[j]
        }
        assert set(zip(*(indices.tolist() for indices in adjacent(one, two, down)), strict=True)) == expected


def test_edges():
    mask = np.zeros((4, 5), bool)
    mask[0, 2] = mask[1, 0] = mask[1, 2] = mask[2, 4] = mask[3, 2] = True
    assert encode(mask).at_edge.tolist() == [True, True, False, True, True]
