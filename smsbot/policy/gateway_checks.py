"""Finds mistakes in described gateways that a single key does not show.

These are unknown names in braces, keys that need each other, webhooks that do not contain enough, and paths that cannot
lead to a value in an answer or a webhook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from smsbot.policy.file import Finding, KeyPath
from smsbot.policy.gateway_values import (
    ACCESS_TOKEN,
    ADDRESS_PARAMETERS,
    HEADER_NAME,
    IN_THE_ADDRESS,
    ITSELF,
    PLACEHOLDER,
    PLACEHOLDERS,
    ROOT_NAME,
    SINCE,
    placeholders,
)
from smsbot.policy.gateways import (
    AnswerTable,
    GatewayTable,
    GatewayTables,
    IncomingTable,
    RequestTable,
    SendTable,
    StatusTable,
    WebhooksTable,
)
from smsbot.policy.values import did_you_mean

_WITH_PATHS = ("json", "xml")
"""The formats in which fields are found by paths. In the other formats fields have names, which may be any text."""

_STATUS_PATHS = ("status", "id", "reference", "error")
"""The keys of a status table whose values are paths."""


def gateway_contradictions(gateways: GatewayTables) -> Iterator[Finding]:
    """The mistakes in these described gateways that a single key does not show."""
    for name, gateway in gateways.items():
        for place, sentence in _contradictions(gateway):
            yield ("gateways", name, *place), sentence


def _contradictions(gateway: GatewayTable) -> Iterator[Finding]:
    for secret in gateway.secrets:
        if secret in PLACEHOLDERS | {ACCESS_TOKEN, SINCE} or not PLACEHOLDER.fullmatch(secret):
            yield ("secrets", secret), "should be another name: small letters, digits and _, and no other placeholder"
    for place, request, known in _requests(gateway):
        yield from _unknown_names(place, request, known)
        yield from _of_a_request(place, request)
    yield from _of_sending(gateway.send)
    yield from _of_the_token(gateway)
    yield from _of_the_answer(gateway.answer)
    if gateway.check is not None and (gateway.check.result is None) is not (gateway.check.good == []):
        yield ("check", "result"), "and good need each other: where the result is, and which results are good"
    yield from _of_the_paths(gateway)
    yield from _of_the_webhooks(gateway)
    yield from _of_incoming(gateway)
    yield from _of_the_poll(gateway)
    yield from _of_the_status(gateway)


# Requests -------------------------------------------------------------------------------------------------------------


def _requests(gateway: GatewayTable) -> Iterator[tuple[str, RequestTable, frozenset[str]]]:
    """The requests to this gateway: the name of the table, the table, and the names that are filled in there."""
    secrets = frozenset(gateway.secrets)
    with_token = secrets | {ACCESS_TOKEN} if gateway.token is not None else secrets
    yield "send", gateway.send, PLACEHOLDERS | with_token
    if gateway.token is not None:
        yield "token", gateway.token, secrets
    if gateway.poll is not None:
        yield "poll", gateway.poll, with_token | {SINCE}
    if gateway.check is not None:
        yield "check", gateway.check, with_token


def _unknown_names(table: str, request: RequestTable, known: frozenset[str]) -> Iterator[Finding]:
    of_a_message = PLACEHOLDERS | {ACCESS_TOKEN, SINCE}
    known_at: dict[str, Set[str]] = {
        "url": known,
        "headers": known - {"text"},
        "basic_auth": known - of_a_message,
        "query": known,
        "form": known,
        "json": known,
    }
    written = request.model_dump(by_alias=True)
    for key, known_here in known_at.items():
        for inner, template in _templates_in(written[key], (key,)):
            yield from _unknown((table, *inner), template, known_here)


def _unknown(place: KeyPath, template: str, known: Set[str]) -> Iterator[Finding]:
    for name in sorted(placeholders(template) - known):
        guess = did_you_mean(name, known) or f"; known are {', '.join(sorted(known)) or 'none'}"
        yield place, f"contains {{{name}}}, which is not filled in here{guess}"


def _of_a_request(table: str, request: RequestTable) -> Iterator[Finding]:
    if request.form is not None and request.json_ is not None:
        yield (table, "json"), "cannot be used together with form: keep one of them"
    if request.method == "GET" and (request.form is not None or request.json_ is not None):
        yield (table, "method"), "is GET, which has no body: use query instead of form or json"
    if request.basic_auth is not None and (":" not in request.basic_auth or not placeholders(request.basic_auth)):
        yield (table, "basic_auth"), "should be user:password, with the name of a secret in braces"
    for name, value in request.headers.items():
        if name.lower() == "authorization" and not placeholders(value):
            yield (table, "headers", name), "should contain the name of a secret in braces, not the secret itself"


def _of_sending(send: SendTable) -> Iterator[Finding]:
    for needed in ("recipient", "text"):
        if not any(name.startswith(needed) for name in send.used):
            yield ("send",), f"does not contain the {needed}: put {{{needed}}} into url, query, form or json"


def _of_the_token(gateway: GatewayTable) -> Iterator[Finding]:
    requests = [request for name, request, _ in _requests(gateway) if name != "token"]
    if gateway.token is not None and not any(ACCESS_TOKEN in request.used for request in requests):
        yield (
            ("token",),
            'is not used: put {access_token} into send, such as headers = { Authorization = "Bearer {access_token}" }',
        )


def _of_the_answer(answer: AnswerTable) -> Iterator[Finding]:
    if (answer.result is None) is not (answer.taken == []):
        yield ("answer", "result"), "and taken need each other: where the result is, and which results mean taken"
    if (answer.refused or answer.later) and answer.result is None and answer.error is None:
        yield ("answer", "error"), "is missing: it should say where the codes in refused and later are found"
    for one, other in (("refused", "later"), ("taken", "refused"), ("taken", "later")):
        if both := set(getattr(answer, one)) & set(getattr(answer, other)):
            yield ("answer", other), f'contains "{min(both)}", which is in {one} too: keep one'


# Webhooks -------------------------------------------------------------------------------------------------------------


def _of_the_webhooks(gateway: GatewayTable) -> Iterator[Finding]:
    webhooks = gateway.webhooks
    if webhooks is None:
        for name, table in (("incoming", gateway.incoming), ("status", gateway.status)):
            if table is not None and not (name == "incoming" and gateway.poll is not None):
                yield (name,), "comes by webhook: say in webhooks what it looks like and how it is authenticated"
        return
    if gateway.incoming is None and gateway.status is None:
        yield ("webhooks",), "has no use: describe incoming, status or both"
    place = ("webhooks", "authentication", "secret")
    template = webhooks.authentication.secret
    yield from _unknown(place, template, gateway.secrets.keys())
    if not placeholders(template):
        yield place, "should contain the name of a secret in braces, not the secret itself"
    yield from _of_the_authentication(webhooks, gateway.formats)


def _of_incoming(gateway: GatewayTable) -> Iterator[Finding]:
    incoming = gateway.incoming
    if incoming is None:
        if "incoming_url" in gateway.send.used:
            yield ("send",), "contains {incoming_url}, but [incoming] does not describe what comes there"
        return
    if (incoming.recipient is None) is (incoming.our_number is None):
        yield (
            ("incoming", "recipient"),
            "or our_number, one of the two, should say which number was written to: recipient as the field that "
            'contains it, or our_number = "36105" with your number',
        )
    if incoming.id is None and incoming.time is None and incoming.in_reply_to is None:
        yield (
            ("incoming", "id"),
            "or time is needed, or in_reply_to: without any of them, a repeated webhook looks like a new message",
        )
    if incoming.time is None and incoming.time_zone is not None:
        yield ("incoming", "time_zone"), "has no meaning without time: remove it"
    yield from _of_each("incoming", incoming, gateway.incoming_format)


def _of_each(name: str, table: IncomingTable | StatusTable, format_: str) -> Iterator[Finding]:
    if table.each is not None and format_ not in _WITH_PATHS:
        yield (name, "each"), "has no meaning in a form or a query, which contains one message: remove it"


def _of_the_poll(gateway: GatewayTable) -> Iterator[Finding]:
    if gateway.poll is None:
        return
    if gateway.incoming is None:
        yield ("poll",), "brings messages: describe in incoming where their parts are found"
    elif gateway.incoming_format not in _WITH_PATHS:
        yield ("incoming", "format"), 'should be "json" or "xml", as the answer to poll is'
    elif gateway.incoming.id is None and gateway.incoming.time is None:
        yield (
            ("incoming", "id"),
            "or time is needed: without either, a message that is listed again looks like a new one",
        )


def _of_the_status(gateway: GatewayTable) -> Iterator[Finding]:
    status = gateway.status
    if status is None:
        if "callback_url" in gateway.send.used:
            yield ("send",), "contains {callback_url}, but [status] does not describe what comes there"
        return
    if gateway.webhooks is not None and gateway.status_format == "query":
        for key in _STATUS_PATHS:
            if getattr(status, key) in ADDRESS_PARAMETERS:
                yield ("status", key), "is a parameter that smsbot itself puts into the address: it cannot be a field"
    if not gateway.statuses_name_messages and (status.id is None or gateway.answer.id is None):
        yield (
            ("status",),
            "does not say which message it is about: put {callback_url} or {id} (with status.reference) into the "
            "request, or write in answer.id and status.id where the gateway's id is found",
        )
    yield from _of_each("status", status, gateway.status_format)


def _of_the_authentication(webhooks: WebhooksTable, formats: Set[str]) -> Iterator[Finding]:
    how = webhooks.authentication
    place = ("webhooks", "authentication")
    if how.kind == "hmac" and "query" in formats:
        yield (*place, "kind"), "hmac signs a body, but a webhook of the format query has no body"
    if how.kind == "basic":
        if how.name is not None:
            yield (*place, "name"), "has no meaning for basic: remove it"
        if ":" not in how.secret:
            yield (*place, "secret"), "should be user:password, with the name of a secret in braces"
    elif how.kind == "query" and how.name in ADDRESS_PARAMETERS:
        yield (*place, "name"), "is a parameter that smsbot itself puts into the addresses for statuses: use another"
    elif how.name is None:
        yield (*place, "name"), "is missing: it should be the name of the header or of the parameter"
    elif how.kind != "query" and not HEADER_NAME.fullmatch(how.name):
        yield (*place, "name"), "should be the name of a header"


def _templates_in(value: Any, place: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    """All texts in nested tables and lists, each with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _templates_in(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _templates_in(inner, (*place, str(index)))


def _of_the_paths(gateway: GatewayTable) -> Iterator[Finding]:
    """The paths in this table that can never find anything, with what is wrong with each."""
    for place, path, format_ in _paths(gateway):
        if path.startswith(IN_THE_ADDRESS) and place[0] in ("incoming", "status"):
            continue
        if format_ == "text":
            if not re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,2}", path):
                yield place, "should be a line and a word in it, both counted from 0, such as 2.0"
        elif format_ in _WITH_PATHS and not _is_path(path, format_):
            mended = ".".join(step for step in re.split(r"[.\[\]/$\s'\"]+", path) if step)
            guess = f'; did you mean "{mended}"?' if _is_path(mended, format_) else ""
            yield place, f"should be names and positions with points between, such as messages.0.id{guess}"


def _paths(gateway: GatewayTable) -> Iterator[tuple[KeyPath, str, str]]:
    """All paths in this table, each with its place and the format of the document in which it is looked up."""
    answer, token, poll = gateway.answer, gateway.token, gateway.poll
    for key in ("id", "result", "error"):
        yield from _path(answer, ("answer", key), answer.format)
    for when in ("refused_when", "later_when"):
        yield from ((("answer", when, path), path, answer.format) for path in getattr(answer, when))
    if gateway.check is not None:
        for key in ("result", "credit"):
            yield from _path(gateway.check, ("check", key), gateway.check.format)
    if token is not None:
        for key in ("value", "lifetime"):
            yield from _path(token, ("token", key), "json")
    if poll is not None:
        yield from _path(poll, ("poll", "next"), gateway.incoming_format)
    if (incoming := gateway.incoming) is not None:
        for key in ("each", "sender", "recipient", "text", "id", "in_reply_to", "time"):
            yield from _path(incoming, ("incoming", key), gateway.incoming_format)
        if incoming.stop is not None:
            yield from _path(incoming.stop, ("incoming", "stop", "field"), gateway.incoming_format)
        for key in ("reference", "number", "total") if incoming.pieces is not None else ():
            yield from _path(incoming.pieces, ("incoming", "pieces", key), gateway.incoming_format)
    if gateway.status is not None:
        for key in ("each", *_STATUS_PATHS):
            yield from _path(gateway.status, ("status", key), gateway.status_format)


def _path(table: object, place: KeyPath, format_: str) -> Iterator[tuple[KeyPath, str, str]]:
    path = getattr(table, place[-1])
    if path is not None and not (path == ITSELF and place[-1] == "each"):
        yield place, path, format_


def _is_path(path: str, format_: str) -> bool:
    """Whether this has the form of a path for `smsbot.gateways.webhook_values.at_path`.

    Paths of another form never find anything.
    """
    if path == ROOT_NAME:
        return format_ == "xml"
    steps = path.split(".")
    foreign = "[" in path or path.startswith("/") or {"$", "*"} & set(steps)
    return not foreign and all(step and step == step.strip() for step in steps)
