"""Tokens: made at random, shown once, kept hashed. API tokens, and what sessions and links of resets share with them.

A token is 256 random bits. Nobody can guess one, so there is nothing for a slow hash (argon2, scrypt) to slow down:
SHA-256 keeps them as safe, costs a microsecond at each request, and being the same each time it can be looked up in an
index.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from smsbot.agents.accounts import Agent
from smsbot.store.tables import agent_tokens, agents

_PREFIX = "smsbot_"
"""Tells people, and the tools that look for secrets in places where none should be, what they have before them."""


def new_token() -> str:
    """A new secret of 43 characters that are good in URLs and cookies."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """What the database keeps of a token: SHA-256, hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def issue_token(connection: Connection, agent: Agent, now: datetime) -> str:
    """A new token of this agent; those before it stay good. It cannot be had a second time."""
    token = _PREFIX + new_token()
    connection.execute(insert(agent_tokens).values(token_hash=hash_of(token), agent_id=agent.id, created_at=now))
    return token


def agent_of_token(connection: Connection, token: str) -> Agent | None:
    """Whose token this is; None for one that was never issued, or is revoked."""
    row = connection.execute(_AGENT_OF_TOKEN, {"token_hash": hash_of(token)}).one_or_none()
    return None if row is None else Agent(row.id, row.email)


_AGENT_OF_TOKEN = (
    select(agents.c.id, agents.c.email)
    .join_from(agent_tokens, agents)
    .where(agent_tokens.c.token_hash == bindparam("token_hash"), agents.c.revoked_at.is_(None))
)
