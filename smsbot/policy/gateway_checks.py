"""Finds mistakes in described gateways that no single key shows.

These are names in braces that nothing fills in, keys that need each other, and webhooks that tell too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from smsbot.policy.file import Path
from smsbot.policy.gateways import (
    ADDRESS_PARAMETERS,
    HEADER_NAME,
    PLACEHOLDER,
    PLACEHOLDERS,
    AnswerTable,
    GatewayTable,
    GatewayTables,
    SendTable,
    WebhooksTable,
    placeholders,
)
from smsbot.policy.values import did_you_mean

Finding = tuple[Path, str]
"""A mistake: its place in the file, and a sentence that goes on after the name of that place."""


def contradictions(gateways: GatewayTables) -> Iterator[Finding]:
    """The mistakes in these described gateways that no single key shows."""
    for name, gateway in gateways.items():
        for place, sentence in _contradictions(gateway):
            yield ("gateways", name, *place), sentence


def _contradictions(gateway: GatewayTable) -> Iterator[Finding]:
    for secret in gateway.secrets:
        if secret in PLACEHOLDERS or not PLACEHOLDER.fullmatch(secret):
            yield ("secrets", secret), "should be another name: small letters, digits and _, and no other placeholder"
    yield from _unknown_names(gateway)
    yield from _of_the_request(gateway.send)
    yield from _of_the_answer(gateway.answer)
    yield from _of_the_paths(gateway)
    yield from _of_the_webhooks(gateway)


def _unknown_names(gateway: GatewayTable) -> Iterator[Finding]:
    secrets = gateway.secrets.keys()
    of_a_message = PLACEHOLDERS | secrets
    known_at: dict[Path, Set[str]] = {
        ("url",): of_a_message,
        ("headers",): of_a_message - {"text"},
        ("basic_auth",): secrets,
        ("query",): of_a_message,
        ("form",): of_a_message,
        ("json",): of_a_message,
    }
    written = gateway.send.model_dump(by_alias=True)
    for place, known in known_at.items():
        for inner, template in _templates_in(written[place[0]], place):
            yield from _unknown(("send", *inner), template, known)
    if gateway.webhooks is not None:
        place = ("webhooks", "authentication", "secret")
        template = gateway.webhooks.authentication.secret
        yield from _unknown(place, template, secrets)
        if not placeholders(template):
            yield place, "should hold the name of a secret in braces, not the secret itself"


def _unknown(place: Path, template: str, known: Set[str]) -> Iterator[Finding]:
    for name in sorted(placeholders(template) - known):
        guess = did_you_mean(name, known) or f"; known are {', '.join(sorted(known)) or 'none'}"
        yield place, f"holds {{{name}}}, which is not filled in here{guess}"


def _of_the_request(send: SendTable) -> Iterator[Finding]:
    if send.form is not None and send.json_ is not None:
        yield ("send", "json"), "cannot stand beside form: keep one of them"
    if send.method == "GET" and (send.form is not None or send.json_ is not None):
        yield ("send", "method"), "is GET, which has no body: use query instead of form or json"
    if send.basic_auth is not None and (":" not in send.basic_auth or not placeholders(send.basic_auth)):
        yield ("send", "basic_auth"), "should be user:password, with the name of a secret in braces"
    for name, value in send.headers.items():
        if name.lower() == "authorization" and not placeholders(value):
            yield ("send", "headers", name), "should hold the name of a secret in braces, not the secret itself"
    for needed in ("recipient", "text"):
        if not any(name.startswith(needed) for name in send.used):
            yield ("send",), f"does not say the {needed}: put {{{needed}}} into url, query, form or json"


def _of_the_answer(answer: AnswerTable) -> Iterator[Finding]:
    if (answer.result is None) is not (answer.taken == []):
        yield ("answer", "result"), "and taken need each other: where the result stands, and which results mean taken"
    if (answer.refused or answer.later) and answer.result is None and answer.error is None:
        yield ("answer", "error"), "is missing: it should say where the codes in refused and later stand"
    for one, other in (("refused", "later"), ("taken", "refused"), ("taken", "later")):
        if both := set(getattr(answer, one)) & set(getattr(answer, other)):
            yield ("answer", other), f'holds "{min(both)}", which stands in {one} too'


_PATHS = {
    "answer": ("id", "result", "error"),
    "incoming": ("sender", "recipient", "text", "id", "time"),
    "status": ("status", "id", "reference", "error"),
}
"""The keys whose values are paths into JSON. In webhooks of other formats they are names of fields, and any text."""


def _of_the_paths(gateway: GatewayTable) -> Iterator[Finding]:
    webhooks_are_json = gateway.webhooks is not None and gateway.webhooks.format == "json"
    for table, keys in _PATHS.items():
        written = getattr(gateway, table)
        if written is None or not (table == "answer" or webhooks_are_json):
            continue
        for key in keys:
            path = getattr(written, key)
            if path is not None and not _is_path(path):
                mended = ".".join(step for step in re.split(r"[.\[\]/$\s'\"]+", path) if step)
                guess = f'; did you mean "{mended}"?' if _is_path(mended) else ""
                yield (table, key), f"should be names and positions with points between, as messages.0.id{guess}"


def _is_path(path: str) -> bool:
    """Whether this has the form of a path for `smsbot.gateways.webhook_values.at_path`.

    Other forms never find anything.
    """
    steps = path.split(".")
    foreign = "[" in path or path.startswith("/") or {"$", "*"} & set(steps)
    return not foreign and all(step and step == step.strip() for step in steps)


def _of_the_webhooks(gateway: GatewayTable) -> Iterator[Finding]:
    webhooks, incoming, status = gateway.webhooks, gateway.incoming, gateway.status
    if webhooks is None:
        for name, table in (("incoming", incoming), ("status", status)):
            if table is not None:
                yield (name,), "comes by webhook: say in webhooks what it looks like and how it is authenticated"
    else:
        if incoming is None and status is None:
            yield ("webhooks",), "tells nothing: describe incoming, status or both"
        yield from _of_the_authentication(webhooks)
    if incoming is not None:
        if (incoming.recipient is None) is (incoming.our_number is None):
            yield ("incoming", "recipient"), "or our_number, one of the two, should say which number was written to"
        if incoming.id is None and incoming.time is None:
            yield ("incoming", "id"), "or time is needed: without either, a repeated webhook looks like a new message"
        if incoming.time is None and incoming.time_zone is not None:
            yield ("incoming", "time_zone"), "has no meaning without time: remove it"
    if webhooks is not None and webhooks.format == "query" and status is not None:
        for key in _PATHS["status"]:
            if getattr(status, key) in ADDRESS_PARAMETERS:
                yield ("status", key), "is a parameter that smsbot itself puts into the address: it cannot be a field"
    if status is None:
        if "callback_url" in gateway.send.used:
            yield ("send",), "holds {callback_url}, but [status] does not say what comes there"
    elif not gateway.statuses_name_messages and (status.id is None or gateway.answer.id is None):
        yield (
            ("status",),
            "does not tell which message it is about: put {callback_url} or {id} (with status.reference) into the "
            "request, or name the gateway's id in answer.id and status.id",
        )


def _of_the_authentication(webhooks: WebhooksTable) -> Iterator[Finding]:
    how = webhooks.authentication
    place = ("webhooks", "authentication")
    if how.kind == "hmac" and webhooks.format == "query":
        yield (*place, "kind"), "hmac signs a body, and a webhook of the format query has none"
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
    """Every text in nested tables and lists, with its place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _templates_in(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _templates_in(inner, (*place, str(index)))
