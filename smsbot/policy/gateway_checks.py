"""Finds mistakes in described gateways that a single key does not show.

These are unknown names in braces, keys that need each other, and webhooks that do not contain enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from smsbot.policy.file import Finding, Path
from smsbot.policy.gateway_paths import STATUS_PATHS, WITH_PATHS, wrong_paths
from smsbot.policy.gateway_values import (
    ACCESS_TOKEN,
    ADDRESS_PARAMETERS,
    HEADER_NAME,
    PLACEHOLDER,
    PLACEHOLDERS,
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


def contradictions(gateways: GatewayTables) -> Iterator[Finding]:
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
    yield from wrong_paths(gateway)
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


def _unknown(place: Path, template: str, known: Set[str]) -> Iterator[Finding]:
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
    if table.each is not None and format_ not in WITH_PATHS:
        yield (name, "each"), "has no meaning in a form or a query, which contains one message: remove it"


def _of_the_poll(gateway: GatewayTable) -> Iterator[Finding]:
    if gateway.poll is None:
        return
    if gateway.incoming is None:
        yield ("poll",), "brings messages: describe in incoming where their parts are found"
    elif gateway.incoming_format not in WITH_PATHS:
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
        for key in STATUS_PATHS:
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


def _templates_in(value: Any, place: Path = ()) -> Iterator[tuple[Path, str]]:
    """All texts in nested tables and lists, each with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _templates_in(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _templates_in(inner, (*place, str(index)))
