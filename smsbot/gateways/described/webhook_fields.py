"""Reads the fields of a described gateway's webhook in each format: JSON, XML, a form, or a query string."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from smsbot.gateways.base import MalformedMessage
from smsbot.gateways.described.xml_documents import xml_from
from smsbot.gateways.webhook_values import each_at_path, json_from, scalar, sole_at_path
from smsbot.policy.gateway_values import IN_THE_ADDRESS, ITSELF, Charset, WebhookFormat

Pairs = Mapping[str, Sequence[str]]
"""Fields of a form or a query string, each with all its values."""

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST_FIELDS = 256


@dataclass(frozen=True, slots=True)
class WebhookFields:
    """The fields of one message or status.

    `content` is a JSON or XML document, or a part of it, in which fields are found by paths; otherwise it has the pairs
    of a form or a query string. `address` has the parameters of the webhook's address.
    """

    content: Any
    address: Pairs
    has_paths: bool

    def field(self, name: str | None) -> str | None:
        """The value of a field; None if it is missing. Raises `MalformedMessage` if it occurs twice."""
        if name is None:
            return None
        if name.startswith(IN_THE_ADDRESS):
            return _sole(self.address.get(name.removeprefix(IN_THE_ADDRESS), ()), name)
        if self.has_paths:
            return scalar(self.content if name == ITSELF else sole_at_path(self.content, name), name)
        return _sole(self.content.get(name, ()), name)

    def each(self, path: str | None) -> list[WebhookFields]:
        """The fields of each message in the list at `path`. Without a path there is only one message."""
        if path is None:
            return [self]
        return [WebhookFields(element, self.address, True) for element in each_at_path(self.content, path)]


def fields_from(format_: WebhookFormat, body: bytes, address: Pairs, charset: Charset) -> WebhookFields:
    """The fields of a webhook. `charset` is the charset of forms. Raises `MalformedMessage`."""
    if format_ == "query":
        return WebhookFields(address, address, False)
    if format_ == "form":
        try:
            text = body.decode("ascii")
        except UnicodeDecodeError:
            raise MalformedMessage("The body is not a form: it contains bytes that are not encoded.") from None
        return WebhookFields(pairs_from(text, charset), address, False)
    return WebhookFields(document_from(format_, body), address, True)


def document_from(format_: str, body: bytes) -> Any:
    """The document in a body of format "json" or "xml". Raises `MalformedMessage`."""
    if format_ == "xml":
        return xml_from(body)
    document = json_from(body)
    if not isinstance(document, (dict, list)):
        raise MalformedMessage("The body is neither a JSON object nor a list.")
    return document


def pairs_from(text: str, charset: Charset) -> dict[str, list[str]]:
    """The pairs of a form or a query string. Raises `MalformedMessage`."""
    if _BROKEN_ESCAPE.search(text):
        raise MalformedMessage("A percent sign is not followed by two hexadecimal digits.")
    if not all("=" in pair for pair in text.split("&") if pair):
        raise MalformedMessage("The fields are not pairs of name=value.")
    try:
        return parse_qs(text, keep_blank_values=True, encoding=charset, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise MalformedMessage(f"The fields are not {charset}.") from None
    except ValueError:
        raise MalformedMessage("There are too many fields.") from None


def decoded_again(text: str, charset: Charset) -> str:
    """Decode a text that was percent-encoded twice. Raises `MalformedMessage` if it was not, or not in `charset`."""
    if _BROKEN_ESCAPE.search(text):
        raise MalformedMessage("The text is not percent-encoded twice.")
    try:
        return unquote_plus(text, encoding=charset, errors="strict")
    except UnicodeDecodeError:
        raise MalformedMessage(f"The text is not {charset}.") from None


def _sole(values: Sequence[str], name: str) -> str | None:
    if len(values) > 1:
        raise MalformedMessage(f"{name} occurs twice.")
    return values[0] if values else None
