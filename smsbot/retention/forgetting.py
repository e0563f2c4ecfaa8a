"""Erases a person at their request (GDPR, article 17), from the shell or with a button of the agents' console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, select

from smsbot.appointments.erasure import erase, erase_incoming, erase_outgoing, forget_conversations
from smsbot.appointments.intake.bulk_write import remove
from smsbot.problem import Problem
from smsbot.retention.person import ContactAddress, Traces, traces_of
from smsbot.store.database import serialise


class StillComing(Problem):
    """The person has `number` coming appointments. Nothing was erased."""

    def __init__(self, number: int) -> None:
        super().__init__(f"{number} of their appointments are still to come: nothing has been erased.")
        self.number = number


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows were erased.

    `coming` participations were still to come. `on_stop_list` says that a number of theirs stays on that list, and
    nothing else.
    """

    participations: int
    coming: int
    sent: int
    received: int
    conversations: int
    on_stop_list: bool

    @property
    def is_empty(self) -> bool:
        return not (self.participations or self.sent or self.received or self.conversations)


def forget(
    connection: Connection,
    contact: ContactAddress,
    now: datetime,
    *,
    organisation_ids: Sequence[int] | None = None,
    including_coming: bool = False,
) -> Forgotten:
    """Erase all that is kept about the person behind `contact`, in these organisations (our ids) or, with None,
    everywhere.

    Raises StillComing where they have coming appointments, unless `including_coming` is set. Then smsbot no longer
    knows that they take part, whatever the source sends later. That cancels nothing and tells nobody; whoever wants the
    appointments cancelled must do that first.
    """
    traces = _locked_traces(connection, contact, now, organisation_ids)
    if traces.coming and not including_coming:
        raise StillComing(len(traces.coming))
    sent = erase_outgoing(connection, traces.sent, now)
    received = erase_incoming(connection, traces.received)
    conversations = forget_conversations(connection, traces.conversations)
    erase(connection, traces.participation_ids, now=now)
    remove(connection, traces.coming, now)
    return Forgotten(
        participations=len(traces.participation_ids),
        coming=len(traces.coming),
        sent=sent,
        received=received,
        conversations=conversations,
        on_stop_list=bool(connection.execute(select(exists().where(traces.stops))).scalar_one()),
    )


def _locked_traces(
    connection: Connection, contact: ContactAddress, now: datetime, organisation_ids: Sequence[int] | None
) -> Traces:
    """What is kept about them. No message of theirs is handled until the transaction ends."""
    for phone in traces_of(connection, contact, now, organisation_ids).phones:
        serialise(connection, f"phone:{phone}")
    return traces_of(connection, contact, now, organisation_ids)
