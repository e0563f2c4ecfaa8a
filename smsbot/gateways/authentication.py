"""How a webhook proves where it comes from: by a shared secret, by a signature, or by its status address.

A described gateway sends a shared secret, or a signature made with one. All comparisons take constant time, so that the
time of a refusal tells nothing about the secret.

A status address is where a gateway posts the statuses of one message. It contains our id of the message and a keyed
tag. It is for gateways that prove who they are, or that the body is theirs, but not which address they post to. Without
the tag, somebody who has seen one webhook could post it again with the id of another message.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from smsbot.gateways.base import WebhookRequest
from smsbot.http_headers import credentials_of
from smsbot.policy.gateway_values import ADDRESS_PARAMETERS
from smsbot.policy.gateways import AuthenticationTable
from smsbot.signing import derived_key

Query: TypeAlias = Mapping[str, Sequence[str]]
"""The parameters of a query string, each with all its values."""

Proof: TypeAlias = Callable[[WebhookRequest, Query], bool]
"""Whether a request proves that it comes from the gateway."""

OUTGOING_ID_PARAMETER, TAG_PARAMETER = ADDRESS_PARAMETERS

_TAG_BYTES = 12
_OUTGOING_ID = re.compile(r"[0-9]{1,18}")


def proof(how: AuthenticationTable, secret: str) -> Proof:
    """The check that `how` describes. `secret` is its secret text, with the values of the settings filled in."""
    name = (how.name or "").lower()
    if how.kind == "hmac":
        return _signature(how, name, secret.encode())
    if how.kind == "query":
        parameter = how.name or ""
        return lambda _, query: _same("\0".join(query.get(parameter, ())), secret.encode())
    if how.kind == "header":
        return lambda request, _: _same(request.headers.get(name, ""), secret.encode())
    basic = base64.b64encode(secret.encode())
    return lambda request, _: _is_basic(request.headers.get("authorization", ""), basic)


def _signature(how: AuthenticationTable, header: str, key: bytes) -> Proof:
    def is_signed(request: WebhookRequest, _: Query) -> bool:
        digest = hmac.digest(key, request.body, how.algorithm)
        given = request.headers.get(header, "")
        if how.encoding == "hex":
            return _same(given.lower(), f"{how.prefix}{digest.hex()}".lower().encode())
        return _same(given, how.prefix.encode() + base64.b64encode(digest))

    return is_signed


def _is_basic(header: str, expected: bytes) -> bool:
    given = credentials_of(header, "basic")
    return given is not None and _same(given, expected)


def _same(given: str, expected: bytes) -> bool:
    """Compare `given` with the expected bytes. `given` was decoded as Latin-1 or UTF-8, so both are tried."""
    return hmac.compare_digest(given.encode("latin-1", "replace"), expected) or hmac.compare_digest(
        given.encode("utf-8", "replace"), expected
    )


def status_key(secret_key: str, gateway: str) -> bytes:
    """The key for a gateway's tags, derived from `SMSBOT_SECRET_KEY`."""
    return derived_key(secret_key, f"status of {gateway}")


@dataclass(frozen=True, slots=True)
class StatusAddress:
    """Makes and reads the query parameters of status addresses. `key` comes from `status_key`."""

    key: bytes = field(repr=False)

    def parameters(self, outgoing_id: int) -> dict[str, str]:
        """The query parameters of the address for this message."""
        return {OUTGOING_ID_PARAMETER: str(outgoing_id), TAG_PARAMETER: self._tag(outgoing_id)}

    def outgoing_id(self, query: Mapping[str, str]) -> int | None:
        """Our id of the message that the address was made for; None if the tag is wrong or missing."""
        read = outgoing_id(query.get(OUTGOING_ID_PARAMETER))
        if read is None:
            return None
        given = query.get(TAG_PARAMETER, "").encode("utf-8", "replace")
        return read if hmac.compare_digest(given, self._tag(read).encode()) else None

    def _tag(self, outgoing_id: int) -> str:
        digest = hmac.digest(self.key, str(outgoing_id).encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_TAG_BYTES]).decode()


def outgoing_id(written: object) -> int | None:
    """Our id of a message, as a gateway gives it back; None if the text is not an id."""
    return int(written) if isinstance(written, str) and _OUTGOING_ID.fullmatch(written) else None
