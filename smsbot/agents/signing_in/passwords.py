"""Agents' passwords: stored as Argon2id hashes (RFC 9106), set through a link in an e-mail or from the shell.

Their length is what counts (NIST SP 800-63B, 5.1.1.2; CNIL, deliberation 2022-100). All characters are allowed, and
none are required.

An agent who has no password, or has forgotten it, gets a link by e-mail. It works once, within half an hour. Only the
hash of its token is stored, so nobody can use the contents of the table to sign in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, select

from smsbot.agents.accounts import Agent
from smsbot.agents.tokens import hash_of, new_token
from smsbot.store.database import upsert
from smsbot.store.tables import agent_password_resets, agent_passwords, agent_sessions, agent_tokens, agents

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 200
_LEAST_DIFFERENT = 6
RESET_LIFETIME = timedelta(minutes=30)


class Weakness(StrEnum):
    """Why a password is refused."""

    SHORT = "short"
    LONG = "long"
    SIMPLE = "simple"  # few different characters, or like the e-mail address


def weakness_of(password: str, email: str) -> Weakness | None:
    """Why `password` is refused for the agent with this address; None where it is accepted."""
    if len(password) < LEAST_CHARACTERS:
        return Weakness.SHORT
    if len(password) > MOST_CHARACTERS:
        return Weakness.LONG
    folded = password.casefold()
    is_address = folded in email.casefold() or email.casefold() in folded
    return Weakness.SIMPLE if is_address or len(set(folded)) < _LEAST_DIFFERENT else None


_USUAL = PasswordHasher()


@cache
def _nobodys_hash(hasher: PasswordHasher) -> str:
    """The hash for comparisons where there is no account. Made once for each hasher, because it takes long."""
    return hasher.hash("nobody's")


@dataclass(frozen=True, slots=True)
class Hashing:
    """Argon2id with the second parameters that RFC 9106 recommends (64 MiB); some tens of milliseconds each time.

    `fits` takes as long for an account that does not exist, so that its time tells nothing.
    """

    hasher: PasswordHasher = _USUAL
    _nobodys: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_nobodys", _nobodys_hash(self.hasher))

    def hash(self, password: str) -> str:
        """The hash of `password` to store. It has its own salt, so it differs each time."""
        return self.hasher.hash(password)

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether `kept` is the hash of `password`.

        `kept` is None for an account that does not exist; then the result is always False.
        """
        try:
            self.hasher.verify(kept or self._nobodys, password[: MOST_CHARACTERS + 1])
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None


def kept_password(connection: Connection, email: str) -> tuple[Agent, str] | None:
    """The agent with this address and the hash of their password; None where there is no agent or no password."""
    known = (agents.c.email == email.lower()) & agents.c.revoked_at.is_(None)
    statement = select(agents.c.id, agents.c.email, agent_passwords.c.password_hash).join_from(agents, agent_passwords)
    row = connection.execute(statement.where(known)).one_or_none()
    return None if row is None else (Agent(row.id, row.email), row.password_hash)


def set_password(
    connection: Connection, agent: Agent, password_hash: str, now: datetime, *, end_tokens: bool = False
) -> None:
    """Store the hash of a new password. The agent's sessions and all links to set a password end.

    With `end_tokens`, the agent's API tokens end too.
    """
    kept = {"password_hash": password_hash, "set_at": now}
    statement = upsert(connection, agent_passwords).values(agent_id=agent.id, **kept)
    connection.execute(statement.on_conflict_do_update(index_elements=["agent_id"], set_=kept))
    connection.execute(delete(agent_sessions).where(agent_sessions.c.agent_id == agent.id))
    connection.execute(delete(agent_password_resets).where(agent_password_resets.c.agent_id == agent.id))
    if end_tokens:
        connection.execute(delete(agent_tokens).where(agent_tokens.c.agent_id == agent.id))


def issue_reset(connection: Connection, agent: Agent, now: datetime) -> str:
    """Make a link to set a password, and return its token."""
    token = new_token()
    connection.execute(
        agent_password_resets.insert().values(
            token_hash=hash_of(token), agent_id=agent.id, expires_at=now + RESET_LIFETIME
        )
    )
    return token


def forget_old_resets(connection: Connection, now: datetime) -> None:
    """Delete links that have expired."""
    connection.execute(delete(agent_password_resets).where(agent_password_resets.c.expires_at <= now))


def agent_of_reset(connection: Connection, token: str, now: datetime) -> Agent | None:
    """The agent who may set a password with this token.

    None where the token is unknown, used or too old, or its agent is revoked.
    """
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
    """Set the password of the token's agent and return the agent; None where the token is not valid.

    A token works once: if it is used twice at the same moment, one gets None. With `end_tokens`, the agent's API tokens
    end too.
    """
    agent = agent_of_reset(connection, token, now)
    used = delete(agent_password_resets).where(agent_password_resets.c.token_hash == hash_of(token))
    if agent is None or connection.execute(used).rowcount != 1:
        return None
    set_password(connection, agent, password_hash, now, end_tokens=end_tokens)
    return agent
