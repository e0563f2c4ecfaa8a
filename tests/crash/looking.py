"""How the tests read the service's database."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, update

from smsbot.store.tables import UtcDateTime, audit, incoming_messages, metadata, outgoing_messages, participations
from tests.crash.promises import Incoming, Outgoing, Participation

_in = incoming_messages.c
_out = outgoing_messages.c
_SENDING = _out.state == "sending"


def incoming(connection: Connection) -> list[Incoming]:
    columns = (_in.id, _in.gateway_message_id, _in.from_number, _in.outcome)
    return [Incoming(*row) for row in connection.execute(select(*columns))]


def outgoing(connection: Connection) -> list[Outgoing]:
    columns = (
        _out.id,
        _out.channel,
        _out.kind,
        _out.sender,
        _out.recipient,
        _out.body,
        _out.state,
        _out.repeats,
        _out.in_reply_to,
    )
    return [Outgoing(*row) for row in connection.execute(select(*columns))]


def all_participations(connection: Connection) -> list[Participation]:
    cancellations = select(func.count()).where(
        audit.c.participation_id == participations.c.id, audit.c.act == "cancelled"
    )
    columns = (participations.c.phone, participations.c.status, cancellations.scalar_subquery())
    return [Participation(*row) for row in connection.execute(select(*columns))]


def being_sent(connection: Connection) -> list[tuple[str, int]]:
    """The messages, by channel, that would be in doubt if all processes ended now."""
    return [(row.channel, row.id) for row in connection.execute(select(_out.channel, _out.id).where(_SENDING))]


def how_far(connection: Connection) -> tuple[int, int]:
    """How many messages are still to be sent, and how many incoming ones are known."""
    unfinished = select(func.count()).select_from(outgoing_messages).where(_out.state.in_(("waiting", "sending")))
    known = select(func.count()).select_from(incoming_messages)
    return connection.scalar(unfinished) or 0, connection.scalar(known) or 0


def let_time_pass(connection: Connection, passed: timedelta) -> None:
    """Move every time in the database back by `passed`."""
    for table in metadata.sorted_tables:
        keys = list(table.primary_key.columns)
        instants = [column for column in table.columns if isinstance(column.type, UtcDateTime)]
        rows = connection.execute(select(*(each.label(f"this_{each.name}") for each in (*keys, *instants)))).mappings()
        earlier = [
            {name: value - passed if isinstance(value, datetime) else value for name, value in row.items()}
            for row in rows
        ]
        if instants and earlier:
            connection.execute(
                update(table)
                .where(*(key == bindparam(f"this_{key.name}") for key in keys))
                .values({each.name: bindparam(f"this_{each.name}") for each in instants}),
                earlier,
            )
