"""Our side of signing in with OpenID Connect: the attempts, and finding the agent for a provider's identity.

`smsbot.agents.signing_in.openid_provider` is the client of the provider. Only agents who were registered before can
sign in. They are found by the provider's `sub` if it is known already, else by an e-mail address that the provider has
verified.

The browser keeps each attempt in a signed cookie, and nothing is stored here. State, nonce and the verifier of PKCE
(RFC 7636) are random and new for each attempt. The browser may read them: the state shows that the provider's answer
belongs to this browser, and nonce and verifier are useless without the provider's code for the same attempt.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import astuple, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, select

from smsbot.agents.accounts import Agent, find_agent
from smsbot.problem import Problem
from smsbot.signing import Signer, unpadded_base64
from smsbot.store.database import upsert
from smsbot.store.tables import agent_identities, agents

HANDSHAKE_LIFETIME = timedelta(minutes=10)


class Failure(StrEnum):
    """Why nobody was signed in."""

    UNAVAILABLE = "unavailable"  # the provider does not answer, or not correctly
    DENIED = "denied"  # the provider refused, or the person did
    STALE = "stale"  # not begun in this browser, or too old
    UNVERIFIED = "unverified"  # the provider does not say that the e-mail address is verified
    UNKNOWN = "unknown"  # no agent is registered with this address


class OpenIdFailure(Problem):
    """Nobody was signed in. `sentence` is for operators and holds nothing personal."""

    def __init__(self, failure: Failure, sentence: str) -> None:
        super().__init__(sentence)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Handshake:
    """One attempt. `destination` is the page that the agent wanted to see."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    destination: str

    @property
    def code_challenge(self) -> str:
        """The challenge for the provider, by the method S256 (RFC 7636, 4.2)."""
        return unpadded_base64(hashlib.sha256(self.code_verifier.encode()).digest())


@dataclass(frozen=True, slots=True)
class Handshakes:
    """Begins attempts and finds them again. `secret_key` is the service's."""

    secret_key: str = field(repr=False)

    def begin(self, destination: str) -> Handshake:
        return Handshake(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32), destination)

    def cookie(self, handshake: Handshake, now: datetime) -> str:
        """The cookie that holds the attempt for ten minutes."""
        return self._signer.sign(astuple(handshake), now)

    def resume(self, cookie: str, state: str, now: datetime) -> Handshake | None:
        """The attempt in this cookie, if the provider's answer has its `state` and it is not too old; else None."""
        kept = self._signer.read(cookie, now)
        if not isinstance(kept, list):
            return None
        handshake = Handshake(*kept)
        return handshake if hmac.compare_digest(handshake.state.encode(), state.encode()) else None

    @property
    def _signer(self) -> Signer:
        return Signer(self.secret_key, "OpenID Connect", HANDSHAKE_LIFETIME)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the agent is, as the provider says. `id_token` is kept to sign out there."""

    issuer: str
    subject: str
    verified_email: str | None
    id_token: str = field(repr=False)


def agent_of_identity(connection: Connection, identity: Identity, now: datetime) -> Agent:
    """The registered agent with this identity. From then on the agent is found by its `sub`. Raises OpenIdFailure."""
    this = (agent_identities.c.issuer == identity.issuer) & (agent_identities.c.subject == identity.subject)
    known = select(agents.c.id, agents.c.email).join_from(agent_identities, agents)
    row = connection.execute(known.where(this, agents.c.revoked_at.is_(None))).one_or_none()
    if row is not None:
        return Agent(row.id, row.email)
    if identity.verified_email is None:
        raise OpenIdFailure(Failure.UNVERIFIED, "The provider does not say that the e-mail address is verified.")
    agent = find_agent(connection, identity.verified_email)
    if agent is None:
        raise OpenIdFailure(Failure.UNKNOWN, "Nobody is registered under the e-mail address.")
    statement = upsert(connection, agent_identities).values(
        issuer=identity.issuer, subject=identity.subject, agent_id=agent.id, created_at=now
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["issuer", "subject"], set_={"agent_id": agent.id})
    )
    return agent
