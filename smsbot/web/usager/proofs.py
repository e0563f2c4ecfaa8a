"""Remembers for half an hour, in a signed cookie, that the right letters were given.

It is a cookie and not a hidden field, so that every page is the answer to a GET: going back or reloading never asks
whether to "submit the form again". It is `SameSite=Strict`, so that no other site can post with it, and `HttpOnly`. It
is bound to one participation and the path of its pages. It has no age, so that it ends with the browser on a shared
computer. Opening the link always asks for the letters again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from smsbot.signing import Signer

COOKIE = "lettres"
LIFETIME = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Proofs:
    """Signs "the letters of this participation were right", and checks it. `secret_key` is the service's."""

    secret_key: str = field(repr=False)

    def proof(self, participation_id: int, now: datetime) -> str:
        """The value of the cookie for this participation."""
        return self._signer.sign(participation_id, now)

    def holds(self, proof: str, participation_id: int, now: datetime) -> bool:
        """Whether `proof`, which may be any text, was made for this participation and is not too old."""
        return self._signer.read(proof, now) == participation_id

    @property
    def _signer(self) -> Signer:
        return Signer(self.secret_key, "proof of the letters", LIFETIME)
