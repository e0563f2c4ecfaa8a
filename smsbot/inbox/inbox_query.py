"""What an agent asks the inbox for, and the position of a thread in its list, as parameters of a page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from smsbot.agents.permissions import read_id
from smsbot.agents.search import MOST_CHARACTERS, Name, Number, Sought, read_sought
from smsbot.instants import EPOCH, read_microseconds, to_microseconds
from smsbot.sources.texts import LONGEST_LINE
from smsbot.understanding.topics import Topic

NEVER = datetime.max.replace(tzinfo=UTC)
"""Stands for the time of the appointment where there is none, so that these threads come last."""


class View(StrEnum):
    """Which threads are listed, as a word in the address."""

    WAITING = "a-traiter"
    MINE = "pour-moi"
    UNASSIGNED = "non-attribues"
    LATER = "plus-tard"
    HANDLED = "traites"


@dataclass(frozen=True, slots=True)
class ThreadPosition:
    """The position of a thread in the list. Times are in UTC.

    `first` is when the appointment of a waiting thread starts, when a thread that was put off comes back, or when a
    handled one was handled. `since` is when the first of its messages came, and `id` is our id of that message.
    """

    first: datetime
    since: datetime
    id: int

    def written(self) -> str:
        return f"{to_microseconds(self.first)}.{to_microseconds(self.since)}.{self.id}"

    @classmethod
    def read(cls, text: str) -> ThreadPosition | None:
        """The position that `written` wrote; None for any other text."""
        match text.split("."):
            case [one, other, number]:
                first, since, message_id = read_microseconds(one), read_microseconds(other), read_id(number)
                return None if first is None or since is None or message_id is None else cls(first, since, message_id)
        return None


ANYWHERE = ThreadPosition(EPOCH, EPOCH, 0)
"""Before every thread."""


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """What the agent asks for. `words` are as typed, and `sought` is what was understood of them.

    `topic` is what a message of the thread is about; `OTHER` includes messages without a topic. `place` is the key of
    the place of one of the person's appointments (`appointments.appointment.place_key`).
    """

    view: View = View.WAITING
    organisation_id: int | None = None
    topic: Topic | None = None
    place: str = ""
    words: str = ""
    sought: Sought | None = None
    after: ThreadPosition | None = None

    @classmethod
    def read(cls, query: Mapping[str, str], today: date) -> InboxQuery:
        """Read the parameters of the page's address. What cannot be read counts as not given."""
        words = query.get("q", "").strip()[:MOST_CHARACTERS]
        found = read_sought(words, today)
        return cls(
            view=next((view for view in View if view == query.get("vue")), View.WAITING),
            organisation_id=read_id(query.get("organisation", "")),
            topic=next((topic for topic in Topic if topic == query.get("sujet")), None),
            place=query.get("lieu", "").strip()[:LONGEST_LINE],
            words=words,
            sought=found if isinstance(found, Name | Number) else None,
            after=ThreadPosition.read(query.get("apres", "")),
        )

    @property
    def filters(self) -> dict[str, str]:
        """The filters, as parameters of the address."""
        wanted = {"organisation": self.organisation_id, "lieu": self.place, "sujet": self.topic, "q": self.words}
        return {name: str(value) for name, value in wanted.items() if value}

    @property
    def parameters(self) -> dict[str, str]:
        """Everything except the page, as parameters of the address."""
        return ({} if self.view is View.WAITING else {"vue": str(self.view)}) | self.filters
