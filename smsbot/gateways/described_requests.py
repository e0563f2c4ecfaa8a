"""The requests that a description makes: its templates, filled in and escaped as their place asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from multidict import CIMultiDict

from smsbot.gateways.base import OutgoingSms
from smsbot.gateways.http import basic_authorization
from smsbot.messages.gsm7 import is_gsm7
from smsbot.policy.gateway_values import Charset
from smsbot.policy.gateways import RequestTable


@dataclass(frozen=True, slots=True)
class FilledRequest:
    """A request as it goes to `smsbot.gateways.http.Http`."""

    method: str
    url: str
    headers: CIMultiDict[str]
    body: bytes | None


def filled(table: RequestTable, values: Mapping[str, str], charset: Charset) -> FilledRequest:
    """The request that `table` describes, with these values for the names in braces.

    `charset` is that of forms and addresses; what it lacks becomes a question mark. JSON is always UTF-8.
    """
    quoted = {name: quote(value, safe="", encoding=charset, errors="replace") for name, value in values.items()}
    url = table.url.format_map(quoted)
    if table.query:
        url = f"{url}{'&' if '?' in url else '?'}{_encoded(table.query, values, charset)}"
    headers = CIMultiDict((name, value.format_map(values)) for name, value in table.headers.items())
    if table.basic_auth is not None:
        user, _, password = table.basic_auth.format_map(values).partition(":")
        headers["Authorization"] = basic_authorization(user, password)
    body = None
    if table.form is not None:
        body = _encoded(table.form, values, charset).encode()
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    elif table.json_ is not None:
        body = json.dumps(_filled(table.json_, values), ensure_ascii=False).encode()
        headers.setdefault("Content-Type", "application/json")
    return FilledRequest(table.method, url, headers, body)


def carries(text: str, charset: Charset) -> bool:
    """Whether a form in this charset tells the text. Of one in GSM-7 a sign may become a question mark, as an SMS in
    another alphabet has it with many gateways; of one in another script nothing would be left.
    """
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return is_gsm7(text)
    return True


def values_of(message: OutgoingSms) -> dict[str, str]:
    """What a request may take from a message, by the names in braces."""
    return {
        "sender": message.sender,
        "sender_digits": message.sender.removeprefix("+"),
        "recipient": message.recipient,
        "recipient_digits": message.recipient.removeprefix("+"),
        "recipient_00": re.sub(r"^\+", "00", message.recipient),
        "text": message.body,
        "id": str(message.outgoing_id),
    }


def _encoded(template: Mapping[str, str], values: Mapping[str, str], charset: Charset) -> str:
    return urlencode(
        {name: value.format_map(values) for name, value in template.items()}, encoding=charset, errors="replace"
    )


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    """The template with all its texts filled in; values that are no texts stay as they are."""
    if isinstance(value, str):
        return value.format_map(values)
    if isinstance(value, Mapping):
        return {name: _filled(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return value
