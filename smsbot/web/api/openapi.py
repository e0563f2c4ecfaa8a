"""The OpenAPI 3.1 document. The models describe themselves; the rest is written here.

There are few endpoints, so no framework is needed. The tests check every endpoint against this document.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from smsbot.web.api import problems
from smsbot.web.api.examples import problem_example
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
from smsbot.web.api.listed_resources import DeliveryPage, OrganisationDetails, OrganisationPage, StopPage
from smsbot.web.api.operations import HEADERS, TAGS, completed, shared_parameters
from smsbot.web.api.problems import ProblemDetails
from smsbot.web.api.reading_requests import (
    AppointmentKey,
    EventsQuery,
    ListQuery,
    MessagesQuery,
    OrganisationKey,
    PageQuery,
    SourceQuery,
    StopsQuery,
)
from smsbot.web.api.resources import (
    AppointmentPage,
    AppointmentResource,
    AppointmentResults,
    BatchPreview,
    BatchResource,
    CancellationResults,
    CancelledAppointment,
    EventsPage,
    MessagePage,
    MessageResource,
    NewSecretResource,
    NewWebhookResource,
    ReplayResource,
    WebhookList,
    WebhookResource,
    WrittenAppointment,
)

_REFERENCE = "#/components/schemas/{model}"

_DESCRIPTION = """\
Appointments and messages of the organisations of the token. Others are not there. The token is another system's \
(`smsbot tokens create`), with the scopes that each operation names, or an agent's (`smsbot agent add`), who may do \
everything. Instants are ISO 8601, those answered in UTC. A member that is not known here is refused, not passed over. \
Every list goes on at the address in `next`. So many requests a minute are taken of each token; `RateLimit` says what \
is left, and beyond it the answer is 429.
"""

_BEARER = "A token of another system, which has scopes, or of an agent, which may do everything."

_PROBLEMS: Mapping[int, str] = {
    400: "The body is not JSON.",
    401: "The token is missing, malformed, unknown, revoked or expired.",
    403: "The token does not have the scope, which `detail` names, or not the organisation.",
    404: "There is no such thing in the agent's organisations.",
    409: "It cannot be done as things stand: `detail` says why.",
    413: "The body is too long.",
    415: "The body is not application/json.",
    422: "Something in the request is not as it has to be: `errors` says what, and where.",
    429: "Too many requests came with this token, or without a valid one from this address.",
}
_ANY_TIME = (401, 403, 429)
"""What any operation may answer."""

_OF_BODIES = (400, 413, 415, 422)
_WEBHOOKS = (WebhookList, WebhookResource, NewWebhookResource, NewSecretResource, ReplayResource)


@cache
def document(public_url: str) -> Mapping[str, Any]:
    """The document as JSON values. `public_url` is where the outside reaches the service."""
    paths, parameters = shared_parameters(_paths())
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
            "responses": _problem_answers(),
            "headers": HEADERS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _BEARER}},
        },
    }


def _paths() -> Mapping[str, Any]:
    name = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The `id`, which begins with rdv-, or the `external_id` where one source alone has it.",
        "schema": {"type": "string", "pattern": "^[^/]+$"},
    }
    return {
        "/api/v1/appointments": {
            "get": {
                "operationId": "listAppointments",
                "summary": "Appointments, a page at a time",
                "parameters": _parameters(ListQuery),
                "responses": {"200": _answer("The page.", AppointmentPage), **_problems(422)},
            },
            "put": {
                "operationId": "replaceAppointments",
                "summary": "Create or replace many appointments",
                "description": "Each is done by itself, in the order of the request, as if it had been sent alone: one "
                "that is wrong keeps no other out.",
                "parameters": _parameters(SourceQuery),
                "requestBody": {"required": True, "content": _json(ManyAppointments)},
                "responses": {
                    "200": _answer("What became of each.", AppointmentResults),
                    **_problems(*_OF_BODIES),
                },
            },
        },
        "/api/v1/appointments/cancel": {
            "post": {
                "operationId": "cancelAppointments",
                "summary": "Cancel many appointments",
                "description": "Each is done by itself, as if it had been sent alone, in the order of the request. To "
                "cancel a whole day, begin a batch: it goes at the rate of the sender and can be stopped.",
                "requestBody": {"required": True, "content": _json(ManyCancellations)},
                "responses": {
                    "200": _answer("What became of each.", CancellationResults),
                    **_problems(*_OF_BODIES),
                },
            }
        },
        "/api/v1/appointments/{id}": {
            "parameters": [name],
            "get": {
                "operationId": "readAppointment",
                "summary": "One appointment",
                "responses": {"200": _answer("The appointment.", AppointmentResource), **_problems(404, 409)},
            },
        },
        "/api/v1/appointments/by-external-id/{external_id}": {
            "put": {
                "operationId": "replaceAppointment",
                "summary": "Create or replace an appointment",
                "description": "The same request again changes nothing. What was cancelled here stays cancelled: "
                "with `status` unknown the answer is 409 then, and nothing changes.",
                "parameters": _parameters(AppointmentKey, in_path="external_id"),
                "requestBody": {"required": True, "content": _json(NewAppointment)},
                "responses": {
                    "200": _answer("It was there before; this is how it stands.", WrittenAppointment),
                    "201": {
                        **_answer("It is new.", WrittenAppointment),
                        "headers": {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}},
                    },
                    **_problems(404, 409, *_OF_BODIES),
                },
            },
            "get": {
                "operationId": "readAppointmentByExternalId",
                "summary": "One appointment, by its id at its source",
                "parameters": _parameters(AppointmentKey, in_path="external_id"),
                "responses": {"200": _answer("The appointment.", AppointmentResource), **_problems(404, 422)},
            },
            "delete": {
                "operationId": "deleteAppointment",
                "summary": "The appointment does not exist at its source any more",
                "description": "Nobody is told: cancel it first where people have to know. It never comes back; the "
                "answer to feeding it again is 409.",
                "parameters": _parameters(AppointmentKey, in_path="external_id"),
                "responses": {"204": {"description": "It is gone."}, **_problems(404, 409, 422)},
            },
        },
        "/api/v1/appointments/{id}/messages": {
            "parameters": [name],
            "get": {
                "operationId": "listMessagesOfAppointment",
                "summary": "What usagers wrote that may be about an appointment, a page at a time",
                "parameters": _parameters(MessagesQuery),
                "responses": {"200": _answer("The page.", MessagePage), **_problems(404, 409, 422)},
            },
        },
        "/api/v1/messages": {
            "get": {
                "operationId": "listMessages",
                "summary": "What usagers wrote, a page at a time",
                "description": "The SMS from usagers about the agent's organisations, in the order in which they came.",
                "parameters": _parameters(MessagesQuery),
                "responses": {"200": _answer("The page.", MessagePage), **_problems(422)},
            }
        },
        **_acts_on_messages(),
        "/api/v1/events": {
            "get": {
                "operationId": "listEvents",
                "summary": "What has happened, a page at a time",
                "description": "Events of the agent's organisations, in an order that never changes and in which "
                "nothing is put in later: of one appointment the order in which things happened. Whoever asks with the "
                "`after` of the last answer misses nothing. Events are kept as long as messages are.",
                "parameters": _parameters(EventsQuery),
                "responses": {"200": _answer("The page.", EventsPage), **_problems(422)},
            }
        },
        **_lists(name),
        **_webhook_paths(),
        **_batches(),
        "/api/v1/appointments/{id}/cancel": {
            "parameters": [name],
            "post": {
                "operationId": "cancelAppointment",
                "summary": "Cancel an appointment, or one participation",
                "description": "No notice period holds for agents. What was cancelled before stays as it was, and "
                "`outcome` says so: to repeat a request is safe. An appointment that RDV Service Public owns "
                "is cancelled once it has answered; until then the answer is 202, `outcome` is `requested`, and its "
                "participations have `cancellation_requested_at`. Read it again to learn what has become of it.",
                "requestBody": {"required": False, "content": _json(Cancellation)},
                "responses": {
                    "200": _answer("It is cancelled, now or before.", CancelledAppointment),
                    "202": _answer("Its source has been asked to cancel it.", CancelledAppointment),
                    **_problems(404, 409, *_OF_BODIES),
                },
            },
        },
        "/api/v1/appointments/{id}/take-back": {
            "parameters": [name],
            "post": {
                "operationId": "takeBackCancellation",
                "summary": "Take a cancellation back before anybody is told",
                "description": "Undoes what agents have cancelled with `hold_seconds`, or in the console, as long as "
                "nobody was told and RDV Service Public was not asked: the appointment stands as it did before. "
                "After that the answer is 409, and the cancellation stays.",
                "requestBody": {"required": False, "content": _json(TakingBackRequest)},
                "responses": {
                    "200": _answer("It stands again.", AppointmentResource),
                    **_problems(404, 409, *_OF_BODIES),
                },
            },
        },
    }


def _acts_on_messages() -> Mapping[str, Any]:
    name = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The `id`, which begins with sms-. What is done is done to all that this telephone wrote to the "
        "same number about the same organisation, up to this message.",
        "schema": {"type": "string", "pattern": "^[^/]+$"},
    }

    def act(operation: str, summary: str, body: type[BaseModel] | None) -> Mapping[str, Any]:
        taken = {} if body is None else {"requestBody": {"required": True, "content": _json(body)}}
        answers = {"200": _answer("The message as it is then.", MessageResource)}
        problems_of_body = () if body is None else _OF_BODIES
        post = {"operationId": operation, "summary": summary, **taken}
        return {
            "parameters": [name],
            "post": {**post, "responses": {**answers, **_problems(404, 409, *problems_of_body)}},
        }

    return {
        "/api/v1/messages/{id}": {
            "parameters": [name],
            "get": {
                "operationId": "readMessage",
                "summary": "One message",
                "responses": {"200": _answer("The message.", MessageResource), **_problems(404)},
            },
        },
        "/api/v1/messages/{id}/answer": act("answerMessage", "Answer a message", NewAnswer),
        "/api/v1/messages/{id}/done": act("closeMessage", "A message needs no answer, or has had one", None),
        "/api/v1/messages/{id}/hand-over": act("handMessageOver", "Leave a message to a colleague", HandingOver),
        "/api/v1/messages/{id}/put-off": act("putMessageOff", "Let a message wait until later", PuttingOff),
        "/api/v1/messages/{id}/note": act("noteOnMessage", "Note something for colleagues", NewNote),
    }


def _lists(name: Mapping[str, Any]) -> Mapping[str, Any]:
    """`name` is the parameter that names an appointment."""
    return {
        "/api/v1/appointments/{id}/deliveries": {
            "parameters": [name],
            "get": {
                "operationId": "listDeliveries",
                "summary": "What was sent about an appointment, a page at a time",
                "description": "Every message to its usagers, with what has become of it.",
                "parameters": _parameters(PageQuery),
                "responses": {"200": _answer("The page.", DeliveryPage), **_problems(404, 409, 422)},
            },
        },
        "/api/v1/organisations": {
            "get": {
                "operationId": "listOrganisations",
                "summary": "Organisations, a page at a time",
                "description": "Those that are known here, because they have had an appointment.",
                "parameters": _parameters(PageQuery),
                "responses": {"200": _answer("The page.", OrganisationPage), **_problems(422)},
            }
        },
        "/api/v1/organisations/{id}": {
            "get": {
                "operationId": "readOrganisation",
                "summary": "One organisation",
                "parameters": _parameters(OrganisationKey, in_path="id"),
                "responses": {"200": _answer("The organisation.", OrganisationDetails), **_problems(404, 422)},
            }
        },
        "/api/v1/stop-list": {
            "get": {
                "operationId": "listStops",
                "summary": "Numbers that have sent STOP, a page at a time",
                "description": "Of people who are known in the organisations. Whoever sends START is no longer there.",
                "parameters": _parameters(StopsQuery),
                "responses": {"200": _answer("The page.", StopPage), **_problems(422)},
            }
        },
    }


def _webhook_paths() -> Mapping[str, Any]:
    name = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The `id`, which begins with webhook-.",
        "schema": {"type": "string", "pattern": "^[^/]+$"},
    }
    return {
        "/api/v1/webhooks": {
            "get": {
                "operationId": "listWebhooks",
                "summary": "The webhooks of the token's agent",
                "responses": {"200": _answer("All of them.", WebhookList), **_problems()},
            },
            "post": {
                "operationId": "registerWebhook",
                "summary": "Have an address told of events",
                "description": "From now on each event is posted there as JSON, as the list of events has it, signed "
                "as Standard Webhooks are: `webhook-id`, `webhook-timestamp`, `webhook-signature`. "
                "Events of one appointment come in their order, one after the other. What is not answered with 2xx is "
                "tried again for a day, after pauses that grow to twenty minutes; 410 ends the webhook. An event may "
                "come twice: its `webhook-id` is the same then.",
                "requestBody": {"required": True, "content": _json(NewWebhook)},
                "responses": {
                    "201": {
                        **_answer("It is registered. Its secret is not answered again.", NewWebhookResource),
                        "headers": {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}},
                    },
                    **_problems(409, *_OF_BODIES),
                },
            },
        },
        "/api/v1/webhooks/{id}": {
            "parameters": [name],
            "get": {
                "operationId": "readWebhook",
                "summary": "One webhook, and how much waits for it",
                "responses": {"200": _answer("The webhook.", WebhookResource), **_problems(404)},
            },
            "delete": {
                "operationId": "deleteWebhook",
                "summary": "Tell an address nothing more",
                "description": "What waits for it is dropped.",
                "responses": {"204": {"description": "It is gone."}, **_problems(404)},
            },
        },
        "/api/v1/webhooks/{id}/rotate": {
            "parameters": [name],
            "post": {
                "operationId": "rotateWebhookSecret",
                "summary": "Sign with another secret",
                "description": "For a day each event is signed with both, the new one first, so that the receiver can "
                "change over without losing any.",
                "requestBody": {"required": False, "content": _json(NewSecret)},
                "responses": {
                    "200": _answer("From now on. The secret is not answered again.", NewSecretResource),
                    **_problems(404, *_OF_BODIES),
                },
            },
        },
        "/api/v1/webhooks/{id}/replay": {
            "parameters": [name],
            "post": {
                "operationId": "replayEvents",
                "summary": "Tell an address once more what has happened since a time",
                "description": "The events keep their ids and their order. 10,000 at most, the oldest first.",
                "requestBody": {"required": True, "content": _json(Replay)},
                "responses": {
                    "202": _answer("They are under way.", ReplayResource),
                    **_problems(404, *_OF_BODIES),
                },
            },
        },
    }


def _batches() -> Mapping[str, Any]:
    name = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The `id`, which begins with batch-.",
        "schema": {"type": "string", "pattern": "^[^/]+$"},
    }
    created = _answer("It is begun.", BatchResource)
    location = {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}}
    return {
        "/api/v1/organisations/{id}/batches": {
            "post": {
                "operationId": "beginBatch",
                "summary": "Cancel many appointments, or write to their people",
                "description": "All coming appointments of a day, of some hours or at a place. They are done one after "
                "the other, at the rate of the sender; each person is told once.",
                "parameters": _parameters(OrganisationKey, in_path="id"),
                "requestBody": {"required": True, "content": _json(BatchRequest)},
                "responses": {
                    "200": _answer("What would be done (`dry_run`).", BatchPreview),
                    "201": {**created, "headers": location},
                    **_problems(404, 409, *_OF_BODIES),
                },
            }
        },
        "/api/v1/batches/{id}": {
            "parameters": [name],
            "get": {
                "operationId": "readBatch",
                "summary": "How far a batch is, and what has become of each appointment",
                "responses": {"200": _answer("The batch.", BatchResource), **_problems(404)},
            },
        },
        "/api/v1/batches/{id}/stop": {
            "parameters": [name],
            "post": {
                "operationId": "stopBatch",
                "summary": "Do nothing more of a batch",
                "responses": {"200": _answer("It is stopped.", BatchResource), **_problems(404, 409)},
            },
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
        ref_template=_REFERENCE,
    )
    definitions: Mapping[str, Any] = schema["$defs"]
    return definitions


def _parameters(model: type[BaseModel], in_path: str | None = None) -> list[Mapping[str, Any]]:
    schema = model.model_json_schema(ref_template=_REFERENCE)
    return [
        {
            "name": name,
            "in": "path" if name == in_path else "query",
            "required": name in schema.get("required", ()),
            "description": each.pop("description"),
            "schema": _without_null(each),
        }
        for name, each in schema["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> Mapping[str, Any]:
    """The schema without null: a parameter can be left out, but it cannot be null."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "title") and value is not None}
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds} if kinds else rest


def _answer(description: str, model: type[BaseModel]) -> Mapping[str, Any]:
    return {"description": description, "content": _json(model)}


def _problems(*statuses: int) -> Mapping[str, Any]:
    """References to the answers that say what is wrong: of these statuses, and of those that may come at any time."""
    told = [*(str(status) for status in sorted({*_ANY_TIME, *statuses})), "default"]
    return {status: {"$ref": f"#/components/responses/{_named(status)}"} for status in told}


def _problem_answers() -> Mapping[str, Any]:
    schema = {"$ref": _REFERENCE.format(model=ProblemDetails.__name__)}
    answers: dict[str, Any] = {
        _named(str(status)): {
            "description": description,
            "content": {problems.MEDIA_TYPE: {"schema": schema, "example": problem_example(status)}},
        }
        for status, description in _PROBLEMS.items()
    }
    challenge = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    answers[_named("401")]["headers"] = challenge
    seconds = {"description": "So many seconds to wait.", "required": True, "schema": {"type": "string"}}
    answers[_named("429")]["headers"] = {"Retry-After": seconds}
    content = {problems.MEDIA_TYPE: {"schema": schema, "example": problem_example(500)}}
    return {**answers, _named("default"): {"description": "Any other problem.", "content": content}}


def _named(status: str) -> str:
    return "Problem" if status == "default" else f"Problem{status}"


def _json(model: type[BaseModel]) -> Mapping[str, Any]:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}
