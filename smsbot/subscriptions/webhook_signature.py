"""Signatures of the Standard Webhooks specification, scheme `v1`: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

_PREFIX = "whsec_"
_FEWEST_BYTES, _MOST_BYTES = 24, 64


def new_secret() -> str:
    """A secret of 256 random bits, in the form of the specification."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signing_key(secret: str) -> bytes:
    """The key in a secret. Raises ValueError with the end of a sentence if the secret has not the specified form."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        raise ValueError(f"is not {_PREFIX} followed by {_FEWEST_BYTES} to {_MOST_BYTES} bytes in base64")
    return key


def signed_headers(known: tuple[str, ...], event_id: str, sent_at: datetime, body: bytes) -> Mapping[str, str]:
    """The headers for this body, sent at this time (aware).

    It is signed with each of the secrets in `known`: while a secret is being replaced, a receiver may know either.
    """
    timestamp = str(int(sent_at.timestamp()))
    signed = f"{event_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(signing_key(secret), signed, hashlib.sha256) for secret in known]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
    }
