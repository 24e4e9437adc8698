import numpy as np

from tocsin.memory.familiarity import Familiarity

KNOWN = [("kernel", "cache", "error", "corrected"), ("kernel", "core", "written"), ("user", "left")]


def test_near_wordings_are_denser_than_far_ones_and_many_lines_than_few() -> None:
    book = Familiarity(KNOWN, np.array([50, 30, 2]))
    same, near, shuffled, far = book.density([KNOWN[0], ("kernel", "cache", "error", "found"), KNOWN[0][::-1], ("mount", "failed")])
    assert same > shuffled > far and same > near > far
    assert same >= 50 and far < 1
    assert book.density([KNOWN[2]])[0] < same


def test_the_nearest_is_found_and_pairs_of_words_count() -> None:
    book = Familiarity([("a", "b", "c"), ("c", "b", "a")], np.array([1, 1]))
    index, cosine = book.nearest([("c", "b", "a"), ("x",)])
    assert index[0] == 1 and np.isclose(cosine[0], 1) and cosine[1] == 0


def test_nothing_known_and_empty_lines() -> None:
    empty = Familiarity([], np.zeros(0))
    assert empty.density([("a",)]).tolist() == [0.0] and empty.nearest([("a",)])[0].tolist() == [-1]
    assert np.isclose(Familiarity([()], np.array([3])).density([()])[0], 3)
