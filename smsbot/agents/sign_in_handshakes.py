"""Attempts to sign in with OpenID Connect. The browser keeps them in a signed cookie, and nothing is stored here.

State, nonce and the verifier of PKCE (RFC 7636) are random and new for each attempt. The browser may read them: the
state shows that the provider's answer belongs to this browser, and nonce and verifier are useless without the
provider's code for the same attempt.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import astuple, dataclass, field
from datetime import datetime, timedelta

from smsbot.signing import Signer

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Handshake:
    """One attempt. `destination` is the page that the agent wanted."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    destination: str

    @property
    def code_challenge(self) -> str:
        """RFC 7636, 4.2, by the method S256."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.code_verifier.encode()).digest()).decode().rstrip("=")


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
        return Signer(self.secret_key, "OpenID Connect", LIFETIME)
