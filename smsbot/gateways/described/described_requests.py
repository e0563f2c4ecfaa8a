"""Makes the requests that a description describes: its templates, filled in and escaped."""

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
    """A request as `smsbot.gateways.http.Http` takes it."""

    method: str
    url: str
    headers: CIMultiDict[str]
    body: bytes | None


def filled(table: RequestTable, values: Mapping[str, str], charset: Charset) -> FilledRequest:
    """The request that `table` describes, with these values for the names in braces.

    `charset` is the charset of forms and addresses; characters that it lacks become question marks. JSON is UTF-8.
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
    """Whether a form in this charset can carry the text.

    If the text fits GSM-7, single characters may become question marks, which many gateways do too. In another script
    nothing would be left of the text.
    """
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return is_gsm7(text)
    return True


def values_of(message: OutgoingSms) -> dict[str, str]:
    """The values of a message for a request, by the names in braces."""
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
    """The template with all its texts filled in. Values that are not texts stay as they are."""
    if isinstance(value, str):
        return value.format_map(values)
    if isinstance(value, Mapping):
        return {name: _filled(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    return value
