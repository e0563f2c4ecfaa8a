"""The STOP list as the API gives it: numbers that take no SMS, of people known in the agent's organisations.

A STOP holds for all that the service sends. So that nobody learns of numbers of others, only those are listed at which
somebody of the agent's organisations is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, select, tuple_

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import within_reach
from smsbot.diary.appointments_in_reach import ListPosition
from smsbot.store.tables import appointments, opt_outs, participations


@dataclass(frozen=True, slots=True)
class StoppedNumber:
    """A number (E.164) that takes no SMS since `stopped_at` (UTC)."""

    phone: str
    stopped_at: datetime


def find_stops(
    connection: Connection,
    agent: Agent,
    after: ListPosition | None,
    limit: int,
    *,
    phone: str | None = None,
    since: datetime | None = None,
) -> tuple[list[StoppedNumber], ListPosition | None]:
    """One page of the list in the order in which the STOPs came, and where the next begins; None at the end.

    `phone` is the one number that is asked about. With `since`, only STOPs that came then or later.
    """
    reached = (participations.c.phone == opt_outs.c.number) & participations.c.removed_at.is_(None)
    known = exists().where(reached, participations.c.appointment_id == appointments.c.id, within_reach(agent))
    statement = select(opt_outs.c.number, opt_outs.c.opted_out_at).where(known)
    if phone is not None:
        statement = statement.where(opt_outs.c.number == phone)
    if since is not None:
        statement = statement.where(opt_outs.c.opted_out_at >= since)
    place = tuple_(opt_outs.c.opted_out_at, opt_outs.c.number)
    if after is not None:
        statement = statement.where(place > tuple_(after.at, f"+{after.row_id}"))
    rows = connection.execute(statement.order_by(opt_outs.c.opted_out_at, opt_outs.c.number).limit(limit + 1)).all()
    page = rows[:limit]
    found = [StoppedNumber(row.number, row.opted_out_at) for row in page]
    if len(rows) <= limit:
        return found, None
    return found, ListPosition(int(page[-1].number.removeprefix("+")), page[-1].opted_out_at)
