"""One appointment as its page shows it: who takes part, the messages of one of them, and what was done to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, select

from smsbot.agents.accounts import Agent
from smsbot.appointments.terms import TermsBook
from smsbot.diary.correspondence import Line, ReceivedMessage, WrittenMessage, correspondence_with
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry, entry_within_reach
from smsbot.store.tables import audit


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done to an appointment, from the audit. `agent` is an e-mail address."""

    at: datetime
    act: str
    by: str
    way: str
    agent: str | None
    participation_id: int | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """An appointment with its messages and acts.

    `participation` is the one whose messages are shown, None where several could be meant. `acts` are in the order of
    time.
    """

    entry: AppointmentEntry
    participation: ParticipationEntry | None
    lines: Sequence[Line]
    acts: Sequence[Act]

    @property
    def segments(self) -> int:
        """How many segments the SMS shown have cost."""
        return sum(line.segments or 0 for line in self._written if line.delivery.fate.is_sent)

    @property
    def segments_under_way(self) -> int:
        """How many segments the SMS that have not left yet will cost."""
        return sum(line.segments or 0 for line in self._written if line.delivery.fate.is_under_way)

    @property
    def waiting_message(self) -> int | None:
        """Our id of a message that waits in the inbox; None where there is none."""
        return next((line.id for line in self.lines if isinstance(line, ReceivedMessage) and line.is_waiting), None)

    @property
    def _written(self) -> Iterator[WrittenMessage]:
        return (line for line in self.lines if isinstance(line, WrittenMessage))


def read_dossier(
    connection: Connection,
    terms_book: TermsBook,
    agent: Agent,
    appointment_id: int,
    participation_id: int | None,
    now: datetime,
) -> Dossier:
    """The dossier of this appointment, with the messages of this participation, or of the only one where it is None.

    Raises OutOfReach.
    """
    entry = entry_within_reach(connection, terms_book, agent, appointment_id)
    participation = None
    if participation_id is not None:
        participation = entry.participation(participation_id)
    elif len(entry.participations) == 1:
        [participation] = entry.participations
    lines: Sequence[Line] = ()
    if participation is not None:
        lines = correspondence_with(
            connection,
            agent,
            now,
            phone=participation.phone,
            appointment_id=appointment_id,
            participation_id=participation.id,
        )
    return Dossier(entry, participation, lines, _acts(connection, appointment_id))


def _acts(connection: Connection, appointment_id: int) -> Sequence[Act]:
    columns = (audit.c[field.name] for field in fields(Act))
    rows = connection.execute(select(*columns).where(audit.c.appointment_id == appointment_id).order_by(audit.c.id))
    return [Act(*row) for row in rows]
