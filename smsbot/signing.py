"""Signs values with a separate key for each purpose, so that what is signed for one purpose is not valid for
another.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer


def derived_key(secret_key: str, purpose: str) -> bytes:
    """The key for one purpose, made of the service's secret key."""
    return hmac.digest(secret_key.encode(), f"smsbot:{purpose}".encode(), hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs values that a browser keeps for us in a cookie, and reads them back until `lifetime` is over.

    Whoever has the cookie can read the value, but nobody else can make or change one. `secret_key` is the service's.
    """

    secret_key: str = field(repr=False)
    purpose: str
    lifetime: timedelta

    def sign(self, value: object, now: datetime) -> str:
        """The signed text of `value`, which JSON must be able to hold. Its characters are safe in cookies and URLs."""
        expiry = int((now + self.lifetime).timestamp())
        return self._serializer.dumps([expiry, value])

    def read(self, signed: str, now: datetime) -> object:
        """The value in a text that was signed for this purpose; None for any other text, and after the lifetime."""
        try:
            expiry, value = self._serializer.loads(signed)
        except (BadData, UnicodeError):
            return None
        return value if now.timestamp() < expiry else None

    @property
    def _serializer(self) -> URLSafeSerializer:
        key = derived_key(self.secret_key, self.purpose)
        return URLSafeSerializer(key, signer_kwargs={"key_derivation": "none", "digest_method": hashlib.sha256})
