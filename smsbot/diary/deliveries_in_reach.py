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

    Rows of `outgoing_messages` with `by_agent`, who wrote it or had it sent again, and `lists_others`: its text also
    lists appointments of organisations that are not the agent's. The position is where the next page begins; None at
    the end.
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
    """One page of the list in the order in which the STOPs came, and where the next begins; None at the end.

    A STOP holds for all that the service sends. So that nobody learns of numbers of others, only those are listed at
    which somebody of the agent's organisations is reached. `phone` is the one number that is asked about. With `since`,
    only STOPs that came then or later.
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
