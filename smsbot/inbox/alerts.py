"""Tells an organisation by e-mail that messages wait in its inbox. An administrator sets the address.

A periodic search finds the messages, as with reminders, so nothing is lost in an outage. One e-mail is about all
messages that came since the last search. `alerted_at` is set when a message was in an e-mail, or had no address to go
to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection, delete, select, update

from smsbot.agents.accounts import Agent
from smsbot.appointments.audit import note
from smsbot.model import Actor, Via
from smsbot.notifications.agent_emails import AgentEmails
from smsbot.outbox.messages import enqueue
from smsbot.runtime import PeriodicWork, woken_by
from smsbot.store.database import Database, serialise, upsert
from smsbot.store.tables import inbox_alerts, incoming_messages, organisations

EVERY = timedelta(seconds=60)
AT_ONCE = 200
URGENT = "urgent messages"
"""The topic for `store.database.signal` when a message cannot wait. Its e-mail is then written at once."""


@dataclass(frozen=True, slots=True)
class InboxAlerts:
    """Writes the e-mails that are due."""

    agent_emails: AgentEmails

    def alert(self, connection: Connection, now: datetime) -> int:
        """Write e-mails about up to `AT_ONCE` messages, and return how many messages there were.

        An address that was set later is not told of earlier messages.
        """
        serialise(connection, "inbox alerts")
        rows = connection.execute(_UNTOLD).all()
        for _, group in groupby(rows, key=lambda row: row.organisation_id):
            waiting = [row for row in group if row.handled_at is None and row.email is not None]
            if waiting:
                newest = waiting[-1]
                name = newest.name or newest.external_id
                enqueue(connection, self.agent_emails.new_messages(newest.email, name, len(waiting), newest.id), now)
        if rows:
            told = incoming_messages.c.id.in_([row.id for row in rows])
            connection.execute(update(incoming_messages).where(told).values(alerted_at=now))
        return len(rows)


def alerting(database: Database, alerts: InboxAlerts, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of writing e-mails about new messages: once a minute, and at once when a message is urgent."""

    async def once() -> None:
        while await database.write(lambda connection: alerts.alert(connection, clock())) == AT_ONCE:
            pass

    return woken_by(database, URGENT, "inbox_alerts", once, EVERY)


def alert_addresses(connection: Connection, organisation_ids: Sequence[int]) -> Mapping[int, str]:
    """The addresses of those of these organisations (our ids) that have one."""
    these = inbox_alerts.c.organisation_id.in_(organisation_ids)
    return {row.organisation_id: row.email for row in connection.execute(select(inbox_alerts).where(these))}


def set_alert_address(connection: Connection, organisation_id: int, email: str | None) -> None:
    """Set the address that is told from now on; None for none."""
    if email is None:
        connection.execute(delete(inbox_alerts).where(inbox_alerts.c.organisation_id == organisation_id))
        return
    statement = upsert(connection, inbox_alerts).values(organisation_id=organisation_id, email=email)
    connection.execute(statement.on_conflict_do_update(index_elements=["organisation_id"], set_={"email": email}))


def choose_alert_address(
    connection: Connection, administrator: Agent, organisation_id: int, email: str | None, now: datetime
) -> None:
    """`set_alert_address` for an administrator in the console. It is recorded in the audit."""
    set_alert_address(connection, organisation_id, email)
    by, detail = administrator.email, f"organisation {organisation_id}"
    note(connection, now, "alert_address_set", Actor.AGENT, Via.CONSOLE, agent=by, detail=detail)


_UNTOLD = (
    select(
        incoming_messages.c.id,
        incoming_messages.c.organisation_id,
        incoming_messages.c.handled_at,
        organisations.c.name,
        organisations.c.external_id,
        inbox_alerts.c.email,
    )
    .select_from(
        incoming_messages.join(organisations).outerjoin(
            inbox_alerts, inbox_alerts.c.organisation_id == organisations.c.id
        )
    )
    .where(incoming_messages.c.for_agents, incoming_messages.c.alerted_at.is_(None))
    .order_by(incoming_messages.c.organisation_id, incoming_messages.c.id)
    .limit(AT_ONCE)
)
