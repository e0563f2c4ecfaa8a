"""How programs sign in to the stand-in for RDV Service Public: with OAuth 2 like Doorkeeper's, or an e-mail address.

Sources: RFC 6749; github.com/doorkeeper-gem/doorkeeper (rotating refresh tokens: the former one is revoked when the new
access token is first used); github.com/lynndylanhurley/devise_token_auth (the headers of a sign-in).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock

TWO_HOURS = 2 * 60 * 60


class OAuthRefused(Exception):
    """The token endpoint's error: the status and the code of RFC 6749, 5.2."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(slots=True)
class IssuedTokens:
    """An access token with its refresh token. The first use of the access token revokes the `former` tokens."""

    access: str
    refresh: str
    expires_at: datetime
    former: IssuedTokens | None = None
    is_revoked: bool = False


@dataclass
class TokenOffice:
    """Issues tokens and knows which ones are valid."""

    clock: Callable[[], datetime]
    client_id: str
    client_secret: str
    redirect_uri: str | None  # None: any
    token_seconds: float = TWO_HOURS
    email: str = "sms@example.fr"
    password: str | None = None  # None: this instance no longer allows sign-in by password
    renewals: int = 0
    lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._by_access: dict[str, IssuedTokens] = {}
        self._by_refresh: dict[str, IssuedTokens] = {}
        self._session: dict[str, str] | None = None

    def consent(self, redirect_uri: str) -> str:
        """An agent consents. Returns a code that is valid once."""
        with self.lock:
            code = secrets.token_urlsafe(24)
            self._codes[code] = redirect_uri
            return code

    def answer(self, client_id: str, client_secret: str, form: Mapping[str, str]) -> IssuedTokens:
        """The tokens for a code or for a refresh token. Raises `OAuthRefused`."""
        with self.lock:
            if (client_id, client_secret) != (self.client_id, self.client_secret):
                raise OAuthRefused(401, "invalid_client")
            match form.get("grant_type"):
                case "authorization_code":
                    if self._codes.pop(form.get("code", ""), None) != form.get("redirect_uri"):
                        raise OAuthRefused(400, "invalid_grant")
                    return self._issue(None)
                case "refresh_token":
                    former = self._by_refresh.get(form.get("refresh_token", ""))
                    if former is None or former.is_revoked:
                        raise OAuthRefused(400, "invalid_grant")
                    self.renewals += 1
                    return self._issue(former)
                case _:
                    raise OAuthRefused(400, "unsupported_grant_type")

    def sign_in(self, email: str, password: str) -> dict[str, str] | None:
        """The headers of a sign-in, which ends the former one; None if it is refused."""
        with self.lock:
            if self.password is None or (email, password) != (self.email, self.password):
                return None
            expiry = self.clock() + timedelta(seconds=self.token_seconds)
            self._session = {
                "access-token": secrets.token_urlsafe(16),
                "token-type": "Bearer",
                "client": secrets.token_urlsafe(16),
                "expiry": str(int(expiry.timestamp())),
                "uid": email,
            }
            return dict(self._session)

    def is_good(self, headers: Mapping[str, str]) -> bool:
        """Whether a call with these headers is signed in. The first use of a token revokes the former one."""
        with self.lock:
            scheme, _, access = headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                tokens = self._by_access.get(access)
                if tokens is None or tokens.is_revoked or tokens.expires_at <= self.clock():
                    return False
                if tokens.former is not None:
                    tokens.former.is_revoked = True
                    tokens.former = None
                return True
            session = self._session
            if session is None or float(session["expiry"]) <= self.clock().timestamp():
                return False
            return all(headers.get(name) == session[name] for name in ("access-token", "client", "uid"))

    def expire(self) -> None:
        """Let all access tokens end now; they can be renewed."""
        with self.lock:
            for tokens in self._by_access.values():
                tokens.expires_at = self.clock()
            self._session = None

    def revoke(self) -> None:
        """The agent takes the consent back: nothing can be renewed."""
        with self.lock:
            for tokens in self._by_access.values():
                tokens.is_revoked = True
            self._session = None

    def _issue(self, former: IssuedTokens | None) -> IssuedTokens:
        expires_at = self.clock() + timedelta(seconds=self.token_seconds)
        tokens = IssuedTokens(secrets.token_urlsafe(32), secrets.token_urlsafe(32), expires_at, former)
        self._by_access[tokens.access] = tokens
        self._by_refresh[tokens.refresh] = tokens
        return tokens
