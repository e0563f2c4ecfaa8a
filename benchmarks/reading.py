"""How long reading a message takes: `python -m benchmarks.reading`.

The messages are the labelled replies of `tests/corpus`, each read as the conversation reads it: for keywords, then for
the question that was open. Then texts of 640 characters, the longest that are read: replies put together, and the worst
that a search by small changes finds. Of a message nothing is kept from one reading to the next. The milliseconds are
those that a core works, not those that it waits for others.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.report import Figure, table
from smsbot.understanding import grammar, read_confirmation, read_keyword, read_opening, set_aside, words
from smsbot.understanding.set_aside import LONGEST_READ
from tests.corpus.hands import SITUATIONS, Line, lines

_AWKWARD = (
    "㎚",
    "'",
    "a ",
    "n y ",
    "ne pas ",
    "annule",
    "an ",
    "oui",
    "?",
    "\n",
    "12h",
    "12/",
    "d'",
    "«",
    "é",
    "jsui",
    "ë",
    "👍",
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--changes", type=int, default=400, help="small changes that the search for the worst tries")
    print(table(measure(options.parse_args().changes)))


def measure(changes: int = 400) -> list[Figure]:
    """The figures, in milliseconds; beside each what is aimed at."""
    replies = [line for situation in SITUATIONS for line in lines(situation)]
    for line in replies:
        read(line)  # the words that people use are known after a while
    took = sorted(_milliseconds(partial(read, line)) for line in replies)
    longest = max(_best(partial(read_text, _long(replies, seed))) for seed in range(40))
    worst, text = _search(replies, changes)
    return [
        Figure("Reading a reply, median", f"{statistics.median(took):.2f} ms", "0.3 ms"),
        Figure("Reading a reply, 99 of 100 within", f"{took[len(took) * 99 // 100]:.2f} ms", "–"),
        Figure("Reading 640 characters of replies, worst of 40", f"{longest:.2f} ms", "2 ms"),
        Figure(f"Reading 640 characters, worst found ({text[:12]!r}…)", f"{worst:.2f} ms", "2 ms"),
    ]


def read(line: Line) -> None:
    """As the conversation reads it, from nothing."""
    forget()
    read_keyword(line.text)
    (read_opening if line.situation == "opening" else read_confirmation)(line.text)


def read_text(text: str) -> None:
    """As a request, which takes longest."""
    forget()
    read_keyword(text)
    read_opening(text)


def forget() -> None:
    """What is kept between the readers of one message."""
    for cached in (set_aside.set_aside, words.read, grammar.row):
        cached.cache_clear()


def _milliseconds(work: Callable[[], None]) -> float:
    began = time.thread_time()
    work()
    return 1000 * (time.thread_time() - began)


def _best(work: Callable[[], None], times: int = 3) -> float:
    return min(_milliseconds(work) for _ in range(times))


def _long(replies: Sequence[Line], seed: int) -> str:
    chosen = random.Random(seed)
    text = ""
    while len(text) < LONGEST_READ:
        text += chosen.choice(replies).text + " "
    return text[:LONGEST_READ]


def _search(replies: Sequence[Line], changes: int) -> tuple[float, str]:
    """The slowest text that small changes lead to."""
    chosen = random.Random(1)
    starts = [(piece * LONGEST_READ)[:LONGEST_READ] for piece in _AWKWARD] + [
        _long(replies, seed) for seed in range(10)
    ]
    slowest, text = max((_best(partial(read_text, one)), one) for one in starts)
    for _ in range(changes):
        at = chosen.randrange(LONGEST_READ)
        piece = chosen.choice(_AWKWARD) * chosen.randrange(1, 40)
        changed = (text[:at] + piece + text[at + len(piece) :])[:LONGEST_READ]
        took = _best(partial(read_text, changed))
        if took > slowest:
            slowest, text = took, changed
    return slowest, text


if __name__ == "__main__":
    main()
