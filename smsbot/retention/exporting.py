"""Gives a person everything that is kept about them (GDPR, article 15), as JSON.

Each row is given whole, by column name, so that nothing is forgotten, not even columns that are added later. Left out
on purpose are agents, who are other people, and everybody else in a collective appointment. Where only some
organisations are asked, the text of a list with appointments of others is left out too (`body_left_out` says so). Times
are UTC and end in Z, as in the agents' API.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, select

from smsbot.outbox.listed_appointments import lists_appointments_outside
from smsbot.retention.person import ContactAddress, Traces, traces_of
from smsbot.store.tables import (
    agents,
    appointments,
    audit,
    conversations,
    incoming_messages,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)

ExportedData: TypeAlias = dict[str, Any]


def export(
    connection: Connection, contact: ContactAddress, now: datetime, *, organisation_ids: Sequence[int] | None = None
) -> ExportedData:
    """All that is kept about the person behind `contact`, in these organisations (our ids) or, with None,
    everywhere.
    """
    traces = traces_of(connection, contact, now, organisation_ids)
    return {
        "asked_for": str(contact),
        "asked_at": _instant(now),
        "participations": _participations(connection, traces.participation_ids),
        "messages_received": _rows(connection, incoming_messages, traces.received),
        "messages_sent": _sent(connection, traces),
        "conversations": _rows(connection, conversations, traces.conversations),
        "acts": _rows(connection, audit, traces.acts),
        "stop_list": _rows(connection, opt_outs, traces.stops),
    }


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
    return column is audit.c.agent or any(key.column.table is agents for key in column.foreign_keys)


def _value(value: Any) -> Any:
    return _instant(value) if isinstance(value, datetime) else value


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
