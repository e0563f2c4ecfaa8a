"""What an agent asks the list of appointments for, as parameters of the page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from smsbot.agents.permissions import read_id
from smsbot.agents.search import MOST_CHARACTERS, Name, NoSuchDay, Number, Sought, read_day, read_sought
from smsbot.instants import read_microseconds, to_microseconds


class Only(StrEnum):
    """Which appointments to show, as a word in the address."""

    COMING = "attendus"
    ANNOUNCED = "annonces"
    UNANSWERED = "sans-reponse"
    CANCELLED = "annules"
    UNDELIVERED = "non-remis"
    STOPPED = "stop"


@dataclass(frozen=True, slots=True)
class DiaryPosition:
    """Where a page ends; the next one begins after it."""

    starts_at: datetime
    id: int

    def written(self) -> str:
        return f"{to_microseconds(self.starts_at)}.{self.id}"

    @classmethod
    def read(cls, text: str) -> DiaryPosition | None:
        """The position that `written` wrote; None for any other text."""
        moment, _, number = text.partition(".")
        starts_at, appointment_id = read_microseconds(moment), read_id(number)
        return None if starts_at is None or appointment_id is None else cls(starts_at, appointment_id)


@dataclass(frozen=True, slots=True)
class DiaryQuery:
    """What the agent asks for. `words` and `day` are as typed; `sought` and `asked_day` are what was understood.

    The day has a field of its own, but may also be among the words.
    """

    words: str = ""
    day: str = ""
    sought: Sought | None = None
    asked_day: date | None = None
    are_words_understood: bool = True
    is_day_understood: bool = True
    only: Only | None = None
    organisation_id: int | None = None
    place: str = ""
    label: str = ""
    past: bool = False
    after: DiaryPosition | None = None

    @property
    def is_understood(self) -> bool:
        return self.are_words_understood and self.is_day_understood

    @property
    def agenda_number(self) -> str | None:
        """The words, which may be the source's id of an appointment; None where they are a day."""
        is_day = self.sought is None and self.are_words_understood
        return None if is_day or not self.words.isprintable() else self.words[:MOST_CHARACTERS]

    @property
    def is_search(self) -> bool:
        return bool(self.words) and not (self.sought is None and self.are_words_understood)

    @property
    def is_filtered(self) -> bool:
        """Whether an organisation, a place or a label is asked for."""
        return self.organisation_id is not None or bool(self.place or self.label)

    @property
    def parameters(self) -> dict[str, str]:
        """Everything except the page, as parameters of the address."""
        is_day_in_words = self.asked_day is not None and not self.is_search
        wanted = {
            "q": "" if is_day_in_words else self.words,
            "jour": self.asked_day.isoformat() if self.asked_day is not None else self.day,
            "organisation": self.organisation_id,
            "lieu": self.place,
            "objet": self.label,
            "voir": self.only,
            "quand": "passes" if self.past else None,
        }
        return {name: str(value) for name, value in wanted.items() if value}

    @classmethod
    def read(cls, query: Mapping[str, str], today: date) -> DiaryQuery:
        """Read the parameters of the page's address. What cannot be read counts as not given."""
        words, day = query.get("q", "").strip(), query.get("jour", "").strip()
        found, on_day = read_sought(words, today), _read_day(day, today)
        return cls(
            words=words,
            day=on_day.isoformat() if on_day else day,
            sought=found if isinstance(found, Name | Number) else None,
            asked_day=found if isinstance(found, date) else on_day,
            are_words_understood=not words or found is not None,
            is_day_understood=not day or on_day is not None,
            only=next((only for only in Only if only == query.get("voir")), None),
            organisation_id=read_id(query.get("organisation", "")),
            place=_line(query.get("lieu", "")),
            label=_line(query.get("objet", "")),
            past=query.get("quand") == "passes",
            after=DiaryPosition.read(query.get("apres", "")),
        )


def _line(text: str) -> str:
    """The text, or "" if it has characters that a database cannot store."""
    return text if text.isprintable() else ""


def _read_day(text: str, today: date) -> date | None:
    try:
        return read_day(text, today)
    except NoSuchDay:
        return None
