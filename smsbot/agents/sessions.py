"""Agents' sessions: a random token in a cookie, its hash in the database, an end after an hour of doing nothing.

As with API tokens, 256 random bits need no slow hash (see `smsbot.agents.tokens`). A session counts only as long as its
agent does: who is revoked is out at their next request.
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
"""A working day: then one signs in again, whatever one was doing."""

_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. `token` is the secret in the cookie; `id_token` is OpenID Connect's, where that was the way.

    `manages` says that its agent is an administrator.
    """

    agent: Agent
    manages: bool
    token: str = field(repr=False)
    seen_at: datetime
    id_token: str | None = field(default=None, repr=False)

    def is_worth_noting(self, now: datetime) -> bool:
        """Whether being seen now is news: not every page view is a write."""
        return now - self.seen_at >= _NOTED_EVERY


def open_session(connection: Connection, agent: Agent, now: datetime, id_token: str | None = None) -> str:
    """A new session; gives its token."""
    token = new_token()
    connection.execute(
        insert(agent_sessions).values(
            token_hash=hash_of(token), agent_id=agent.id, opened_at=now, seen_at=now, id_token=id_token
        )
    )
    return token


def forget_ended_sessions(connection: Connection, now: datetime) -> None:
    """Those that have ended by themselves, with what the provider said of their agents."""
    is_over = or_(agent_sessions.c.opened_at <= now - LIFETIME, agent_sessions.c.seen_at <= now - IDLE)
    connection.execute(delete(agent_sessions).where(is_over))


def session_of(connection: Connection, token: str, now: datetime) -> Session | None:
    """The session of this token; None where it never was, has ended, or its agent is revoked."""
    values = {"token_hash": hash_of(token), "opened_after": now - LIFETIME, "seen_after": now - IDLE}
    row = connection.execute(_SESSION, values).one_or_none()
    if row is None:
        return None
    manages = row.administrator_id is not None
    return Session(Agent(row.id, row.email), manages, token, row.seen_at, row.id_token)


def note_seen(connection: Connection, session: Session, now: datetime) -> None:
    """Its agent is doing something: the hour begins anew."""
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
