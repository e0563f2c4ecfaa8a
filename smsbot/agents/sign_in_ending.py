"""The end of every way in: for an agent who is shut out, and so that nothing of it comes back with them."""

from __future__ import annotations

from sqlalchemy import Connection, delete

from smsbot.store.tables import (
    agent_administrators,
    agent_identities,
    agent_password_resets,
    agent_passwords,
    agent_sessions,
)


def end_every_way_in(connection: Connection, agent_id: int) -> None:
    """Their sessions, password, links and identities at a provider, and their right to manage agents."""
    tables = (agent_sessions, agent_passwords, agent_password_resets, agent_identities, agent_administrators)
    for table in tables:
        connection.execute(delete(table).where(table.c.agent_id == agent_id))
