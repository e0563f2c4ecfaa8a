"""Agents' passwords: kept as Argon2id (RFC 9106), changed by a link in an e-mail or from the shell.

Their length is what counts (NIST SP 800-63B, 5.1.1.2; CNIL, deliberation 2022-100): no classes of characters are asked
for, and none is refused.

Who forgot theirs, or has none yet, gets a link by e-mail. It is good once and for half an hour. Only the hash of its
token is kept, so who reads the table cannot use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, select

from smsbot.agents.accounts import Agent
from smsbot.agents.tokens import hash_of, new_token
from smsbot.store.database import insert
from smsbot.store.tables import agent_password_resets, agent_passwords, agent_sessions, agent_tokens, agents

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 200
_LEAST_DIFFERENT = 6
RESET_LIFETIME = timedelta(minutes=30)


class Weakness(StrEnum):
    """Why a password is not taken."""

    SHORT = "short"
    LONG = "long"
    SIMPLE = "simple"  # few different characters, or the address itself


def weakness_of(password: str, email: str) -> Weakness | None:
    """What is wrong with `password` for the agent of this address; None where nothing is."""
    if len(password) < LEAST_CHARACTERS:
        return Weakness.SHORT
    if len(password) > MOST_CHARACTERS:
        return Weakness.LONG
    folded = password.casefold()
    is_address = folded in email.casefold() or email.casefold() in folded
    return Weakness.SIMPLE if is_address or len(set(folded)) < _LEAST_DIFFERENT else None


@dataclass(frozen=True, slots=True)
class Hashing:
    """Argon2id with the parameters that RFC 9106 recommends second (64 MiB), some tens of milliseconds each.

    `fits` takes as long for an account that is not there, so that the time tells nothing.
    """

    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    _nobodys: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_nobodys", self.hasher.hash("nobody's"))

    def hash(self, password: str) -> str:
        """What is kept of `password`: with a salt of its own, so never twice the same."""
        return self.hasher.hash(password)

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether `password` is the one that `kept` was made of; None for an account without any."""
        try:
            self.hasher.verify(kept or self._nobodys, password[: MOST_CHARACTERS + 1])
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None


def kept_password(connection: Connection, email: str) -> tuple[Agent, str] | None:
    """The agent of this address with what is kept of their password; None where there is no agent, or no password."""
    known = (agents.c.email == email.lower()) & agents.c.revoked_at.is_(None)
    statement = select(agents.c.id, agents.c.email, agent_passwords.c.password_hash).join_from(agents, agent_passwords)
    row = connection.execute(statement.where(known)).one_or_none()
    return None if row is None else (Agent(row.id, row.email), row.password_hash)


def set_password(
    connection: Connection, agent: Agent, password_hash: str, now: datetime, *, end_tokens: bool = False
) -> None:
    """Keep a new password: whoever knew the old one is signed out, and every link to change it has had its time.

    The agent's API tokens end too where `end_tokens` asks for it.
    """
    kept = {"password_hash": password_hash, "set_at": now}
    statement = insert(connection, agent_passwords).values(agent_id=agent.id, **kept)
    connection.execute(statement.on_conflict_do_update(index_elements=["agent_id"], set_=kept))
    connection.execute(delete(agent_sessions).where(agent_sessions.c.agent_id == agent.id))
    connection.execute(delete(agent_password_resets).where(agent_password_resets.c.agent_id == agent.id))
    if end_tokens:
        connection.execute(delete(agent_tokens).where(agent_tokens.c.agent_id == agent.id))


def issue_reset(connection: Connection, agent: Agent, now: datetime) -> str:
    """The token of a new link."""
    token = new_token()
    connection.execute(
        agent_password_resets.insert().values(
            token_hash=hash_of(token), agent_id=agent.id, expires_at=now + RESET_LIFETIME
        )
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
