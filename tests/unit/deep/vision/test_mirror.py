"""Left against right, and whether it means anything."""

import numpy as np

from tocsin.core.seed import generator
from tocsin.deep.vision.mirror import asymmetry, difference, symmetric


def _cells(n=8):
    return generator(0, "cells").normal(size=(n, 3, 6, 6))


def test_difference_is_symmetric_and_zero_for_a_mirror_image():
    cells = _cells()
    assert np.array_equal(difference(cells[0]), difference(cells[0])[:, ::-1])
    assert difference(cells[0] + cells[0][:, :, ::-1]).max() == 0


def test_symmetric_objects_are_told_from_others():
    cells = _cells()
    whole = cells + cells[..., ::-1]
    assert symmetric(whole + 0.1 * generator(1, "noise").normal(size=whole.shape))
    assert not symmetric(cells)


def test_pictures_that_all_look_alike_say_nothing():
    assert asymmetry(np.ones((5, 2, 4, 4))) == 1.0
    one = np.repeat(_cells(1), 5, axis=0)  # as far from their own mirror image as from each other's
    assert not symmetric(one)
