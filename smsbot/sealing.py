"""Seals (encrypts) secrets that are stored in the database and that we need in plain again.

The key is derived from SMSBOT_SECRET_KEY (JWE, RFC 7516, direct encryption with AES-GCM). So nobody can read the
secrets with a copy of the database alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from smsbot.problem import Problem
from smsbot.signing import derived_key


class Unsealable(Problem):
    """The text was sealed with another SMSBOT_SECRET_KEY, or for another purpose."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals texts for one purpose. `secret_key` is the service's."""

    secret_key: str = field(repr=False)
    purpose: str

    def close(self, plain: str) -> str:
        """The sealed text."""
        return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, plain, self._key)

    def open(self, sealed: str) -> str:
        """The text that was sealed. Raises Unsealable."""
        try:
            plain = jwe.decrypt_compact(sealed, self._key, algorithms=["dir", "A256GCM"]).plaintext
        except (JoseError, ValueError):
            raise Unsealable("It was sealed with another SMSBOT_SECRET_KEY.") from None
        return (plain or b"").decode()

    @property
    def _key(self) -> OctKey:
        return OctKey.import_key(derived_key(self.secret_key, self.purpose))
