"""Finds hand-written patterns that are of no use: `python -m tests.corpus.patterns`.

Every pattern of `smsbot.understanding.grammar` is watched while all replies of the corpora, and all texts in the tests
of the readers, are read in every situation. It prints how many there are, those that never match, and with `--needless`
those without which every text is read as before, alternative by alternative. Such a pattern has no effect on any known
text, so it can be removed.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

_ROOM = "smsbot.understanding"
_TESTS = Path(__file__).parent.parent
_TESTED = ("understanding", "conversation", "test_turn.py", "test_announcing_turns.py")
_LONGEST = 640
_NEVER = re.compile(r"(?!)")


@dataclass
class Watched:
    """A pattern that keeps the numbers of the texts in which it matched."""

    source: str
    where: str
    whole: re.Pattern[str]
    used: re.Pattern[str]
    matched: set[int] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self.used, name)
        if name not in ("search", "match", "sub", "finditer", "findall", "split"):
            return method

        def watched(*arguments: Any) -> Any:
            text = arguments[1] if name == "sub" else arguments[0]
            if self.used.search(text):
                self.matched.add(_reading[0])
            return method(*arguments)

        return watched

    def alternatives(self) -> list[str]:
        """The alternatives at its outermost level. A single concept is one alternative."""
        parts, depth = [""], 0
        for sign in self.whole.pattern:
            depth += (sign in "([") - (sign in ")]")
            if sign == "|" and depth == 0:
                parts.append("")
            else:
                parts[-1] += sign
        return parts


_reading = [0]  # the number of the text that is being read


def watch() -> tuple[list[Watched], ModuleType]:
    """Load the readers again, with every pattern watched."""
    found: list[Watched] = []
    compile_ = re.compile

    def watching(pattern: str, flags: int = 0) -> Any:
        caller = sys._getframe(1)
        compiled = compile_(pattern, flags)
        if caller.f_code.co_name != "grammar":
            return compiled
        frame = caller.f_back
        while frame is not None and frame.f_code.co_name != "<module>":
            frame = frame.f_back
        where = frame.f_globals["__name__"].rpartition(".")[2] if frame else ""
        found.append(Watched(caller.f_locals["source"], where, compiled, compiled))
        return found[-1]

    for name in [name for name in sys.modules if name.startswith((_ROOM, "tests.corpus.", "benchmarks."))]:
        if name != __name__:
            del sys.modules[name]
    re.compile = watching  # type: ignore[assignment]
    try:
        importlib.import_module(f"{_ROOM}.topics")
        return found, importlib.import_module(_ROOM)
    finally:
        re.compile = compile_


def texts() -> list[str]:
    """All replies of the corpora, and all strings of the tests of the readers."""
    from tests.corpus.hands import SITUATIONS, lines
    from tests.corpus.measure import LATER, PARTS, replies
    from tests.corpus.which_one import choices, near_misses

    found = [line.text for situation in SITUATIONS for line in lines(situation)]
    found += [reply.text for part in (*PARTS, LATER, "tables") for reply in replies(part)]
    found += [phrase.text for phrase in (*choices(), *near_misses())]
    for place in _TESTED:
        for path in sorted((_TESTS / place).glob("*.py")) if (_TESTS / place).is_dir() else [_TESTS / place]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found += [line.strip().replace("\\n", "\n") for line in node.value.splitlines() if line.strip()]
    return [text for text in dict.fromkeys(found) if len(text) <= _LONGEST]


def read_by(room: ModuleType) -> Callable[[str], tuple[object, ...]]:
    """A function that reads a text in every situation."""
    topics = importlib.import_module(f"{_ROOM}.topics")
    caches = [
        getattr(importlib.import_module(f"{_ROOM}.{module}"), name)
        for module, name in (("set_aside", "set_aside"), ("words", "read_words"), ("grammar", "settled"))
    ]
    today = date(2025, 11, 21)
    asked = room.Asked(datetime(2025, 11, 24, 14, 30, tzinfo=UTC), today, "Mairie du 1er", ("Léo",))
    beside = room.Asked(datetime(2025, 12, 4, 9, 0, tzinfo=UTC), today, "MDS Bellevue", ("Inès",))

    def read(text: str) -> tuple[object, ...]:
        for cache in caches:
            cache.cache_clear()
        return (
            room.read_keyword(text),
            room.read_opening(text),
            room.read_opening(text, (asked,)),
            room.read_confirmation(text),
            room.read_confirmation(text, asked),
            room.read_confirmation(text, asked, beside=(beside,)),
            room.read_choice(text, (asked, beside)),
            topics.read_topic(text),
            topics.read_topic(text, (asked,)),
            topics.is_bare_yes(text),
        )

    return read


def needless(
    patterns: list[Watched], read: Callable[[str], tuple[object, ...]], said: list[str]
) -> Iterator[tuple[Watched, str | None]]:
    """The patterns and single alternatives without which every text is read the same."""
    before = [read(text) for text in said]
    for pattern in patterns:
        seen = sorted(pattern.matched)
        parts = pattern.alternatives()
        pattern.used = _NEVER
        if all(read(said[number]) == before[number] for number in seen):
            yield pattern, None
        elif len(parts) > 1:
            for index, part in enumerate(parts):
                pattern.used = re.compile("|".join([*parts[:index], *parts[index + 1 :]]))
                if all(read(said[number]) == before[number] for number in seen):
                    yield pattern, part
        pattern.used = pattern.whole


def _told(part: str, names: dict[str, str]) -> str:
    """An alternative with the names of its concepts. Of a long set, only the first is named."""
    told = re.sub("[\ue000-\uf8ff]{6,}", lambda found: f"{found[0][:3]}…", part)
    return "… " + "".join([f"{names[sign]} " if sign in names else sign for sign in told])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--needless", action="store_true", help="those without which every text is read as before")
    chosen = options.parse_args()
    patterns, room = watch()
    read, said = read_by(room), texts()
    for number, text in enumerate(said):
        _reading[0] = number
        read(text)
    print(f"{len(said)} texts")
    for where, count in sorted(Counter(pattern.where for pattern in patterns).items()):
        print(f"{where.ljust(16)}{count}")
    print(f"{'all patterns'.ljust(16)}{len(patterns)}")
    for pattern in patterns:
        if not pattern.matched:
            print(f"never matches   {pattern.where}: {pattern.source}")
    if chosen.needless:
        names = importlib.import_module(f"{_ROOM}.grammar")._NAME_OF
        for pattern, part in needless([one for one in patterns if one.matched], read, said):
            print(f"needless        {pattern.where}: {pattern.source if part is None else _told(part, names)}")


if __name__ == "__main__":
    main()
