from __future__ import annotations

import numpy as np

from tocsin.core.seed import derive, generator


def test_same_seed_and_path_give_the_same_numbers() -> None:
    assert generator(3, "a", 1).random(5).tolist() == generator(3, "a", 1).random(5).tolist()


def test_seed_name_and_number_each_matter() -> None:
    firsts = {float(made.random()) for made in (generator(0), generator(1), generator(0, "a"), generator(0, "b"), generator(0, "a", 1),
                                                generator(0, "a", 2), generator(0, "ab"), generator(0, 1, "a"))}
    assert len(firsts) == 8


def test_derived_seeds_are_small_and_repeatable() -> None:
    made = [derive(0, "forest", i) for i in range(50)]
    assert len(set(made)) == 50
    assert all(isinstance(seed, int) and 0 <= seed < 2**31 for seed in made)
    assert made == [derive(0, "forest", i) for i in range(50)]


def test_global_state_is_untouched() -> None:
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    generator(0, "x").normal(size=10)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
