"""How a webhook of a described gateway proves where it comes from: a shared secret, or a signature made with one.

All comparisons take constant time, so that the time of a refusal tells nothing about the secret.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from smsbot.gateways.base import WebhookRequest
from smsbot.policy.gateways import AuthenticationTable

Query: TypeAlias = Mapping[str, Sequence[str]]
"""The parameters of the query, each with all its values."""

Proof: TypeAlias = Callable[[WebhookRequest, Query], bool]
"""Whether a request proves that it comes from the gateway."""


def proof(how: AuthenticationTable, secret: str) -> Proof:
    """The check that `how` describes. `secret` is the text of its setting, with the values of the secrets filled in."""
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
    scheme, _, credentials = header.partition(" ")
    return scheme.lower() == "basic" and _same(credentials, expected)


def _same(given: str, expected: bytes) -> bool:
    """Compare `given` with the expected bytes. It was decoded as Latin-1 or UTF-8, so both are tried."""
    return hmac.compare_digest(given.encode("latin-1", "replace"), expected) or hmac.compare_digest(
        given.encode("utf-8", "replace"), expected
    )
