"""The inbox: messages that the bot could not handle, until an agent has answered them or marked them as handled.

Agents work on threads. A thread is what one telephone wrote to one of our numbers about one organisation. This module
says what one is. `smsbot.inbox.thread_queries` reads threads, `smsbot.inbox.thread_list` finds those that are wanted,
and `smsbot.inbox.handling` changes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import BindParameter, ColumnElement, and_

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import read_id
from smsbot.model import Status
from smsbot.store.tables import incoming_messages

ThreadKey: TypeAlias = tuple[str, str, int]
THREAD_KEY = (incoming_messages.c.from_number, incoming_messages.c.to_number, incoming_messages.c.organisation_id)
"""Messages with the same values in these columns are one thread."""

WAITING = incoming_messages.c.for_agents & incoming_messages.c.handled_at.is_(None)
"""A condition on `incoming_messages`: in the inbox and not handled yet. It may have been put off: see `is_due`."""

HANDLED = incoming_messages.c.for_agents & incoming_messages.c.handled_at.is_not(None)
"""A condition on `incoming_messages`: in the inbox and handled."""


def is_due(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """A condition on `incoming_messages`: not put off, or only until a time that has come.

    A thread counts as waiting if one of its messages is due.
    """
    comes_back_at = incoming_messages.c.comes_back_at
    return comes_back_at.is_(None) | (comes_back_at <= now)


IS_SOMEBODYS = incoming_messages.c.from_number != ""
"""A condition on `incoming_messages`: not erased."""


@dataclass(frozen=True, slots=True)
class ReachedParticipation:
    """A participation of somebody who is reached at the thread's phone, in the thread's organisation."""

    id: int
    appointment_id: int
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str
    location_type: str
    place_name: str | None
    name: str
    email: str | None
    status: Status
    is_requested: bool  # its source has been asked to cancel it, and has not answered yet

    def is_ahead(self, now: datetime) -> bool:
        """Whether it is neither over nor cancelled. A message that comes while it takes place is about it."""
        return (self.ends_at or self.starts_at) > now and not self.status.is_cancelled


@dataclass(frozen=True, slots=True)
class Thread:
    """What one telephone wrote about one organisation. `id`, `at` and `text` are its newest message's.

    `topics` are those of its messages, the newest first. `names` are those of the people who are reached at `phone`,
    and `participations` are theirs, the latest appointment first. `waiting` is how many of its messages are not
    handled; the first of them came at `since`. `handled_by` and `handled_at` are those of the newest message. `held_by`
    is the agent who is writing an answer, until `held_until`. `assigned_by` has handed it over to `assigned_to`.
    `put_off_by` has put it off until `comes_back_at`; both are None as soon as the person writes again. `is_noted` says
    that agents have written notes about it.
    """

    id: int
    phone: str
    our_number: str
    organisation_id: int
    organisation: str
    time_zone: str
    at: datetime
    text: str
    topics: tuple[str, ...]
    waiting: int
    since: datetime
    names: tuple[str, ...]
    participations: tuple[ReachedParticipation, ...]
    assigned_to: Agent | None
    assigned_by: Agent | None
    held_by: Agent | None
    held_until: datetime | None
    put_off_by: Agent | None
    comes_back_at: datetime | None
    is_noted: bool
    handled_by: Agent | None
    handled_at: datetime | None

    def is_put_off(self, now: datetime) -> bool:
        return self.comes_back_at is not None and self.comes_back_at > now

    def holder(self, now: datetime) -> Agent | None:
        return self.held_by if self.held_until is not None and self.held_until > now else None

    def about(self, now: datetime) -> ReachedParticipation | None:
        """The participation that it is most likely about: the one that takes place now, the next one, or the last."""
        ahead = [each for each in self.participations if each.is_ahead(now)]
        return min(ahead, key=lambda each: each.starts_at) if ahead else next(iter(self.participations), None)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the agent's page showed: our ids of the newest message and of the newest answer, 0 for none."""

    message_id: int
    answer_id: int

    def written(self) -> str:
        return f"{self.message_id}.{self.answer_id}"

    @classmethod
    def read(cls, text: str) -> Seen | None:
        """What `written` wrote; None for any other text."""
        message, _, answer = text.partition(".")
        message_id, answer_id = read_id(message), read_id(answer)
        return None if message_id is None or answer_id is None else cls(message_id, answer_id)


@dataclass(frozen=True, slots=True)
class OpenThread:
    """A thread with everything that is needed to answer it.

    `seen` is its newest message and answer. `emails` are where an answer goes if the number has sent STOP.
    """

    thread: Thread
    seen: Seen
    opted_out: bool

    @property
    def emails(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.email for each in self.thread.participations if each.email))


def in_thread_condition(thread: Thread) -> ColumnElement[bool]:
    """A condition on `incoming_messages`: those of this thread."""
    values = (thread.phone, thread.our_number, thread.organisation_id)
    return and_(*(column == value for column, value in zip(THREAD_KEY, values, strict=True)))
