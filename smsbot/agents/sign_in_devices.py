"""Recognises devices from which agents have signed in, by a signed cookie. So tries by strangers lock no agent out.

It follows "Device Cookies" of OWASP (Slow Down Online Guessing Attacks with Device Cookies). The cookie gives no
access. It says that somebody has known the passwords of these accounts in this browser, and tries from there are
counted apart. It holds keyed hashes and no addresses.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smsbot.agents.tokens import new_token
from smsbot.signing import Signer, derived_key

LIFETIME = timedelta(days=365)
_MOST_ACCOUNTS = 20
"""The most accounts of one browser: a reception desk has several agents. The newest are kept."""


@dataclass(frozen=True, slots=True)
class KnownDevices:
    """Reads and writes the cookie. `secret_key` is the service's."""

    secret_key: str = field(repr=False)

    def device_known_for(self, email: str, cookie: str, now: datetime) -> str | None:
        """The name of the device, if this account's password was known there; else None. `cookie` may be any text."""
        device, accounts = self._read(cookie, now)
        return device if self._account(email) in accounts else None

    def after_sign_in(self, email: str, cookie: str, now: datetime) -> str:
        """The cookie to set after a sign-in. `cookie` is the one that the browser had."""
        device, accounts = self._read(cookie, now)
        account = self._account(email)
        kept = [each for each in accounts if each != account][1 - _MOST_ACCOUNTS :]
        return self._signer.sign([device or new_token(), [*kept, account]], now)

    def _read(self, cookie: str, now: datetime) -> tuple[str | None, list[str]]:
        match self._signer.read(cookie, now):
            case [str(device), list(accounts)]:
                return device, accounts
        return None, []

    def _account(self, email: str) -> str:
        key = derived_key(self.secret_key, "account of a known device")
        return hmac.digest(key, email.lower().encode(), "sha256").hex()[:24]

    @property
    def _signer(self) -> Signer:
        return Signer(self.secret_key, "known device", LIFETIME)
