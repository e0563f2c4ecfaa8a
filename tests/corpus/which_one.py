"""Measures replies that we wrote ourselves. They were labelled before they were read, and nothing is learned from them.

python -m tests.corpus.which_one             prints the figures of both files: which of two, and what is nearly a yes
python -m tests.corpus.which_one --mistakes  also lists what is misread
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from smsbot.understanding import Answer, Asked, Choice, Keyword, read_choice, read_confirmation, read_keyword
from tests.corpus.hands import ASKED, Share

_FOLDER = Path(__file__).parent


def _at(year: int, month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Paris"))


_A, _B, _C, _D = date(2026, 11, 25), date(2027, 2, 7), date(2027, 3, 18), date(2027, 5, 4)  # when they were written
_E, _F, _G, _H = date(2027, 9, 6), date(2027, 1, 8), date(2027, 6, 1), date(2027, 10, 14)
LISTS = {
    "A": (
        Asked(_at(2026, 11, 27, 9, 0), _A, "Mairie du 8e", ("Léa",)),
        Asked(_at(2026, 12, 3, 14, 30), _A, "MDS Bachut", ("Nathan",)),
    ),
    "B": (
        Asked(_at(2027, 2, 8, 10, 30), _B, "CCAS de Saint-Fons", ("Odette",)),
        Asked(_at(2027, 2, 16, 16, 15), _B, "France Services Givors", ("Odette",)),
    ),
    "C": (
        Asked(_at(2027, 3, 22, 8, 45), _C, "PMI Moulin à Vent", ("Yasmine",)),
        Asked(_at(2027, 4, 2, 11, 15), _C, "Mairie de Vénissieux", ("Rayan",)),
    ),
    "D": (
        Asked(_at(2027, 5, 12, 9, 30), _D, "Espace Emploi Rillieux", ("Moussa",)),
        Asked(_at(2027, 5, 12, 15, 0), _D, "Mairie de Rillieux", ("Fatou",)),
    ),
    "E": (
        Asked(_at(2027, 9, 8, 13, 45), _E, "Maison de la Solidarité Bron", ("Inaya",)),
        Asked(_at(2027, 9, 15, 13, 45), _E, "Maison de la Solidarité Bron", ("Inaya",)),
    ),
    "F": (
        Asked(_at(2027, 1, 9, 11, 0), _F, "Mairie du 3e", ("Lucas",)),
        Asked(_at(2027, 1, 21, 17, 30), _F, "PMI Gerland", ("Manon",)),
    ),
    "G": (
        Asked(_at(2027, 6, 2, 16, 45), _G, "Point Justice Vaulx-en-Velin", ("Amadou",)),
        Asked(_at(2027, 6, 14, 9, 15), _G, "Mairie annexe Sans-Souci", ("Chloé",)),
    ),
    "H": (
        Asked(_at(2027, 10, 16, 10, 0), _H, "Maison des Familles", ("Gaspard",)),
        Asked(_at(2027, 10, 30, 10, 0), _H, "CAF Tassin", ("Rose",)),
    ),
}
CONFIRMED = replace(ASKED, today=date(2025, 11, 21), place="Mairie du 1er", first_names=("Léo",))
"""The appointment in the question to which the near-misses of a yes are answers."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """One line of a file. `of` is the list, or the kind of near-miss."""

    set: str
    of: str
    label: str
    text: str


def choices() -> list[Phrase]:
    """The replies to a list of two appointments."""
    return [Phrase(*line) for line in _lines("which_one.tsv")]


def near_misses() -> list[Phrase]:
    """The replies that are nearly a yes, but not one."""
    return [Phrase(name, kind, "no yes", text) for name, kind, text in _lines("no_yes.tsv")]


def _lines(name: str) -> Iterator[list[str]]:
    for line in (_FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def chosen(phrase: Phrase) -> str:
    """The label as which a reply to a list is read."""
    offered = LISTS[phrase.of]
    reading = read_choice(phrase.text, offered)
    if read_keyword(phrase.text) is Keyword.STOP:
        return "stop"
    if reading.meaning is Choice.NUMBER and reading.number in range(1, len(offered) + 1):
        return str(reading.number)
    return "no" if reading.meaning is Choice.NO else "0"  # if all are shown already, SUITE is asked again


def confirmed(phrase: Phrase) -> str:
    """The label as which an answer to the question for confirmation is read."""
    answer = read_confirmation(phrase.text, CONFIRMED, beside=LISTS["A"][1:])
    return answer.value if answer is Answer.YES else "no yes"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mistakes", action="store_true", help="what is read otherwise than labelled")
    shows_mistakes = options.parse_args().mistakes
    for title, phrases, read in (("which one", choices(), chosen), ("no yes", near_misses(), confirmed)):
        for name in dict.fromkeys(phrase.set for phrase in phrases):
            of_set = [(phrase, read(phrase)) for phrase in phrases if phrase.set == name]
            right = Share(sum(phrase.label == as_ for phrase, as_ in of_set), len(of_set))
            wrong = sum(as_ in ("1", "2", "yes") and as_ != phrase.label for phrase, as_ in of_set)
            print(f"{title}, {name} set: right {right}; another than meant, or one where none was: {wrong}")
            for phrase, as_ in of_set:
                if shows_mistakes and phrase.label != as_:
                    print(f"    {phrase.of}, {phrase.label} read as {as_}: {phrase.text!r}")


if __name__ == "__main__":
    main()
