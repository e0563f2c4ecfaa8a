"""Every path of the API, as the OpenAPI document describes it: what it does, what it takes and what it answers.

`smsbot.web.api.openapi` adds what all operations have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from smsbot.web.api.batch_acts import BatchPreview, BatchResource
from smsbot.web.api.describing import OF_BODIES, answer, json_body, parameters_of, problems_of
from smsbot.web.api.inputs import (
    BatchRequest,
    Cancellation,
    HandingOver,
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


def described_paths() -> Mapping[str, Any]:
    """The paths of the document by their address, each with its methods."""
    name = _by_id("The `id`, which begins with rdv-. Or the `external_id`, if only one source has it.")
    return {
        "/api/v1/appointments": {
            "get": {
                "operationId": "listAppointments",
                "summary": "Appointments, a page at a time",
                "parameters": parameters_of(ListQuery),
                "responses": {"200": answer("The page.", AppointmentPage), **problems_of(422)},
            },
            "put": {
                "operationId": "replaceAppointments",
                "summary": "Create or replace many appointments",
                "description": "Each is done by itself, in the order of the request, as if it had been sent alone. If "
                "one is refused, the others are still done.",
                "parameters": parameters_of(SourceQuery),
                "requestBody": {"required": True, "content": json_body(ManyAppointments)},
                "responses": {
                    "200": answer("The result for each.", AppointmentResults),
                    **problems_of(*OF_BODIES),
                },
            },
        },
        "/api/v1/appointments/cancel": {
            "post": {
                "operationId": "cancelAppointments",
                "summary": "Cancel many appointments",
                "description": "Each is done by itself, in the order of the request, as if it had been sent alone. To "
                "cancel a whole day, begin a batch: it keeps to the rate of the sender and can be stopped.",
                "requestBody": {"required": True, "content": json_body(ManyCancellations)},
                "responses": {
                    "200": answer("The result for each.", CancellationResults),
                    **problems_of(*OF_BODIES),
                },
            }
        },
        "/api/v1/appointments/{id}": {
            "parameters": [name],
            "get": {
                "operationId": "readAppointment",
                "summary": "One appointment",
                "responses": {"200": answer("The appointment.", AppointmentResource), **problems_of(404, 409)},
            },
        },
        "/api/v1/appointments/by-external-id/{external_id}": {
            "put": {
                "operationId": "replaceAppointment",
                "summary": "Create or replace an appointment",
                "description": "Repeating a request changes nothing. An appointment that was cancelled here stays "
                "cancelled: if `status` is `unknown` then, the answer is 409 and nothing changes.",
                "parameters": parameters_of(AppointmentKey, in_path="external_id"),
                "requestBody": {"required": True, "content": json_body(NewAppointment)},
                "responses": {
                    "200": answer("It existed before. This is how it is now.", WrittenAppointment),
                    "201": {
                        **answer("It is new.", WrittenAppointment),
                        "headers": {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}},
                    },
                    **problems_of(404, 409, *OF_BODIES),
                },
            },
            "get": {
                "operationId": "readAppointmentByExternalId",
                "summary": "One appointment, by its id at its source",
                "parameters": parameters_of(AppointmentKey, in_path="external_id"),
                "responses": {"200": answer("The appointment.", AppointmentResource), **problems_of(404, 422)},
            },
            "delete": {
                "operationId": "deleteAppointment",
                "summary": "Delete an appointment that its source has deleted",
                "description": "Nobody is told. If people have to know, cancel it first. It never comes back: creating "
                "it again is answered with 409.",
                "parameters": parameters_of(AppointmentKey, in_path="external_id"),
                "responses": {"204": {"description": "It is gone."}, **problems_of(404, 409, 422)},
            },
        },
        "/api/v1/appointments/{id}/messages": {
            "parameters": [name],
            "get": {
                "operationId": "listMessagesOfAppointment",
                "summary": "What usagers wrote that may be about an appointment, a page at a time",
                "parameters": parameters_of(MessagesQuery),
                "responses": {"200": answer("The page.", MessagePage), **problems_of(404, 409, 422)},
            },
        },
        "/api/v1/messages": {
            "get": {
                "operationId": "listMessages",
                "summary": "What usagers wrote, a page at a time",
                "description": "The SMS from usagers about the agent's organisations, in the order in which they came.",
                "parameters": parameters_of(MessagesQuery),
                "responses": {"200": answer("The page.", MessagePage), **problems_of(422)},
            }
        },
        **_acts_on_messages(),
        "/api/v1/events": {
            "get": {
                "operationId": "listEvents",
                "summary": "What has happened, a page at a time",
                "description": "Events of the agent's organisations. Their order never changes, and new events only "
                "come at its end. Events of one appointment are in the order in which they happened. Ask with the "
                "`after` of the last answer, and you miss nothing. Events are kept as long as messages are.",
                "parameters": parameters_of(EventsQuery),
                "responses": {"200": answer("The page.", EventsPage), **problems_of(422)},
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
                "description": "Agents are not bound by the notice period. If it was cancelled before, nothing changes "
                "and `outcome` says so: repeating a request is safe. If RDV Service Public owns the appointment, it is "
                "cancelled only once RDV Service Public has answered. Until then the answer is 202, `outcome` is "
                "`requested`, and its participations have `cancellation_requested_at`. Read the appointment again to "
                "learn how it ended.",
                "requestBody": {"required": False, "content": json_body(Cancellation)},
                "responses": {
                    "200": answer("It is cancelled, by this request or before.", CancelledAppointment),
                    "202": answer("Its source has been asked to cancel it.", CancelledAppointment),
                    **problems_of(404, 409, *OF_BODIES),
                },
            },
        },
        "/api/v1/appointments/{id}/take-back": {
            "parameters": [name],
            "post": {
                "operationId": "takeBackCancellation",
                "summary": "Take a cancellation back before anybody is told",
                "description": "Undoes what agents have cancelled with `hold_seconds` or in the console. That is "
                "possible as long as nobody was told and RDV Service Public was not asked. After that the answer is "
                "409, and the cancellation stays.",
                "requestBody": {"required": False, "content": json_body(TakingBackRequest)},
                "responses": {
                    "200": answer("It stands again.", AppointmentResource),
                    **problems_of(404, 409, *OF_BODIES),
                },
            },
        },
    }


def _acts_on_messages() -> Mapping[str, Any]:
    name = _by_id(
        "The `id`, which begins with sms-. The act applies to everything that this telephone wrote to the same number "
        "about the same organisation, up to this message."
    )

    def act(operation: str, summary: str, body: type[BaseModel] | None) -> Mapping[str, Any]:
        taken = {} if body is None else {"requestBody": {"required": True, "content": json_body(body)}}
        answers = {"200": answer("The message as it is then.", MessageResource)}
        problems_of_body = () if body is None else OF_BODIES
        post = {"operationId": operation, "summary": summary, **taken}
        return {
            "parameters": [name],
            "post": {**post, "responses": {**answers, **problems_of(404, 409, *problems_of_body)}},
        }

    return {
        "/api/v1/messages/{id}": {
            "parameters": [name],
            "get": {
                "operationId": "readMessage",
                "summary": "One message",
                "responses": {"200": answer("The message.", MessageResource), **problems_of(404)},
            },
        },
        "/api/v1/messages/{id}/answer": act("answerMessage", "Answer a message", NewAnswer),
        "/api/v1/messages/{id}/done": act("closeMessage", "Mark a message as done", None),
        "/api/v1/messages/{id}/hand-over": act("handMessageOver", "Hand a message over to a colleague", HandingOver),
        "/api/v1/messages/{id}/put-off": act("putMessageOff", "Put a message off until later", PuttingOff),
        "/api/v1/messages/{id}/note": act("noteOnMessage", "Write a note for colleagues", NewNote),
    }


def _lists(name: Mapping[str, Any]) -> Mapping[str, Any]:
    """`name` is the parameter that names an appointment."""
    return {
        "/api/v1/appointments/{id}/deliveries": {
            "parameters": [name],
            "get": {
                "operationId": "listDeliveries",
                "summary": "What was sent about an appointment, a page at a time",
                "description": "Every message to its usagers, and how it ended.",
                "parameters": parameters_of(PageQuery),
                "responses": {"200": answer("The page.", DeliveryPage), **problems_of(404, 409, 422)},
            },
        },
        "/api/v1/organisations": {
            "get": {
                "operationId": "listOrganisations",
                "summary": "Organisations, a page at a time",
                "description": "Only those that have had an appointment: others are not known here.",
                "parameters": parameters_of(PageQuery),
                "responses": {"200": answer("The page.", OrganisationPage), **problems_of(422)},
            }
        },
        "/api/v1/organisations/{id}": {
            "get": {
                "operationId": "readOrganisation",
                "summary": "One organisation",
                "parameters": parameters_of(OrganisationKey, in_path="id"),
                "responses": {"200": answer("The organisation.", OrganisationDetails), **problems_of(404, 422)},
            }
        },
        "/api/v1/stop-list": {
            "get": {
                "operationId": "listStops",
                "summary": "Numbers that have sent STOP, a page at a time",
                "description": "Numbers of people who are known in the organisations. A number that sends START leaves "
                "the list.",
                "parameters": parameters_of(StopsQuery),
                "responses": {"200": answer("The page.", StopPage), **problems_of(422)},
            }
        },
    }


def _webhook_paths() -> Mapping[str, Any]:
    name = _by_id("The `id`, which begins with webhook-.")
    return {
        "/api/v1/webhooks": {
            "get": {
                "operationId": "listWebhooks",
                "summary": "The webhooks of the token's agent",
                "responses": {"200": answer("All of them.", WebhookList), **problems_of()},
            },
            "post": {
                "operationId": "registerWebhook",
                "summary": "Register an address to which events are sent",
                "description": "From now on each event is posted to the address, as the same JSON as in the list of "
                "events. It is signed as Standard Webhooks says: `webhook-id`, `webhook-timestamp`, "
                "`webhook-signature`. Events of one appointment come one after the other, in their order. If the "
                "answer is not 2xx, the event is posted again for a day, with pauses that grow to twenty minutes. The "
                "answer 410 ends the webhook. An event may come twice; then both have the same `webhook-id`.",
                "requestBody": {"required": True, "content": json_body(NewWebhook)},
                "responses": {
                    "201": {
                        **answer("It is registered. No other answer shows its secret.", NewWebhookResource),
                        "headers": {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}},
                    },
                    **problems_of(409, *OF_BODIES),
                },
            },
        },
        "/api/v1/webhooks/{id}": {
            "parameters": [name],
            "get": {
                "operationId": "readWebhook",
                "summary": "One webhook, and how much waits for it",
                "responses": {"200": answer("The webhook.", WebhookResource), **problems_of(404)},
            },
            "delete": {
                "operationId": "deleteWebhook",
                "summary": "Remove a webhook",
                "description": "Events that wait for it are dropped.",
                "responses": {"204": {"description": "It is gone."}, **problems_of(404)},
            },
        },
        "/api/v1/webhooks/{id}/rotate": {
            "parameters": [name],
            "post": {
                "operationId": "rotateWebhookSecret",
                "summary": "Change the secret of a webhook",
                "description": "For a day each event is signed with both secrets, first with the new one. So the "
                "receiver can change over without losing an event.",
                "requestBody": {"required": False, "content": json_body(NewSecret)},
                "responses": {
                    "200": answer("The new secret. No other answer shows it.", NewSecretResource),
                    **problems_of(404, *OF_BODIES),
                },
            },
        },
        "/api/v1/webhooks/{id}/replay": {
            "parameters": [name],
            "post": {
                "operationId": "replayEvents",
                "summary": "Send the events since a given time once more",
                "description": "The events keep their ids and their order. At most 10,000 are sent, the oldest first.",
                "requestBody": {"required": True, "content": json_body(Replay)},
                "responses": {
                    "202": answer("They will be sent.", ReplayResource),
                    **problems_of(404, *OF_BODIES),
                },
            },
        },
    }


def _batches() -> Mapping[str, Any]:
    name = _by_id("The `id`, which begins with batch-.")
    created = answer("It is begun.", BatchResource)
    location = {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}}
    return {
        "/api/v1/organisations/{id}/batches": {
            "post": {
                "operationId": "beginBatch",
                "summary": "Cancel many appointments, or write to their people",
                "description": "All coming appointments of a day, of some hours or at a place. They are done one after "
                "the other, at the rate of the sender. Each person is told once.",
                "parameters": parameters_of(OrganisationKey, in_path="id"),
                "requestBody": {"required": True, "content": json_body(BatchRequest)},
                "responses": {
                    "200": answer("What would be done (`dry_run`).", BatchPreview),
                    "201": {**created, "headers": location},
                    **problems_of(404, 409, *OF_BODIES),
                },
            }
        },
        "/api/v1/batches/{id}": {
            "parameters": [name],
            "get": {
                "operationId": "readBatch",
                "summary": "How far a batch is, and the result for each appointment",
                "responses": {"200": answer("The batch.", BatchResource), **problems_of(404)},
            },
        },
        "/api/v1/batches/{id}/stop": {
            "parameters": [name],
            "post": {
                "operationId": "stopBatch",
                "summary": "Stop a batch",
                "responses": {"200": answer("It is stopped.", BatchResource), **problems_of(404, 409)},
            },
        },
    }


def _by_id(description: str) -> Mapping[str, Any]:
    """The parameter that names a thing in its path."""
    schema = {"type": "string", "pattern": "^[^/]+$"}
    return {"name": "id", "in": "path", "required": True, "description": description, "schema": schema}
