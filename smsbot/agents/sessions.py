"""Agents' sessions: a random token in a cookie and its hash in the database. A session ends after an hour without use.

As with API tokens, 256 random bits need no slow hash (see `smsbot.agents.tokens`). When an agent is revoked, their
sessions end at the next request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from smsbot.agents.accounts import Agent
from smsbot.agents.tokens import hash_of, new_token
from smsbot.store.tables import agent_administrators, agent_sessions, agents

IDLE = timedelta(hours=1)
LIFETIME = timedelta(hours=10)
"""A working day. After it the agent must sign in again, even while the session is in use."""

_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. `token` is the secret in the cookie. `id_token` is OpenID Connect's, None for a password.

    `manages` is whether the agent is an administrator.
    """

    agent: Agent
    manages: bool
    token: str = field(repr=False)
    seen_at: datetime
    id_token: str | None = field(default=None, repr=False)

    def is_worth_noting(self, now: datetime) -> bool:
        """Whether `seen_at` is old enough to write it again: not every page view is a write."""
        return now - self.seen_at >= _NOTED_EVERY


def open_session(connection: Connection, agent: Agent, now: datetime, id_token: str | None = None) -> str:
    """Open a session and return its token."""
    token = new_token()
    connection.execute(
        insert(agent_sessions).values(
            token_hash=hash_of(token), agent_id=agent.id, opened_at=now, seen_at=now, id_token=id_token
        )
    )
    return token


def forget_ended_sessions(connection: Connection, now: datetime) -> None:
    """Delete sessions that have expired, with the provider's `id_token`s in them."""
    is_over = or_(agent_sessions.c.opened_at <= now - LIFETIME, agent_sessions.c.seen_at <= now - IDLE)
    connection.execute(delete(agent_sessions).where(is_over))


def session_of(connection: Connection, token: str, now: datetime) -> Session | None:
    """The session of this token; None where it is unknown or expired, or its agent is revoked."""
    values = {"token_hash": hash_of(token), "opened_after": now - LIFETIME, "seen_after": now - IDLE}
    row = connection.execute(_SESSION, values).one_or_none()
    if row is None:
        return None
    manages = row.administrator_id is not None
    return Session(Agent(row.id, row.email), manages, token, row.seen_at, row.id_token)


def note_seen(connection: Connection, session: Session, now: datetime) -> None:
    """Note that the session is in use now, so that its hour begins again."""
    connection.execute(_THIS_ONE_SEEN, {"this": hash_of(session.token), "now": now})


def end_session(connection: Connection, session: Session) -> None:
    connection.execute(delete(agent_sessions).where(agent_sessions.c.token_hash == hash_of(session.token)))


_SESSION = (
    select(
        agents.c.id,
        agents.c.email,
        agent_administrators.c.agent_id.label("administrator_id"),
        agent_sessions.c.seen_at,
        agent_sessions.c.id_token,
    )
    .select_from(
        agent_sessions.join(agents).outerjoin(agent_administrators, agent_administrators.c.agent_id == agents.c.id)
    )
    .where(
        agent_sessions.c.token_hash == bindparam("token_hash"),
        agent_sessions.c.opened_at > bindparam("opened_after"),
        agent_sessions.c.seen_at > bindparam("seen_after"),
        agents.c.revoked_at.is_(None),
    )
)
_THIS_ONE_SEEN = (
    update(agent_sessions).where(agent_sessions.c.token_hash == bindparam("this")).values(seen_at=bindparam("now"))
)
