"""Counts the threads that wait: for an agent, as each page of the console shows, and in each organisation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import GivenAgent, PreparedForAgents, incoming_within_reach
from smsbot.inbox.threads import IS_SOMEBODYS, THREAD_KEY, WAITING, is_due
from smsbot.store.tables import UtcDateTime, incoming_messages


def count_waiting(connection: Connection, agent: Agent, now: datetime) -> int:
    """How many threads wait in all of the agent's organisations. Those that are put off do not count."""
    [[number]] = _COUNT_WAITING.rows(connection, agent, {"now": now})
    return int(number)


def _count_waiting(agent: GivenAgent) -> Select[Any]:
    these = (WAITING, is_due(bindparam("now", type_=UtcDateTime())), IS_SOMEBODYS, incoming_within_reach(agent))
    distinct = select(*THREAD_KEY).where(*these).distinct().subquery()
    return select(func.count()).select_from(distinct)


_COUNT_WAITING = PreparedForAgents(_count_waiting)


def count_waiting_by_organisation(
    connection: Connection, organisation_ids: Sequence[int], now: datetime
) -> dict[int, int]:
    """How many threads wait in each of these organisations (our ids) that has any."""
    these = (WAITING, is_due(now), IS_SOMEBODYS, incoming_messages.c.organisation_id.in_(organisation_ids))
    distinct = select(*THREAD_KEY).where(*these).distinct().subquery()
    counted = select(distinct.c.organisation_id, func.count().label("number")).group_by(distinct.c.organisation_id)
    return {row.organisation_id: row.number for row in connection.execute(counted)}
