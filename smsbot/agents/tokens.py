"""Random tokens, which are shown once and stored as a hash: agents' API tokens, sessions, and links.

A token has 256 random bits. Nobody can guess it, so a slow hash (argon2, scrypt) would protect nothing more. SHA-256
takes a microsecond per request and always gives the same value, so that the token can be found through an index.

A session is a random token in a cookie. It ends after an hour without use. When an agent is revoked, their tokens and
sessions end at the next request.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, bindparam, case, delete, insert, or_, select, update

from smsbot.agents.accounts import AGENT_COLUMNS, IS_ADMINISTRATOR, Agent, agent_of
from smsbot.store.prepared import Prepared
from smsbot.store.tables import UtcDateTime, agent_sessions, agent_tokens, agents, service_accounts

_PREFIX = "smsbot_"
"""Shows people, and tools that search for leaked secrets, what kind of secret this is."""

SESSION_IDLE = timedelta(hours=1)
SESSION_LIFETIME = timedelta(hours=10)
"""A working day. After it the agent must sign in again, even while the session is in use."""

EXPIRED_KEPT_FOR = timedelta(days=30)
"""For how long after its end the user of a token is told that it has expired."""

_TOKEN_NOTED_EVERY = timedelta(minutes=1)
_SESSION_NOTED_EVERY = timedelta(minutes=1)


def new_token() -> str:
    """A new secret of 43 characters that are safe in URLs and cookies."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """The hash of a token that is stored: SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


class ApiScope(StrEnum):
    """What a service account may do through the API, only in its organisations. Agents may do everything."""

    APPOINTMENTS_READ = "appointments:read"
    APPOINTMENTS_WRITE = "appointments:write"  # feed, cancel, take back, batches
    MESSAGES_READ = "messages:read"  # what usagers wrote, and what was sent to them
    MESSAGES_WRITE = "messages:write"  # answer, done, hand over, put off, note
    EVENTS_READ = "events:read"
    WEBHOOKS_WRITE = "webhooks:write"  # register addresses, which are told of all events; list and delete them
    ORGANISATIONS_READ = "organisations:read"
    STOP_LIST_READ = "stop-list:read"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A valid token. `used_at` is when it was last used, exact to a minute; None where it never was.

    `scopes` are what a service account may do, None for an agent, who may do everything.
    """

    agent: Agent
    token_hash: str = field(repr=False)
    used_at: datetime | None
    scopes: frozenset[ApiScope] | None

    def allows(self, scope: ApiScope) -> bool:
        return self.scopes is None or scope in self.scopes

    def is_worth_noting(self, now: datetime) -> bool:
        """Whether `used_at` is old enough to write it again: not every request is a write."""
        return self.used_at is None or now - self.used_at >= _TOKEN_NOTED_EVERY


def issue_token(connection: Connection, agent: Agent, now: datetime, lifetime: timedelta | None = None) -> str:
    """Make a token for this agent and return it. It is valid for `lifetime`, or for ever with None.

    Earlier tokens stay valid. The token cannot be shown again, because only its hash is kept.
    """
    token = _PREFIX + new_token()
    expires_at = None if lifetime is None else now + lifetime
    values = {"token_hash": hash_of(token), "agent_id": agent.id, "created_at": now, "expires_at": expires_at}
    connection.execute(insert(agent_tokens).values(values))
    return token


def known_token(connection: Connection, token: str, now: datetime) -> ApiToken | None:
    """The valid token with this secret; None where it is unknown, expired or revoked."""
    row = connection.execute(_KNOWN_TOKEN, {"token_hash": hash_of(token), "now": now}).one_or_none()
    if row is None:
        return None
    scopes = None if row.scopes is None else frozenset(map(ApiScope, row.scopes))
    return ApiToken(agent_of(row), row.token_hash, row.used_at, scopes)


def expired_at(connection: Connection, token: str, now: datetime) -> datetime | None:
    """When the token with this secret expired; None where it is still valid, or unknown, revoked or deleted."""
    this = (agent_tokens.c.token_hash == hash_of(token)) & (agent_tokens.c.expires_at <= now)
    return connection.execute(select(agent_tokens.c.expires_at).where(this)).scalar_one_or_none()


def note_used(connection: Connection, token: ApiToken, now: datetime) -> None:
    """Note that the token is used now."""
    connection.execute(_USED, {"this": token.token_hash, "now": now})


def forget_expired_tokens(connection: Connection, now: datetime) -> None:
    """Delete tokens that expired more than `EXPIRED_KEPT_FOR` ago."""
    connection.execute(delete(agent_tokens).where(agent_tokens.c.expires_at <= now - EXPIRED_KEPT_FOR))


_KNOWN_TOKEN = (
    select(
        *AGENT_COLUMNS,
        agent_tokens.c.token_hash,
        agent_tokens.c.used_at,
        service_accounts.c.scopes,
    )
    .select_from(agent_tokens.join(agents).outerjoin(service_accounts, service_accounts.c.agent_id == agents.c.id))
    .where(
        agent_tokens.c.token_hash == bindparam("token_hash"),
        or_(agent_tokens.c.expires_at.is_(None), agent_tokens.c.expires_at > bindparam("now")),
        agents.c.revoked_at.is_(None),
    )
)
_USED = update(agent_tokens).where(agent_tokens.c.token_hash == bindparam("this")).values(used_at=bindparam("now"))


@dataclass(frozen=True, slots=True)
class Session:
    """An open session. `token` is the secret in the cookie. `id_token` is OpenID Connect's, None for a password.

    `manages` is whether the agent administers any organisation.
    """

    agent: Agent
    manages: bool
    token: str = field(repr=False)
    seen_at: datetime
    id_token: str | None = field(default=None, repr=False)

    def is_worth_noting(self, now: datetime) -> bool:
        """Whether `seen_at` is old enough to write it again: not every page view is a write."""
        return now - self.seen_at >= _SESSION_NOTED_EVERY


def open_session(connection: Connection, agent: Agent, now: datetime, id_token: str | None = None) -> str:
    """Open a session, note that the agent has signed in, and return the session's token."""
    token = new_token()
    connection.execute(update(agents).where(agents.c.id == agent.id).values(signed_in_at=now))
    connection.execute(
        insert(agent_sessions).values(
            token_hash=hash_of(token), agent_id=agent.id, opened_at=now, seen_at=now, id_token=id_token
        )
    )
    return token


def forget_ended_sessions(connection: Connection, now: datetime) -> None:
    """Delete sessions that have expired, with the provider's `id_token`s in them."""
    is_over = or_(agent_sessions.c.opened_at <= now - SESSION_LIFETIME, agent_sessions.c.seen_at <= now - SESSION_IDLE)
    connection.execute(delete(agent_sessions).where(is_over))


def session_of(connection: Connection, token: str, now: datetime) -> Session | None:
    """The session with this token; None where it is unknown or expired, or its agent is revoked."""
    values = {"token_hash": hash_of(token), "opened_after": now - SESSION_LIFETIME, "seen_after": now - SESSION_IDLE}
    row = _SESSION.row(connection, values)
    if row is None:
        return None
    agent_id, email, role_everywhere, manages, seen_at, id_token = row
    return Session(Agent(agent_id, email, role_everywhere is not None), bool(manages), token, seen_at, id_token)


def note_seen(connection: Connection, session: Session, now: datetime) -> None:
    """Note that the session is in use now, so that its hour begins again."""
    connection.execute(_THIS_ONE_SEEN, {"this": hash_of(session.token), "now": now})


def end_session(connection: Connection, session: Session) -> None:
    connection.execute(delete(agent_sessions).where(agent_sessions.c.token_hash == hash_of(session.token)))


_SESSION = Prepared(
    select(
        *AGENT_COLUMNS,
        case((IS_ADMINISTRATOR, 1), else_=0).label("manages"),
        agent_sessions.c.seen_at,
        agent_sessions.c.id_token,
    )
    .select_from(agent_sessions.join(agents))
    .where(
        agent_sessions.c.token_hash == bindparam("token_hash"),
        agent_sessions.c.opened_at > bindparam("opened_after", type_=UtcDateTime()),
        agent_sessions.c.seen_at > bindparam("seen_after", type_=UtcDateTime()),
        agents.c.revoked_at.is_(None),
    )
)
_THIS_ONE_SEEN = (
    update(agent_sessions).where(agent_sessions.c.token_hash == bindparam("this")).values(seen_at=bindparam("now"))
)
