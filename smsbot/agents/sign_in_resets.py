"""A forgotten password, or the first one: a link in an e-mail, good once and for half an hour.

Only the hash of its token is kept, so who reads the table cannot use it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from smsbot.agents.accounts import Agent
from smsbot.agents.passwords import set_password
from smsbot.agents.tokens import hash_of, new_token
from smsbot.store.tables import agent_password_resets, agents

LIFETIME = timedelta(minutes=30)


def issue_reset(connection: Connection, agent: Agent, now: datetime) -> str:
    """The token of a new link."""
    token = new_token()
    connection.execute(
        insert(agent_password_resets).values(token_hash=hash_of(token), agent_id=agent.id, expires_at=now + LIFETIME)
    )
    return token


def forget_old_resets(connection: Connection, now: datetime) -> None:
    """Links that have had their time."""
    connection.execute(delete(agent_password_resets).where(agent_password_resets.c.expires_at <= now))


def agent_of_reset(connection: Connection, token: str, now: datetime) -> Agent | None:
    """Who may choose a password with this token; None where it is unknown, used, too old, or its agent is revoked."""
    row = connection.execute(
        select(agents.c.id, agents.c.email)
        .join_from(agent_password_resets, agents)
        .where(
            agent_password_resets.c.token_hash == hash_of(token),
            agent_password_resets.c.expires_at > now,
            agents.c.revoked_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else Agent(row.id, row.email)


def use_reset(
    connection: Connection, token: str, password_hash: str, now: datetime, *, end_tokens: bool
) -> Agent | None:
    """Set the password of the token's agent, once: of two at the same moment one gets None, as after its time.

    The agent's API tokens end too where `end_tokens` asks for it.
    """
    agent = agent_of_reset(connection, token, now)
    used = delete(agent_password_resets).where(agent_password_resets.c.token_hash == hash_of(token))
    if agent is None or connection.execute(used).rowcount != 1:
        return None
    set_password(connection, agent, password_hash, now, end_tokens=end_tokens)
    return agent
