"""The devices that agents have signed in from: a signed cookie that stays, so that strangers' tries shut nobody out.

After "Device Cookies" of OWASP (Slow Down Online Guessing Attacks with Device Cookies). The cookie gives no access. It
says that somebody has known the password of these accounts in this browser; tries from there are counted apart. It
holds keyed hashes and no addresses.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smsbot.agents.tokens import new_token
from smsbot.signing import Signer, derived_key

LIFETIME = timedelta(days=365)
_MOST_ACCOUNTS = 20
"""That one browser is known for: a reception desk has several agents. The newest stay."""


@dataclass(frozen=True, slots=True)
class KnownDevices:
    """Reads and writes the cookie. `secret_key` is the service's."""

    secret_key: str = field(repr=False)

    def device_known_for(self, email: str, cookie: str, now: datetime) -> str | None:
        """The device's name, if this account's password was known in it; else None. `cookie` may be anything."""
        device, accounts = self._read(cookie, now)
        return device if self._account(email) in accounts else None

    def after_sign_in(self, email: str, cookie: str, now: datetime) -> str:
        """What the browser keeps from now on. `cookie` is what it had."""
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
