"""Who adds and removes agents: named from the shell, and within their own organisations."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from smsbot.agents.accounts import Agent
from smsbot.store.database import insert
from smsbot.store.tables import agent_administrators


def is_administrator(connection: Connection, agent: Agent) -> bool:
    statement = select(agent_administrators.c.agent_id).where(agent_administrators.c.agent_id == agent.id)
    return connection.execute(statement).one_or_none() is not None


def name_administrator(connection: Connection, agent: Agent) -> None:
    """From now on they manage the agents of their own organisations."""
    connection.execute(insert(connection, agent_administrators).values(agent_id=agent.id).on_conflict_do_nothing())


def dismiss_administrator(connection: Connection, agent: Agent) -> None:
    """They manage nobody any longer; what else they may do stays."""
    connection.execute(delete(agent_administrators).where(agent_administrators.c.agent_id == agent.id))
