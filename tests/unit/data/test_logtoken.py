import pytest

from tocsin.data.logtoken import TIME, VALUE, ZEROS, Masks, masked, number


@pytest.mark.parametrize(("word", "mask"), [
    ("42", VALUE), ("-3.5e", VALUE), ("10ms", VALUE), ("99%", VALUE), ("(0x00544eb8),", VALUE), ("ffffffff", VALUE),
    ("550e8400-e29b-41d4-a716-446655440000", VALUE), ("10.251.73.220:50010", VALUE), ("fe80::1:2:3", VALUE), ("/var/log/x", VALUE),
    ("C:\\temp\\a", VALUE), ("https://a.b/c", VALUE), ("R02-M1-N0-C:J12-U11", VALUE), ("220-135-151-1.hinet-ip.net", VALUE),
    ("15:42:50.675872", TIME), ("2005-06-03-15.42.50.675872", TIME), ("2024-05-01T10:00:00Z", TIME), ("[10/Oct/2000:13:55:36", TIME),
    ("core.2275", "core.<n>"), ("sshd[24200]:", "sshd[<n>]:"), ("uid=0", "uid=" + VALUE), ("file=/tmp/x", "file=" + VALUE),
    ("user=root", "user=root"), ("failed:", "failed:"), ("deadbeef", VALUE), ("added", "added"), ("---", "---"), ("=", "="),
    ("a=" * 500_000 + "1", VALUE), ("x" * 1_000_000, VALUE), (":" * 300, VALUE),
])
def test_what_varies_is_masked_and_words_stay(word: str, mask: str) -> None:
    assert masked(word) == mask


def test_which_digits_there_are_changes_nothing() -> None:
    for word in ("blk_-3886", "2005-06-03-15.42.50.675872", "10.251.73.220:50010", "7af3", "x=1700000000"):
        assert masked(word.translate(ZEROS)) == masked(word), word


def test_memory_of_words_is_bounded() -> None:
    masks = Masks(most=3)
    assert [masks[f"w{'x' * i}0"] for i in range(9)][-1] == "w" + "x" * 8 + "<n>"
    assert len(masks) == 3


def test_only_quantities_are_numbers() -> None:
    assert number("size=67108864") == 67108864.0 and number("-1.5e3,") == -1500.0
    assert [number(word) for word in ("10:30", "1.2.3", "0x10", "root", "", "9" * 400)] == [None] * 6
