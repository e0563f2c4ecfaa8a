"""Reads and checks the word lists (`word_lists/*.txt`) once, when the service starts.

They are for colleagues who know French but no Python. A section begins with the name of a concept in brackets. The
words and phrases below it are separated by commas or line ends, and a comment begins with `#`:

    [YES]  # un oui
    oui, ouais, bien sûr que oui

Accents and capitals do not matter. A phrase counts before its single words. `[COUNT 2]` gives the value of number
words, `[CANCEL es]` says that the words are Spanish. Misspellings are listed too, except those that `spelling`
recognises. What a word means for a message is decided by the rules of each situation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from smsbot.problem import Problem
from smsbot.understanding.concepts import Concept
from smsbot.understanding.spelling import plain

_FOLDER = Path(__file__).parent / "word_lists"
_ANSWERS = "in_an_answer.txt"
_ANNOUNCING = "announcing.txt"
_AS_ONE = "written_as_one.txt"
_PARTICLES = "particles.txt"


class WordListProblem(Problem):
    """A word list has a mistake. The sentence names the file and the line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A listed word or phrase in plain letters. `where` is its place: "answers.txt, line 12"."""

    text: str
    concept: Concept
    where: str
    language: str | None = None
    value: int | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All word lists. `in_an_answer` are words that are answers only to a yes-or-no question. `announcing` are the
    concepts of words in messages that announce that somebody comes. `numbers` are the values of number words.
    """

    entries: tuple[Entry, ...]
    in_an_answer: tuple[Entry, ...]
    announcing: tuple[Entry, ...] = ()
    written_as_one: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    particles: frozenset[str] = frozenset()


def load_vocabulary(folder: Path = _FOLDER) -> Vocabulary:
    """Read the word lists of a folder, in the order of the concepts. Raises WordListProblem."""
    files = {path.name: _lines(path) for path in sorted(folder.glob("*.txt"))}
    as_one = dict(_equations(files.pop(_AS_ONE, [])))
    particles = frozenset(word for _, line in files.pop(_PARTICLES, []) for word in _words(line))
    in_an_answer = tuple(_entries(files.pop(_ANSWERS, [])))
    announcing = tuple(_entries(files.pop(_ANNOUNCING, [])))
    entries = [entry for lines in files.values() for entry in _entries(lines)]
    entries.sort(key=lambda entry: _ORDER[entry.concept])
    _check_once(entries)
    numbers = {entry.text: entry.value for entry in entries if entry.value is not None}
    return Vocabulary(tuple(entries), in_an_answer, announcing, as_one, numbers, particles)


_ORDER = {concept: place for place, concept in enumerate(Concept)}
_HEADING = re.compile(r"\[(?P<concept>[A-Z]+)(?: (?:(?P<value>\d+)|(?P<language>[a-z]{2,3}(?:-[A-Z][a-z]+)?)))?\]")


def _lines(path: Path) -> list[tuple[str, str]]:
    """The lines that are not empty, each as its place and its text."""
    said = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if text:
            said.append((f"{path.name}, line {number}", text))
    return said


def _entries(lines: list[tuple[str, str]]) -> Iterator[Entry]:
    heading: re.Match[str] | None = None
    for where, line in lines:
        if line.startswith("["):
            heading = _HEADING.fullmatch(line)
            if heading is None or heading["concept"] not in Concept.__members__:
                raise WordListProblem(f"{where}: {line} is not the name of a concept; concepts.py has them all.")
        elif heading is None:
            raise WordListProblem(f"{where}: these words stand below no [CONCEPT].")
        else:
            value = int(heading["value"]) if heading["value"] else None
            for word in _words(line):
                yield Entry(word, Concept[heading["concept"]], where, heading["language"], value)


def _words(line: str) -> Iterator[str]:
    for written in line.split(","):
        if written.strip():
            yield " ".join(plain(written).split())


def _equations(lines: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for where, line in lines:
        one, equals, several = line.partition("=")
        if not equals or not one.strip() or not several.strip():
            raise WordListProblem(f"{where}: {line!r} should read like: chuis = je suis")
        yield one.strip().lower(), plain(several.strip())


def _check_once(entries: list[Entry]) -> None:
    seen: dict[tuple[str | None, str], Entry] = {}
    for entry in entries:
        first = seen.setdefault((entry.language, entry.text), entry)
        if first is not entry:
            raise WordListProblem(f"{entry.where}: {entry.text!r} is listed already in {first.where}.")


VOCABULARY = load_vocabulary()
