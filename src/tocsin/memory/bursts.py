"""Lines that come far thicker than they ever did: counts of each template in a window of lines."""

from __future__ import annotations

import numpy as np

from tocsin.core.state import Stateful
from tocsin.memory.logbook import Look

WINDOW = 50  # lines
_MOST = 20.0  # nats


class Bursts(Stateful):
    """The most lines of each template that a window of ``WINDOW`` lines held while learning.

    The evidence of a line is the log likelihood ratio of its template's count in the window that ends with it, against a Poisson rate of
    one more than twice the most seen; 0 up to there, and for templates never seen, which are odd by themselves.

    >>> from tocsin.memory.logbook import Logbook
    >>> book, bursts = Logbook(), Bursts()
    >>> bursts.learn(book.learn([*(f"job {i} done" for i in range(99)), "user 1 failed"]))
    >>> bursts.judge(book.look(["user 1 failed"] * 30)).round(1)[[0, 3, 29]].tolist()
    [0.0, 0.2, 20.0]
    """

    def learn(self, look: Look) -> None:
        """Take lines in that the book has learned, in their order."""
        counts = within(look.ids)
        before = np.asarray(getattr(self, "most_", np.zeros(0, dtype=np.int64)))
        most = np.zeros(max(len(before), int(look.ids.max(initial=-1)) + 1), dtype=np.int64)
        most[:len(before)] = before
        np.maximum.at(most, look.ids, counts)
        self.most_ = most

    def judge(self, look: Look) -> np.ndarray:
        """(n,) nats."""
        most = np.asarray(self.most_)
        known = (look.seen > 0) & (look.ids < len(most))
        rate = 2.0 * most[np.where(known, look.ids, 0)] + 1.0
        count = np.maximum(within(look.ids), rate)
        return np.where(known, np.minimum(count * np.log(count / rate) - (count - rate), _MOST), 0.0)

    def told(self, look: Look, line: int) -> str:
        """How thick a line's kind comes, as a clause."""
        count, most = int(within(look.ids[:line + 1])[-1]), int(np.asarray(self.most_)[int(look.ids[line])])
        return f"{count} such lines among the last {WINDOW}, never more than {most} while learning"


def within(ids: np.ndarray) -> np.ndarray:
    """(n,) lines with the same entry among the last ``WINDOW``, the line itself counted.

    >>> within(np.array([7, 3, 7, 7])).tolist()
    [1, 1, 2, 3]
    """
    order = np.argsort(ids, kind="stable")
    key = ids[order] * (len(ids) + WINDOW) + order  # ascending: by entry, then by place
    made = np.empty(len(ids), dtype=np.int64)
    made[order] = np.arange(len(ids)) - np.searchsorted(key, np.maximum(key - WINDOW, ids[order] * (len(ids) + WINDOW) - 1), "right") + 1
    return made
