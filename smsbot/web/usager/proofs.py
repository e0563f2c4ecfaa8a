"""How the right letters are remembered from one page to the next: a signed value in a cookie, for half an hour.

A cookie and not a hidden field, so that every page an usager sees is the answer to a GET: going back or reloading never
asks whether to "submit the form again". It is `SameSite=Strict`, so that no other site can post with it; `HttpOnly`;
bound to one participation and to the path of its pages; and without an age, so that it ends with the browser on a
shared computer. The link itself always asks for the letters again.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smsbot.links import derived_key

COOKIE = "lettres"
LIFETIME = timedelta(minutes=30)
_MOST_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Proofs:
    """Signs "the letters of this participation were right, until then", and checks it."""

    secret_key: str = field(repr=False)

    def proof(self, participation_id: int, now: datetime) -> str:
        expiry = int((now + LIFETIME).timestamp())
        return f"{expiry}.{self._signature(participation_id, expiry)}"

    def holds(self, proof: str, participation_id: int, now: datetime) -> bool:
        """Is `proof`, which may be anything, one of ours for this participation and still good?"""
        expiry, _, signature = proof.partition(".")
        if len(proof) > _MOST_CHARACTERS or not (proof.isascii() and expiry.isdecimal()):
            return False
        genuine = hmac.compare_digest(signature, self._signature(participation_id, int(expiry)))
        return genuine and now.timestamp() < int(expiry)

    def _signature(self, participation_id: int, expiry: int) -> str:
        key = derived_key(self.secret_key, "proof of the letters")
        return hmac.new(key, f"{participation_id}.{expiry}".encode(), hashlib.sha256).hexdigest()
