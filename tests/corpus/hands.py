"""Reads the replies of seven strangers ("hands": `opening.jsonl`, `confirmation.jsonl`), and measures how they are
understood.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from smsbot.understanding import read_confirmation, read_keyword, read_opening
from smsbot.understanding.moments import Asked
from smsbot.understanding.weights import Weights

_FOLDER = Path(__file__).parent
SITUATIONS = ("opening", "confirmation")
ASKED = Asked(datetime(2025, 11, 24, 14, 30, tzinfo=UTC))  # the appointment of every line, in its own zone
NO_OPENING = ("confirm", "help", "late", "machine", "move", "other", "question", "start", "stop", "thanks", "wrong")


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled reply of one hand."""

    situation: str
    text: str
    label: str
    hand: str
    language: str
    note: str


def lines(situation: str) -> list[Line]:
    """All lines of a situation, in the order of the file."""
    written = (_FOLDER / f"{situation}.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Line(situation, line["text"], line["label"], line["hand"], line.get("lang", "fr"), line.get("note", ""))
        for line in map(json.loads, written)
    ]


def hands() -> list[str]:
    """All hands."""
    return sorted({line.hand for situation in SITUATIONS for line in lines(situation)})


@dataclass(frozen=True, slots=True)
class Read:
    """A line, and the label as which it was read."""

    line: Line
    as_: str


def understand(line: Line, weights: Weights | None = None) -> str:
    """The label as which the conversation reads a line, with the shipped weights or with `weights`."""
    keyword = read_keyword(line.text)
    if keyword is not None:
        return keyword.value
    if line.situation == "opening":
        return read_opening(line.text, (ASKED,), weights).meaning.value
    return read_confirmation(line.text, ASKED, weights).value


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total`, with the interval of Wilson that holds the true share with 95 % certainty."""

    hits: int
    total: int

    def interval(self) -> tuple[float, float]:
        if not self.total:
            return 0.0, 1.0
        share, z = self.hits / self.total, 1.96
        middle = share + z * z / (2 * self.total)
        spread = z * math.sqrt(share * (1 - share) / self.total + z * z / (4 * self.total**2))
        whole = 1 + z * z / self.total
        return max((middle - spread) / whole, 0.0), min((middle + spread) / whole, 1.0)

    def __str__(self) -> str:
        if not self.total:
            return "–"
        low, high = self.interval()
        return f"{self.hits} of {self.total}, {100 * self.hits / self.total:.1f} % ({100 * low:.0f}–{100 * high:.0f})"


def _share(read: Iterable[Read], situation: str, labels: Sequence[str], as_: Sequence[str]) -> Share:
    ones = [one for one in read if one.line.situation == situation and one.line.label in labels]
    return Share(sum(one.as_ in as_ for one in ones), len(ones))


FIGURES: dict[str, Callable[[Sequence[Read]], Share]] = {
    "a yes where there was none": lambda read: _share(read, "confirmation", ["no", "unclear"], ["yes"]),
    "clear yes at the first answer": lambda read: _share(read, "confirmation", ["yes"], ["yes"]),
    "clear no": lambda read: _share(read, "confirmation", ["no"], ["no"]),
    "a no where there was a yes": lambda read: _share(read, "confirmation", ["yes"], ["no"]),
    "requests to cancel heard": lambda read: _share(read, "opening", ["cancel"], ["cancel"]),
    "other messages that open": lambda read: _share(read, "opening", NO_OPENING, ["cancel"]),
    "STOP in a sentence heard": lambda read: _share(
        [one for one in read if " " in one.line.text], "opening", ["stop"], ["stop"]
    ),
    "START heard": lambda read: _share(read, "opening", ["start"], ["start"]),
    "stopped without asking": lambda read: Share(
        sum(one.as_ == "stop" and one.line.label not in ("stop", "unsure") for one in read), len(read)
    ),
}


def confusion(read: Iterable[Read]) -> Counter[tuple[str, str]]:
    """How often each label was read as each label."""
    return Counter((one.line.label, one.as_) for one in read)
