"""What was sent about one appointment, and what has become of each message, as the API lists it."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, select

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import lists_appointments_out_of_reach, outgoing_within_reach
from smsbot.diary.appointments_in_reach import ListPosition
from smsbot.store.tables import agents, outgoing_messages


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
