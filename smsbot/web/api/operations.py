"""What every operation has in the OpenAPI document: a tag, a scope, examples, and links to operations that can follow.

`completed` adds these to the described paths, so that they are written in one place only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smsbot.agents.tokens import ApiScope
from smsbot.web.api.examples import EXAMPLES


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """The tag and the scope of one operation. Tokens of other systems need the scope to use it."""

    tag: str
    scope: ApiScope


TAGS: Mapping[str, str] = {
    "Appointments": "Feed them, read them back, cancel them.",
    "Many at once": "Cancel all appointments of a day or a place, or write to their people.",
    "Messages": "What usagers wrote, and what was sent to them.",
    "Events": "Learn what happens, by webhook or by reading the list.",
    "Organisations": "What is set for each, and what waits there.",
    "STOP list": "Who takes no SMS.",
}

_READ, _WRITE = ApiScope.APPOINTMENTS_READ, ApiScope.APPOINTMENTS_WRITE

OPERATIONS: Mapping[str, ApiOperation] = {
    **{
        name: ApiOperation("Appointments", scope)
        for name, scope in {
            "listAppointments": _READ,
            "readAppointment": _READ,
            "readAppointmentByExternalId": _READ,
            "replaceAppointment": _WRITE,
            "replaceAppointments": _WRITE,
            "deleteAppointment": _WRITE,
            "cancelAppointment": _WRITE,
            "cancelAppointments": _WRITE,
            "takeBackCancellation": _WRITE,
        }.items()
    },
    **{
        name: ApiOperation("Many at once", scope)
        for name, scope in {"beginBatch": _WRITE, "readBatch": _READ, "stopBatch": _WRITE}.items()
    },
    **{
        name: ApiOperation("Messages", ApiScope.MESSAGES_READ)
        for name in ("listMessages", "readMessage", "listMessagesOfAppointment", "listDeliveries")
    },
    **{
        name: ApiOperation("Messages", ApiScope.MESSAGES_WRITE)
        for name in ("answerMessage", "closeMessage", "handMessageOver", "putMessageOff", "noteOnMessage")
    },
    "listEvents": ApiOperation("Events", ApiScope.EVENTS_READ),
    **{
        name: ApiOperation("Events", ApiScope.WEBHOOKS_WRITE)
        for name in (
            *("listWebhooks", "registerWebhook", "readWebhook", "deleteWebhook"),
            *("rotateWebhookSecret", "replayEvents"),
        )
    },
    "listOrganisations": ApiOperation("Organisations", ApiScope.ORGANISATIONS_READ),
    "readOrganisation": ApiOperation("Organisations", ApiScope.ORGANISATIONS_READ),
    "listStops": ApiOperation("STOP list", ApiScope.STOP_LIST_READ),
}
"""The operations, by operation id. Tests compare their scopes with those that the endpoints demand."""

_OF_APPOINTMENT = (
    *("readAppointment", "cancelAppointment", "takeBackCancellation"),
    *("listMessagesOfAppointment", "listDeliveries"),
)
_OF_MESSAGE = ("readMessage", "answerMessage", "closeMessage", "putMessageOff", "noteOnMessage")
_OF_WEBHOOK = ("readWebhook", "rotateWebhookSecret", "replayEvents", "deleteWebhook")
_OF_BATCH = ("readBatch", "stopBatch")

_LINKS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "replaceAppointment": ("/id", _OF_APPOINTMENT),
    "listAppointments": ("/appointments/0/id", _OF_APPOINTMENT),
    "listMessages": ("/messages/0/id", _OF_MESSAGE),
    "registerWebhook": ("/id", _OF_WEBHOOK),
    "beginBatch": ("/id", _OF_BATCH),
    "listOrganisations": ("/organisations/0/external_id", ("readOrganisation", "beginBatch")),
}
"""Which operations can follow an answer, by the operation id of that answer.

Each has the place of the id that they need in the answer (a JSON Pointer), and their operation ids.
"""

_QUOTA = {name: {"$ref": f"#/components/headers/{name}"} for name in ("RateLimit", "RateLimit-Policy")}

HEADERS: Mapping[str, Any] = {
    "RateLimit": {
        "description": "What is left of the token's quota (`r`), and in how many seconds all of it is back (`t`).",
        "schema": {"type": "string"},
        "example": '"token";r=1199;t=1',
    },
    "RateLimit-Policy": {
        "description": "The token's quota: `q` requests in `w` seconds.",
        "schema": {"type": "string"},
        "example": '"token";q=1200;w=60',
    },
}
"""The headers to which answers refer, as components of the document."""


def completed(paths: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy of `paths` with tags, scopes, examples, links and the headers of quotas."""
    return {
        path: {method: each if method == "parameters" else _completed(each) for method, each in item.items()}
        for path, item in paths.items()
    }


def shared_parameters(paths: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """A copy of `paths`, in which parameters that occur more than once are references, and these parameters by name."""
    counted = Counter(json.dumps(each) for each in _parameters(paths))
    names: dict[str, str] = {}
    for written, number in counted.items():
        if number > 1:
            name = json.loads(written)["name"]
            same = sum(kept.rstrip("0123456789") == name for kept in names.values())
            names[written] = f"{name}{same + 1}" if same else name
    shared = {name: json.loads(written) for written, name in names.items()}

    def referred(described: Mapping[str, Any]) -> Mapping[str, Any]:
        if "parameters" not in described:
            return described
        named = [(each, names.get(json.dumps(each))) for each in described["parameters"]]
        refer = [each if name is None else {"$ref": f"#/components/parameters/{name}"} for each, name in named]
        return {**described, "parameters": refer}

    told = {
        path: {key: each if key == "parameters" else referred(each) for key, each in referred(item).items()}
        for path, item in paths.items()
    }
    return told, shared


def _parameters(paths: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in paths.values():
        yield from item.get("parameters", ())
        for method, each in item.items():
            if method != "parameters":
                yield from each.get("parameters", ())


def _completed(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    name = operation["operationId"]
    known = OPERATIONS[name]
    added: dict[str, Any] = {"tags": [known.tag], "security": [{"token": [known.scope.value]}]}
    if "requestBody" in operation:
        added["requestBody"] = {**operation["requestBody"], **_with_examples(operation["requestBody"])}
    answers = operation["responses"]
    added["responses"] = {status: _answer(name, status, answer) for status, answer in answers.items()}
    return {**operation, **added}


def _answer(name: str, status: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    if not status.startswith("2"):
        return answer
    told: dict[str, Any] = {**answer, **_with_examples(answer), "headers": {**answer.get("headers", {}), **_QUOTA}}
    if name in _LINKS and status in ("200", "201"):
        told["links"] = dict(_links(name, *_LINKS[name]))
    return told


def _with_examples(described: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `content` of a body or an answer, with the example of its model. Empty if it has no content."""
    if "content" not in described:
        return {}
    return {
        "content": {
            media_type: {**content, "example": EXAMPLES[content["schema"]["$ref"].rpartition("/")[2]]}
            for media_type, content in described["content"].items()
        }
    }


def _links(name: str, pointer: str, targets: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for target in targets:
        yield target, {"operationId": target, "parameters": {"id": f"$response.body#{pointer}"}}
