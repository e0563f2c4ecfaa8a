"""Senders from which a gateway takes nothing: never bought, or of another account, or not declared to operators."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, case, func, select

from smsbot.outbox.messages import REFUSED, RESTING, SENT, WITHDRAWN
from smsbot.store.tables import outgoing_messages

LEAST = 3
"""So many refusals and nothing that left: fewer may be about the numbers that were written to."""


def refused_senders(connection: Connection, since: datetime) -> frozenset[str]:
    """The senders whose SMS written since then (UTC) were all refused or given up, `LEAST` of them or more."""
    columns = outgoing_messages.c
    given_up = columns.state.in_((REFUSED, RESTING)) & func.coalesce(columns.error_code, "").not_in(WITHDRAWN)
    statement = (
        select(columns.sender)
        .where(columns.created_at >= since, columns.channel == "sms")
        .group_by(columns.sender)
        .having(
            func.sum(case((given_up, 1), else_=0)) >= LEAST,
            func.sum(case((columns.state == SENT, 1), else_=0)) == 0,
        )
    )
    return frozenset(connection.execute(statement).scalars())
