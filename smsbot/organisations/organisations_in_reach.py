"""An agent's organisations, for the API: with what is set for each, and how much waits there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import organisations_within_reach
from smsbot.diary.appointments_in_reach import ListPosition
from smsbot.inbox.alerts import alert_addresses
from smsbot.inbox.threads import IS_SOMEBODYS, WAITING
from smsbot.model import CANCELLED_STATUSES
from smsbot.store.tables import appointments, incoming_messages, organisations


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """A row of `organisations`, with the address that is told of new messages, and two counts.

    `coming` is how many of its appointments are still to come and not cancelled, `waiting` how many messages in its
    inbox are not handled.
    """

    organisation: RowMapping
    alert_address: str | None
    coming: int
    waiting: int


def find_organisations(
    connection: Connection,
    agent: Agent,
    now: datetime,
    *,
    key: tuple[str, str] | None = None,
    after: ListPosition | None = None,
    limit: int = 1,
) -> tuple[list[OrganisationRow], ListPosition | None]:
    """One page of the agent's organisations that are known here, in the order of our ids, and where the next begins.

    The position is None at the end. With `key`, a source and its id of the organisation, only that one.
    """
    statement = organisations_within_reach(agent, *organisations.c)
    if key is not None:
        source, external_id = key
        statement = statement.where(organisations.c.source == source, organisations.c.external_id == external_id)
    if after is not None:
        statement = statement.where(organisations.c.id > after.row_id)
    rows = connection.execute(statement.order_by(organisations.c.id).limit(limit + 1)).mappings().all()
    page = rows[:limit]
    ids = [row["id"] for row in page]
    addresses = alert_addresses(connection, ids)
    coming, waiting = _coming(connection, ids, now), _waiting(connection, ids)
    found = [
        OrganisationRow(row, addresses.get(row["id"]), coming.get(row["id"], 0), waiting.get(row["id"], 0))
        for row in page
    ]
    return found, None if len(rows) <= limit else ListPosition(page[-1]["id"], None)


def _coming(connection: Connection, ids: Sequence[int], now: datetime) -> dict[int, int]:
    these = (appointments.c.organisation_id.in_(ids), appointments.c.starts_at > now)
    stand = (appointments.c.destroyed_at.is_(None), appointments.c.status.not_in(CANCELLED_STATUSES))
    counted = select(appointments.c.organisation_id, func.count()).where(*these, *stand)
    rows = connection.execute(counted.group_by(appointments.c.organisation_id))
    return {row[0]: row[1] for row in rows}


def _waiting(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    these = (WAITING, IS_SOMEBODYS, incoming_messages.c.organisation_id.in_(ids))
    counted = select(incoming_messages.c.organisation_id, func.count()).where(*these)
    rows = connection.execute(counted.group_by(incoming_messages.c.organisation_id))
    return {row[0]: row[1] for row in rows}
