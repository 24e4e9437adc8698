from tocsin.data.severity import find, severity


def test_levels_are_fields_not_words() -> None:
    assert [severity(word) for word in ("ERROR", "[warn]", "<NOTICE>", "lvl=crit", "DEBUG:")] == [3.0, 2.0, 1.5, 4.0, 0.0]
    assert [severity(word) for word in ("error", "Error", "errors", "level=high", "()")] == [None] * 5
    assert severity("Failure") is None


def test_only_the_first_words_are_looked_at() -> None:
    assert find(["a", "b", "c", "d", "e", "f", "ERROR"]) == (-1.0, -1)
    assert find(["sshd[<n>]:", "error:", "Received", "disconnect"]) == (3.0, 1)
    assert find(["transfer", "ended", "at", "once", "with", "error:", "none"]) == (-1.0, -1)
    assert find([]) == (-1.0, -1)
