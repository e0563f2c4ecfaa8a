"""What a person may ask for (GDPR): a copy of everything stored about them (article 15), or its erasure (article 17).

Both are done from the shell or with a button in the agents' console. The copy is JSON. It has whole rows by column
name, so that nothing is missing, not even columns that are added later. Agents are left out on purpose, because they
are other people, and so are the other participants of a collective appointment. If only some organisations are asked,
the text of a list with appointments of others is left out too (`body_left_out` says so). Times are UTC and end in Z, as
in the agents' API.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, exists, select

from smsbot.appointments.erasure import erase, erase_incoming, erase_outgoing, forget_conversations, forget_pieces
from smsbot.appointments.intake.bulk_write import remove
from smsbot.instants import to_iso
from smsbot.outbox.messages import lists_appointments_outside
from smsbot.problem import Problem
from smsbot.retention.person import ContactAddress, Traces, traces_of
from smsbot.store.database import serialise
from smsbot.store.tables import (
    agents,
    appointments,
    audit,
    cancellation_requests,
    conversations,
    inbox_notes,
    incoming_messages,
    incoming_pieces,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)

ExportedData: TypeAlias = dict[str, Any]


def export(
    connection: Connection, contact: ContactAddress, now: datetime, *, organisation_ids: Sequence[int] | None = None
) -> ExportedData:
    """Everything stored about the person with this `contact`, in these organisations (our ids); None: in all."""
    traces = traces_of(connection, contact, now, organisation_ids)
    return {
        "asked_for": str(contact),
        "asked_at": to_iso(now),
        "participations": _participations(connection, traces.participation_ids),
        "messages_received": _rows(connection, incoming_messages, traces.received),
        "notes": _rows(connection, inbox_notes, _noted(traces)),
        "messages_sent": _sent(connection, traces),
        "conversations": _rows(connection, conversations, traces.conversations),
        "acts": _rows(connection, audit, traces.acts),
        "cancellation_requests": _rows(connection, cancellation_requests, traces.requests),
        "stop_list": _rows(connection, opt_outs, traces.stops),
    }


def _noted(traces: Traces) -> ColumnElement[bool]:
    """A condition on `inbox_notes`: the agents' notes on messages from the person."""
    return inbox_notes.c.message_id.in_(select(incoming_messages.c.id).where(traces.received))


def _sent(connection: Connection, traces: Traces) -> list[ExportedData]:
    if traces.organisation_ids is None:
        return _rows(connection, outgoing_messages, traces.sent)
    lists_others = lists_appointments_outside(traces.organisation_ids).label("lists_others")
    rows = _rows(connection, outgoing_messages, traces.sent, lists_others)
    return [row | {"body": None, "body_left_out": _LEFT_OUT} if row.pop("lists_others") else row for row in rows]


_LEFT_OUT = "the text also lists appointments of other organisations"


def _participations(connection: Connection, ids: Sequence[int]) -> list[ExportedData]:
    found = _rows(connection, participations, participations.c.id.in_(ids))
    wholes = _by_id(connection, appointments, (each["appointment_id"] for each in found))
    theirs = _by_id(connection, organisations, (whole["organisation_id"] for whole in wholes.values()))
    return [
        {
            **each,
            "appointment": (whole := wholes[each["appointment_id"]]),
            "organisation": theirs.get(whole["organisation_id"]),
        }
        for each in found
    ]


def _by_id(connection: Connection, table: Table, ids: Iterable[int | None]) -> dict[int, ExportedData]:
    return {row["id"]: row for row in _rows(connection, table, table.c.id.in_({each for each in ids if each}))}


def _rows(
    connection: Connection, table: Table, these: ColumnElement[bool], *beside: ColumnElement[bool]
) -> list[ExportedData]:
    told = [column for column in table.c if not _is_about_agents(column)]
    rows = connection.execute(select(*told, *beside).where(these).order_by(*table.primary_key.columns))
    return [{name: _value(value) for name, value in row._asdict().items()} for row in rows]


def _is_about_agents(column: ColumnElement[Any]) -> bool:
    named = any(column is each for each in (audit.c.agent, cancellation_requests.c.agent))
    return named or any(key.column.table is agents for key in column.foreign_keys)


def _value(value: Any) -> Any:
    return to_iso(value) if isinstance(value, datetime) else value


class StillComing(Problem):
    """The person has `number` coming appointments. Nothing was erased."""

    def __init__(self, number: int) -> None:
        super().__init__(f"{number} of their appointments are still to come: nothing has been erased.")
        self.number = number


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows were erased.

    `coming` counts the participations that were still to come. `on_stop_list` says that one of their numbers stays on
    the STOP list, and nothing else.
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
    """Erase everything stored about the person with this `contact`, in these organisations (our ids) or, with None, in
    all.

    Raises StillComing where they have coming appointments, unless `including_coming` is set. Then smsbot no longer
    knows that they take part, whatever the source sends later. This cancels nothing and tells nobody; if the
    appointments have to be cancelled, do that first.
    """
    traces = _locked_traces(connection, contact, now, organisation_ids)
    if traces.coming and not including_coming:
        raise StillComing(len(traces.coming))
    sent = erase_outgoing(connection, traces.sent, now)
    received = erase_incoming(connection, traces.received)
    conversations = forget_conversations(connection, traces.conversations)
    forget_pieces(connection, incoming_pieces.c.from_number.in_(traces.numbers))
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
    """What is stored about them. Their messages are not handled until the transaction ends."""
    for phone in traces_of(connection, contact, now, organisation_ids).phones:
        serialise(connection, f"phone:{phone}")
    return traces_of(connection, contact, now, organisation_ids)
