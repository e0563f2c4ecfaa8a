"""The OpenAPI 3.1 document. The schemas come from the models, the paths from `described_paths`.

There are few endpoints, so no framework is needed. The tests check every endpoint against this document. `completed`
adds what every operation has (a tag, a scope, examples, and links to operations that can follow), so that it is written
in one place only.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from smsbot.agents.tokens import ApiScope
from smsbot.web.api.answering_requests import ProblemDetails
from smsbot.web.api.batch_acts import BatchPreview, BatchResource
from smsbot.web.api.described_paths import described_paths
from smsbot.web.api.describing import REFERENCE, problem_answers
from smsbot.web.api.examples import EXAMPLES
from smsbot.web.api.inputs import (
    BatchRequest,
    Cancellation,
    HandingOver,
    IdentifiedAppointment,
    IdentifiedCancellation,
    ManyAppointments,
    ManyCancellations,
    NewAnswer,
    NewAppointment,
    NewNote,
    NewSecret,
    NewWebhook,
    PuttingOff,
    Replay,
    TakingBackRequest,
)
from smsbot.web.api.list_endpoints import DeliveryPage, OrganisationDetails, OrganisationPage, StopPage
from smsbot.web.api.resources import (
    AppointmentPage,
    AppointmentResource,
    AppointmentResults,
    CancellationResults,
    CancelledAppointment,
    EventsPage,
    MessagePage,
    MessageResource,
    WrittenAppointment,
)
from smsbot.web.api.webhook_endpoints import (
    NewSecretResource,
    NewWebhookResource,
    ReplayResource,
    WebhookList,
    WebhookResource,
)

_DESCRIPTION = """\
Appointments and messages of the organisations of the token. Those of other organisations do not exist here. The token \
belongs to another system (`smsbot tokens create`) and needs the scopes that each operation names; or it belongs to an \
agent (`smsbot agent add`), who may do everything. Times are ISO 8601; those in answers are UTC. An unknown member in \
a body is refused. `next` is the address of the next page of a list. The number of requests a minute is limited for \
each token: `RateLimit` says how many are left, and beyond the limit the answer is 429.
"""

_BEARER = "A token of another system, which has scopes, or of an agent, which may do everything."

_WEBHOOKS = (WebhookList, WebhookResource, NewWebhookResource, NewSecretResource, ReplayResource)


@cache
def openapi_document(public_url: str) -> Mapping[str, Any]:
    """The document as JSON values. `public_url` is where the outside reaches the service."""
    paths, parameters = shared_parameters(described_paths())
    return {
        "openapi": "3.1.0",
        "info": {"title": "smsbot", "version": version("smsbot"), "description": _DESCRIPTION},
        "servers": [{"url": public_url}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": description} for name, description in TAGS.items()],
        "paths": completed(paths),
        "components": {
            "schemas": _schemas(),
            "parameters": parameters,
            "responses": problem_answers(),
            "headers": HEADERS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _BEARER}},
        },
    }


def _schemas() -> Mapping[str, Any]:
    requests = (
        NewAppointment,
        IdentifiedAppointment,
        ManyAppointments,
        Cancellation,
        IdentifiedCancellation,
        ManyCancellations,
        TakingBackRequest,
        HandingOver,
        NewAnswer,
        PuttingOff,
        NewNote,
        NewWebhook,
        NewSecret,
        Replay,
        BatchRequest,
    )
    answers = (
        *(AppointmentResource, WrittenAppointment, AppointmentResults, CancellationResults, AppointmentPage),
        *(CancelledAppointment, MessagePage, MessageResource, EventsPage),
        *(BatchResource, BatchPreview, DeliveryPage, OrganisationDetails, OrganisationPage, StopPage),
        *_WEBHOOKS,
    )
    _, schema = models_json_schema(
        [
            *((each, "validation") for each in requests),
            *((each, "serialization") for each in (*answers, ProblemDetails)),
        ],
        ref_template=REFERENCE,
    )
    definitions: Mapping[str, Any] = schema["$defs"]
    return definitions


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """The tag and the scope of one operation. Tokens of other systems need the scope to use it."""

    tag: str
    scope: ApiScope


TAGS: Mapping[str, str] = {
    "Appointments": "Create, change, read and cancel them.",
    "Many at once": "Cancel all appointments of a day or a place, or write to their people.",
    "Messages": "What usagers wrote, and what was sent to them.",
    "Events": "Learn what happens, by webhook or by reading the list.",
    "Organisations": "The settings of each, and what waits there.",
    "STOP list": "Numbers that take no SMS.",
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
