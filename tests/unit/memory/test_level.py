import numpy as np

from tocsin.memory.level import Level


def test_a_level_that_every_line_has_says_nothing() -> None:
    level = Level()
    level.learn(np.full(100, 3.0))
    assert level.judge(np.array([3.0, 5.0, -1.0, 1.0])).round(2).tolist() == [0.0, 4.0, 0.0, 0.0]


def test_levels_learned_later_join_and_are_told() -> None:
    level = Level()
    level.learn(np.array([1.0] * 9))
    level.learn(np.array([5.0]))
    assert level.lines_ == 10 and level.told(5.0, 10) == "its level is FATAL, as grave as 1 of 10 lines" and level.told(1.0, 10) == ""
    assert level.judge(np.array([5.0]))[0] == 2 * np.log(11 / 2)
