"""What a described gateway's answer to a message means.

If the description says nothing, HTTP errors have their usual meaning: 4xx is refused or not taken for now, 5xx is in
doubt.

An answer in plain text is read as lines of words: the path `2.0` is the first word of the third line.
"""

from __future__ import annotations

import re
from typing import Any

from smsbot.gateways.base import MalformedMessage, SendError, SendInDoubt, SendLater, SendRefused
from smsbot.gateways.described.webhook_fields import document_from
from smsbot.gateways.http import HttpAnswer, retry_after
from smsbot.gateways.webhook_values import at_path, is_message_id, scalar
from smsbot.policy.gateway_values import AnswerFormat, Conditions
from smsbot.policy.gateways import AnswerTable, CheckTable

_PASSING_HTTP_STATUSES = frozenset({401, 402, 403, 404, 408, 425, 429, 503})
_AROUND_WORDS = "\"',:;"  # for answers such as Kannel's "0: Accepted" and Jasmin's Success "9c79…"
_SHOWABLE_CREDIT = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,8})?")
_SHOWABLE_CODE = re.compile(r"(?!.*[0-9]{7})[A-Za-z0-9_.,-]{1,32}")  # without a telephone number


def taken_as(described: AnswerTable, answer: HttpAnswer) -> str | None:
    """The gateway's id of a message that it has taken; None if it gives no ids, or did not give one this time.

    Raises `SendRefused`, `SendLater` or `SendInDoubt` if the gateway has not clearly taken the message.
    """
    document = _document(described.format, answer)
    identifier = None if described.id is None else _identifier(at_path(document, described.id))
    failure = _failure(described, answer, document, is_named=described.id is None or identifier is not None)
    if failure is not None:
        raise failure
    return identifier


def credit_in(described: CheckTable, answer: HttpAnswer) -> str | None:
    """The remaining credit in the answer to `[check]`; None if the answer does not say it.

    Raises `SendRefused` if the credentials are wrong, and `SendLater` if the answer says neither yes nor no.
    """
    document, status = _document(described.format, answer), answer.status
    result = _code(document, described.result)
    if answer.is_success and (described.result is None or result in described.good):
        credit = _code(document, described.credit)
        return credit if credit and _SHOWABLE_CREDIT.fullmatch(credit) else None
    if status in (401, 403) or (answer.is_success and result is not None):
        shown = f"{status}, {result}" if result and is_showable(result) else str(status)
        raise SendRefused(shown, f"The gateway refuses the credentials (HTTP {shown}).")
    raise SendLater(str(status), f"The gateway answers HTTP {status}, which says neither yes nor no.")


def is_showable(code: str) -> bool:
    """Whether an error code may be shown and logged: it contains no telephone number."""
    return _SHOWABLE_CODE.fullmatch(code) is not None


def _identifier(value: Any) -> str | None:
    """The value as an id if it is a text or a whole number that can be one; otherwise None."""
    identifier = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return identifier if is_message_id(identifier) else None


def _failure(described: AnswerTable, answer: HttpAnswer, document: Any, *, is_named: bool) -> SendError | None:
    """The error that an answer means; None if it means that the message was taken.

    The gateway's own wording is left out, because it may quote the number. An answer may say yes and lack the id that
    it should give (`is_named` is False). It still counts as taken, unless it contains an error or is something else,
    such as an HTML page. If it counted as doubtful, we would send the message again and again.
    """
    status = answer.status
    if (why := _met(described.refused_when, document)) is not None:
        return SendRefused(why, "The gateway refused the message for good.")
    if (why := _met(described.later_when, document)) is not None:
        wait = retry_after(answer.headers.get("retry-after"))
        return SendLater(why, f"The gateway did not take the message (HTTP {status}).", wait)
    taken_status = answer.is_success if described.taken_statuses is None else status in described.taken_statuses
    result, error = _code(document, described.result), _code(document, described.error)
    says_yes = taken_status and (described.result is None or result in described.taken)
    if says_yes and (is_named or (not error and document is not None)):
        return None
    code = error or result
    shown = code if code and is_showable(code) else str(status)
    if code in described.refused or status in described.refused_statuses:
        return SendRefused(shown, "The gateway refused the message for good.")
    passing = status in described.later_statuses or (status in _PASSING_HTTP_STATUSES and not taken_status)
    if code in described.later or passing:
        wait = retry_after(answer.headers.get("retry-after"))
        return SendLater(shown, f"The gateway did not take the message (HTTP {status}).", wait)
    if 400 <= status < 500 and not taken_status:
        return SendRefused(shown, f"The gateway refused the message (HTTP {status}).")
    return SendInDoubt(shown, f"The gateway's answer says neither yes nor no (HTTP {status}).", answered=True)


def _met(conditions: Conditions, document: Any) -> str | None:
    """The path of the first condition that the answer meets, as a code that may be shown; None if it meets none."""
    for path, values in conditions.items():
        if _code(document, path) in values:
            return path if is_showable(path) else "condition"
    return None


def _code(document: Any, path: str | None) -> str | None:
    try:
        return None if path is None else scalar(at_path(document, path), path)
    except MalformedMessage:
        return None


def _document(format_: AnswerFormat, answer: HttpAnswer) -> Any:
    """The answer in a form in which paths are looked up; None if it has another format."""
    if format_ == "text":
        lines = answer.content.decode("utf-8", "replace").splitlines()
        return [[word.strip(_AROUND_WORDS) for word in line.split()] for line in lines] or None
    try:
        return document_from(format_, answer.content)
    except MalformedMessage:
        return None
