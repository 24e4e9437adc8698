from tocsin.memory.logbook import Logbook
from tocsin.memory.logtold import kind_told, nearest_told, shown

LOG = [f"10:00:{i % 60:02d} job {i} done" for i in range(50)]


def test_clauses_say_how_rare_and_what_is_near() -> None:
    book = Logbook()
    book.learn(LOG)
    look = book.look(["10:02:00 job 7 done", "10:02:00 job 7 `lost` done", "10:02:01 job 8 `lost` done"])
    assert kind_told(book, look, 0) == "of a kind seen 50 times in 50 lines: `job <*> done`"
    assert kind_told(book, look, 1) == "of a kind never seen in 50 lines: `job <*> 'lost' done`"
    assert kind_told(book, look, 2).endswith(", though it came once before in this log")
    alike = book.likest(look)
    assert nearest_told(book, look, 0, alike) == ""
    assert "% alike, is `job <*> done`" in nearest_told(book, look, 1, alike)


def test_long_lines_are_cut() -> None:
    assert len(shown("word " * 100)) == 160 and shown("word " * 100).endswith("...")
