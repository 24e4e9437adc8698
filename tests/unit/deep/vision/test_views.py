"""The views: own scores as of unseen pictures, states, odd states refused."""

import numpy as np
import pytest

from tocsin.core.errors import ArtifactError
from tocsin.core.seed import generator
from tocsin.deep.vision.views import VIEWS, Mirror, Places, Seen, Whole, joined


def _seen(n=40, seed=0):
    random = generator(seed, "seen")
    return [Seen(random.normal(size=(4, 8, 8)).astype(np.float32), (random.normal(size=6).astype(np.float32),
                                                                    random.normal(size=3).astype(np.float32))) for _ in range(n)]


def _learn(name, seen):
    return Places.learn(seen, 0.1, True) if name == "places" else VIEWS[name].learn(seen)


@pytest.mark.parametrize("name", VIEWS)
def test_own_scores_are_like_those_of_new_pictures(name):
    seen = _seen(n=300)
    view, own = _learn(name, seen[:150])
    fresh = [view.raw(each) for each in seen[150:]]
    assert np.median(own) == pytest.approx(np.median(fresh), rel=0.25)
    assert (own > 0).all()


@pytest.mark.parametrize("name", VIEWS)
def test_states_come_back(name):
    seen = _seen()
    view, _ = _learn(name, seen)
    again = VIEWS[name].from_state(view.state())
    assert again.raw(seen[3]) == view.raw(seen[3])
    for broken in (None, {}, {key: None for key in view.state()}):
        with pytest.raises(ArtifactError, match="TOC-410"):
            VIEWS[name].from_state(broken)


def test_an_odd_cell_shows_where_it_is():
    view, own = Places.learn(_seen(), 0.1, True)
    odd = _seen(1, seed=5)[0]
    odd.cells[:, 3, 4] += 20
    cells = view.cells(odd)
    assert np.unravel_index(cells.argmax(), cells.shape) == (3, 4)
    assert view.raw(odd) > own.max()


def test_a_new_kind_of_picture_is_not_odd_in_every_place():
    view, _ = Places.learn(_seen(n=200), 0.1, True)
    odd = _seen(1, seed=5)[0]
    odd.cells[:] *= 3
    assert np.median(view.cells(odd)) == pytest.approx(1, rel=1e-3)
    assert view.raw(odd) > 2 * view.raw(_seen(1, seed=5)[0])


def test_a_fault_of_many_regions_shows_in_the_map_inside_as_well():
    random = generator(3, "wide")
    drawn = [Seen(random.normal(size=(3, 16, 16)).astype(np.float32), (), None, (random.normal(size=(12, 8, 8)).astype(np.float32),) * 2)
             for _ in range(60)]
    view, _ = Places.learn(drawn[:59], 0.1, True)
    odd = drawn[59]
    odd.regions[0][:, :3] += 1.5
    cells, plain = view.cells(odd), Places(view.gaussians, view.usual, ()).cells(odd)
    assert len(view.patterns) == 2 and cells.shape == (16, 16)
    assert np.median(cells[:5]) > 2 * np.median(cells[8:]) and np.median(plain[:5]) < 1.5 * np.median(plain[8:])
    again = Places.from_state(view.state())
    assert np.array_equal(again.cells(odd), cells)


def test_a_shifted_picture_is_odd_as_a_whole():
    view, own = Whole.learn(_seen())
    odd = _seen(1, seed=5)[0]
    odd.vectors[1][:] += 20
    assert view.raw(odd) > own.max() and view.cells(odd) is None


def test_one_half_that_differs_is_odd_in_the_mirror():
    view, own = Mirror.learn(_seen())
    odd = _seen(1, seed=5)[0]
    odd.cells[:, :, :4] += 20
    assert view.raw(odd) > own.max()
    assert view.cells(odd).mean() == pytest.approx(view.raw(odd), rel=1e-6)


def test_coarse_maps_come_to_the_finest_grid():
    made = joined([np.zeros((2, 8, 8), np.float32), np.full((3, 4, 4), 7, np.float32)])
    assert made.shape == (5, 8, 8) and (made[2:] == 7).all() and made.dtype == np.float32
