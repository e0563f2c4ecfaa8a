"""How long reading a message takes: `python -m benchmarks.reading`.

First it reads the labelled replies of `tests/corpus`, each as the conversation reads it: for keywords, then for the
question that was open. Then every reader reads texts of 640 characters, the longest that are read at all: replies put
together, one word or character repeated, short words in any order, and the slowest text that a search by small changes
finds.

Nothing is kept from one reading to the next. Times are milliseconds of CPU. For the long texts it is the best of
several readings, because other processes make a core slower.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial

from benchmarks.report import Figure, table
from smsbot.rules.letters import Names
from smsbot.understanding import (
    Asked,
    days_and_hours,
    grammar,
    named_at_once,
    read_choice,
    read_confirmation,
    read_keyword,
    read_opening,
    set_aside,
    words,
)
from smsbot.understanding.letters_given import read_letters
from smsbot.understanding.set_aside import LONGEST_READ
from smsbot.understanding.topics import read_topic
from tests.corpus.hands import SITUATIONS, Line, lines

_TODAY = date(2025, 11, 21)
_ASKED = Asked(datetime(2025, 11, 24, 14, 30, tzinfo=UTC), _TODAY, "Mairie du 1er", ("Léo",))
_BESIDE = Asked(datetime(2025, 12, 4, 9, 0, tzinfo=UTC), _TODAY, "MDS Bellevue", ("Inès",))
_COMING = (_ASKED, _BESIDE)
_NAMES = (Names(("Dupont-Durand",), ("Jean", "Marie")), Names(("De La Fontaine",), ("Sophie",)))
_SENT = (
    "Rappel : votre RDV du lundi 24 novembre à 14h30 (Mairie du 1er). Pour annuler, répondez ANNULER.",
    "Voulez-vous annuler votre RDV du jeudi 4 décembre à 9h (MDS Bellevue) ? Répondez OUI ou NON.",
)


def _request(text: str) -> None:
    read_keyword(text)
    read_opening(text, _COMING)


READERS: dict[str, Callable[[str], object]] = {
    "what is set aside": lambda text: set_aside.set_aside(text, _SENT),
    "a keyword, and a request": _request,
    "which one a request names": lambda text: named_at_once(text, _COMING),
    "letters": lambda text: read_letters(text, _NAMES),
    "a choice": lambda text: read_choice(text, _COMING),
    "a yes or no": lambda text: read_confirmation(text, _ASKED, beside=(_BESIDE,)),
    "what it is about": lambda text: read_topic(text, _COMING, _SENT),
}
AWKWARD = (
    # characters
    *("㎚", "'", "?", "\n", "«", "é", "ë", "👍", "> ", "-- \n", '" ', "«a»", '"a b c d" ', ". , ", "n°"),
    # short words, alone and joined
    *("a ", "n y ", "an ", "d'", "x y z ", "st ", "1 2 ", "ne ne ", "annule", "annu ", "oui ", "jsui "),
    # days, hours, numbers, places and people
    *("12h ", "12/", "12 ", "9 ", "9 h ", "le 12 ", "24/11 ", "12h30 ", "12/12/12 ", "vingt ", "vingt et un "),
    *("quatre ", "lun. ", "lundi ", "lundi 24 novembre à 14h30 ", "l'après-midi du 24 à 9h ", "dans 3 jours "),
    *("janvier ", "midi et quart ", "vendredu ", "mercredi prochain ", "mairie ", "mairi du ", "léo ", "dupont "),
    # phrases
    *("ne pas ", "je ne ", "pas besoin d'annuler ", "je peux pas annuler ", "OUI c'est an ", "je ne veux plus de "),
    *("jé pa demand ", "stop sms ", "je réponds ", "mon fils ", "je viens avec ma ", "je garde lundi ", "point "),
    *("comptez sur moi ", "D comme Denis "),
    # texts of machines
    *("aimé «", "rappel : votre rdv ", "voulez-vous annuler votre ", "je conduis ", "en réunion ", "envoyé de "),
)
"""Pieces that are, or once were, the slowest to read when they are repeated."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--changes", type=int, default=60, help="small changes that each search for the worst tries")
    print(table(measure(options.parse_args().changes)))


def measure(changes: int = 60) -> list[Figure]:
    """The figures in milliseconds, each with its aim beside it."""
    replies = [line for situation in SITUATIONS for line in lines(situation)]
    for line in replies:
        read(line)  # fills the caches of words, as in a service that has run for a while
    took = sorted(_milliseconds(partial(read, line)) for line in replies)
    figures = [
        Figure("Reading a reply, median", f"{statistics.median(took):.2f} ms", "0.3 ms"),
        Figure("Reading a reply, 99 of 100 within", f"{took[len(took) * 99 // 100]:.2f} ms", "–"),
    ]
    for name, reader in READERS.items():
        _, longest = max((_best(reader, one), one) for one in (_long(replies, seed) for seed in range(_SEEDS)))
        worst, text = _search(reader, replies, changes)
        figures += [
            Figure(
                f"640 characters of replies, read for {name}",
                f"{_best(reader, longest, _TIMES_AT_LAST):.2f} ms",
                "2 ms",
            ),
            Figure(f"640 characters, the worst found ({text[:12]!r}…)", f"{worst:.2f} ms", "2 ms"),
        ]
    return figures


def read(line: Line) -> None:
    """Read the line as the conversation does, with nothing kept from an earlier reading."""
    forget()
    read_keyword(line.text)
    if line.situation == "opening":
        read_opening(line.text, (_ASKED,))
    else:
        read_confirmation(line.text, _ASKED)


def forget() -> None:
    """Forget what the readers of one message share."""
    for cached in (
        set_aside.cleaned,
        set_aside.set_aside,
        words.read_words,
        grammar.settled,
        days_and_hours.days_and_hours,
    ):
        cached.cache_clear()


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return 1000 * (time.thread_time() - began)


def _best(reader: Callable[[str], object], text: str, times: int = 5) -> float:
    took = []
    for _ in range(times):
        forget()
        took.append(_milliseconds(partial(reader, text)))
    return min(took)


_SEEDS = 20
_TIMES_AT_LAST = 25
_SHORT = 4  # letters


def _long(replies: Sequence[Line], seed: int) -> str:
    """Replies put together. Replies of machines are left out, because the whole text would then be set aside."""
    chosen = random.Random(seed)
    text = ""
    while len(text) < LONGEST_READ:
        reply = chosen.choice(replies).text
        if not set_aside.set_aside(reply, _SENT).aside:
            text += reply + " "
    return text[:LONGEST_READ]


def _little_words(replies: Sequence[Line], seed: int) -> str:
    """As many short words as fit, in any order."""
    chosen = random.Random(seed)
    words = [word for line in replies for word in line.text.split() if len(word) <= _SHORT]
    return " ".join(chosen.choices(words, k=LONGEST_READ))[:LONGEST_READ]


def _search(reader: Callable[[str], object], replies: Sequence[Line], changes: int) -> tuple[float, str]:
    """The slowest text that a search by small changes finds, and its milliseconds."""
    chosen = random.Random(1)
    starts = [(piece * LONGEST_READ)[:LONGEST_READ] for piece in AWKWARD]
    starts += [make(replies, seed) for make in (_long, _little_words) for seed in range(_SEEDS)]
    slowest, text = max((_best(reader, one), one) for one in starts)
    for _ in range(changes):
        at = chosen.randrange(LONGEST_READ)
        piece = chosen.choice(AWKWARD) * chosen.randrange(1, 40)
        changed = (text[:at] + piece + text[at + len(piece) :])[:LONGEST_READ]
        took = _best(reader, changed)
        if took > slowest:
            slowest, text = took, changed
    return _best(reader, text, _TIMES_AT_LAST), text


if __name__ == "__main__":
    main()
