"""What was sent about one appointment, and which numbers take no SMS any more: two lists of the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, exists, select, tuple_

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import lists_appointments_out_of_reach, outgoing_within_reach, within_reach
from smsbot.diary.appointments_in_reach import ListPosition
from smsbot.store.tables import agents, appointments, opt_outs, outgoing_messages, participations


def find_deliveries(
    connection: Connection, agent: Agent, appointment_id: int, after: ListPosition | None, limit: int
) -> tuple[list[RowMapping], ListPosition | None]:
    """One page of the messages about this appointment (our id) in the order in which they were written.

    They are rows of `outgoing_messages` with two more columns. `by_agent` is the agent who wrote the message or had it
    sent again. `lists_others` says that its text also lists appointments of organisations that are not the agent's. The
    position is where the next page begins; None at the end.
    """
    conditions = [outgoing_messages.c.appointment_id == appointment_id, outgoing_within_reach(agent)]
    if after is not None:
        conditions.append(outgoing_messages.c.id > after.row_id)
    rows = (
        connection.execute(
            select(
                outgoing_messages,
                agents.c.email.label("by_agent"),
                lists_appointments_out_of_reach(agent).label("lists_others"),
            )
            .select_from(outgoing_messages.outerjoin(agents, agents.c.id == outgoing_messages.c.agent_id))
            .where(*conditions)
            .order_by(outgoing_messages.c.id)
            .limit(limit + 1)
        )
        .mappings()
        .all()
    )
    page = list(rows[:limit])
    return page, None if len(rows) <= limit else ListPosition(page[-1]["id"], None)


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
    """One page of the numbers in the order in which their STOPs came, and where the next begins; None at the end.

    A STOP is valid for the whole service. But an agent only sees the numbers at which people of their organisations are
    reached. With `phone` (E.164), only this number. With `since` (UTC), only STOPs that came then or later.
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
