"""Reads the labelled corpus and measures it: confusion tables by situation, and the rates that the README promises.

See `README.md` beside this file for the format and for what the labels mean. STOP, START and HELP are read first in
every situation, as the conversation does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from smsbot.rules.letters import Names, fold
from smsbot.understanding import (
    Answer,
    Choice,
    Keyword,
    Opening,
    read_choice,
    read_confirmation,
    read_keyword,
    read_opening,
)
from smsbot.understanding.letters_given import read_letters

OTHER_LETTERS = "cancel, other letters"
PARTS = ("development", "held_back")
LATER = "later"  # replies that were labelled after the rules were finished; nothing is learned from them
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Reply:
    """One line of the corpus."""

    situation: str
    label: str
    detail: str
    text: str


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `total`."""

    hits: int
    total: int

    def __str__(self) -> str:
        share = f" ({100 * self.hits / self.total:.1f} %)" if self.total else ""
        return f"{self.hits} of {self.total}{share}"


@dataclass(frozen=True, slots=True)
class Measure:
    """How one part of the corpus is understood. `confusion[situation][label, reading]` is a count."""

    confusion: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)

    def rate(self, situation: str, label: str, reading: str) -> Rate:
        """How many replies labelled `label` are read as `reading`."""
        counts = self.confusion.get(situation, Counter())
        total = sum(count for (labelled, _), count in counts.items() if labelled == label)
        return Rate(counts[label, reading], total)

    @property
    def wrong_confirmations(self) -> Rate:
        """Answers that are no, or unclear, but would have cancelled."""
        return self._sum(("confirmation", label, "yes") for label in ("no", "unclear"))

    @property
    def wrong_openings(self) -> Rate:
        """Messages that did not ask to cancel, but would have opened a conversation."""
        return self._sum(("opening", label, "cancel") for label in ("other", "thanks", "help", "stop", "start"))

    @property
    def clear_requests(self) -> Rate:
        """Requests that open the conversation, whether or not letters in the same message were understood."""
        return self._sum(("opening", "cancel", reading) for reading in ("cancel", OTHER_LETTERS))

    @property
    def other_letters(self) -> Rate:
        """Requests whose letters ("ANNULER DUP") were missed, and requests in which another word was read as
        letters.
        """
        return self.rate("opening", "cancel", OTHER_LETTERS)

    @property
    def clear_yes(self) -> Rate:
        return self.rate("confirmation", "yes", "yes")

    @property
    def clear_no(self) -> Rate:
        return self.rate("confirmation", "no", "no")

    def _sum(self, cells: Iterable[tuple[str, str, str]]) -> Rate:
        """The sum of these cells, of all replies with the labels of these cells."""
        rates = {cell: self.rate(*cell) for cell in cells}
        totals = {(situation, label): rate.total for (situation, label, _), rate in rates.items()}
        return Rate(sum(rate.hits for rate in rates.values()), sum(totals.values()))


def replies(part: str) -> list[Reply]:
    """All replies of one part, in the order of the file. Raises FileNotFoundError, or ValueError for a bad line."""
    lines = (_FOLDER / f"{part}.tsv").read_text(encoding="utf-8").splitlines()
    return [_reply(line) for line in lines if line.strip() and not line.startswith("#")]


def _reply(line: str) -> Reply:
    situation, label, detail, text = line.split("\t")
    return Reply(situation, label, detail, text.replace("\\n", "\n"))


def understand(reply: Reply) -> str:
    """The label of the corpus as which a reply is read."""
    keyword = read_keyword(reply.text)
    return _READERS[reply.situation](reply, keyword)


def measure(part: str) -> Measure:
    """Read every reply of one part."""
    result = Measure()
    for reply in replies(part):
        counts = result.confusion.setdefault(reply.situation, Counter())
        counts[reply.label, understand(reply)] += 1
    return result


def _opening(reply: Reply, keyword: Keyword | None) -> str:
    if keyword is not None:
        return keyword.value
    reading = read_opening(reply.text)
    if reading.meaning is not Opening.CANCEL or reply.label != "cancel":
        return reading.meaning.value
    given = fold(reading.letters)[:3] if reading.letters else "-"
    return "cancel" if given == reply.detail else OTHER_LETTERS


def _letters(reply: Reply, keyword: Keyword | None) -> str:
    first_name, surname = reply.detail.split("|")
    return read_letters(reply.text, [Names((surname,), (first_name,))]).kind.value


def _choice(reply: Reply, keyword: Keyword | None) -> str:
    if keyword is not None:
        return "other"
    reading = read_choice(reply.text)
    if reading.meaning is not Choice.NUMBER:
        return reading.meaning.value
    if reading.number is None or not 1 <= reading.number <= 4:
        return "other"
    return "number" if reply.detail in ("-", str(reading.number)) else "another number"


def _confirmation(reply: Reply, keyword: Keyword | None) -> str:
    return Answer.UNCLEAR.value if keyword is not None else read_confirmation(reply.text).value


_READERS: dict[str, Callable[[Reply, Keyword | None], str]] = {
    "opening": _opening,
    "letters": _letters,
    "choice": _choice,
    "confirmation": _confirmation,
}
