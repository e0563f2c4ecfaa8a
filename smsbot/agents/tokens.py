"""Random tokens, shown once and kept as a hash: API tokens, and the functions that sessions and links also use.

A token has 256 random bits. Nobody can guess it, so a slow hash (argon2, scrypt) would protect nothing more. SHA-256
takes a microsecond per request and always gives the same value, so that it can be found through an index.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from smsbot.agents.accounts import Agent
from smsbot.store.tables import agent_tokens, agents

_PREFIX = "smsbot_"
"""Shows people, and tools that search for leaked secrets, what kind of secret this is."""

_NOTED_EVERY = timedelta(minutes=10)


def new_token() -> str:
    """A new secret of 43 characters that are safe in URLs and cookies."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What the database keeps of a token: SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A valid token. `used_at` is when it was last used, exact to some minutes; None where it never was."""

    agent: Agent
    token_hash: str = field(repr=False)
    used_at: datetime | None

    def is_worth_noting(self, now: datetime) -> bool:
        """Whether `used_at` is old enough to write it again: not every request is a write."""
        return self.used_at is None or now - self.used_at >= _NOTED_EVERY


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
    return None if row is None else ApiToken(Agent(row.id, row.email), row.token_hash, row.used_at)


def note_used(connection: Connection, token: ApiToken, now: datetime) -> None:
    """Note that the token is used now."""
    connection.execute(_USED, {"this": token.token_hash, "now": now})


def forget_expired_tokens(connection: Connection, now: datetime) -> None:
    connection.execute(delete(agent_tokens).where(agent_tokens.c.expires_at <= now))


_KNOWN_TOKEN = (
    select(agents.c.id, agents.c.email, agent_tokens.c.token_hash, agent_tokens.c.used_at)
    .join_from(agent_tokens, agents)
    .where(
        agent_tokens.c.token_hash == bindparam("token_hash"),
        or_(agent_tokens.c.expires_at.is_(None), agent_tokens.c.expires_at > bindparam("now")),
        agents.c.revoked_at.is_(None),
    )
)
_USED = update(agent_tokens).where(agent_tokens.c.token_hash == bindparam("this")).values(used_at=bindparam("now"))
