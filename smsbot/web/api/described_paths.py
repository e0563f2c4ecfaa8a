"""Every path of the API, as the OpenAPI document describes it: what it does, takes and answers.

What all operations have in common is added by `smsbot.web.api.operations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from smsbot.web.api.batch_resources import BatchPreview, BatchResource
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
from smsbot.web.api.listed_resources import DeliveryPage, OrganisationDetails, OrganisationPage, StopPage
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
    NewSecretResource,
    NewWebhookResource,
    ReplayResource,
    WebhookList,
    WebhookResource,
    WrittenAppointment,
)


def described_paths() -> Mapping[str, Any]:
    """The paths by their address, each with its methods."""
    name = _by_id("The `id`, which begins with rdv-, or the `external_id` where one source alone has it.")
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
                "description": "Each is done by itself, in the order of the request, as if it had been sent alone: one "
                "that is wrong keeps no other out.",
                "parameters": parameters_of(SourceQuery),
                "requestBody": {"required": True, "content": json_body(ManyAppointments)},
                "responses": {
                    "200": answer("What became of each.", AppointmentResults),
                    **problems_of(*OF_BODIES),
                },
            },
        },
        "/api/v1/appointments/cancel": {
            "post": {
                "operationId": "cancelAppointments",
                "summary": "Cancel many appointments",
                "description": "Each is done by itself, as if it had been sent alone, in the order of the request. To "
                "cancel a whole day, begin a batch: it goes at the rate of the sender and can be stopped.",
                "requestBody": {"required": True, "content": json_body(ManyCancellations)},
                "responses": {
                    "200": answer("What became of each.", CancellationResults),
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
                "description": "The same request again changes nothing. What was cancelled here stays cancelled: "
                "with `status` unknown the answer is 409 then, and nothing changes.",
                "parameters": parameters_of(AppointmentKey, in_path="external_id"),
                "requestBody": {"required": True, "content": json_body(NewAppointment)},
                "responses": {
                    "200": answer("It was there before; this is how it stands.", WrittenAppointment),
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
                "summary": "The appointment does not exist at its source any more",
                "description": "Nobody is told: cancel it first where people have to know. It never comes back; the "
                "answer to feeding it again is 409.",
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
                "description": "Events of the agent's organisations, in an order that never changes and in which "
                "nothing is put in later: of one appointment the order in which things happened. Whoever asks with the "
                "`after` of the last answer misses nothing. Events are kept as long as messages are.",
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
                "description": "No notice period holds for agents. What was cancelled before stays as it was, and "
                "`outcome` says so: to repeat a request is safe. An appointment that RDV Service Public owns "
                "is cancelled once it has answered; until then the answer is 202, `outcome` is `requested`, and its "
                "participations have `cancellation_requested_at`. Read it again to learn what has become of it.",
                "requestBody": {"required": False, "content": json_body(Cancellation)},
                "responses": {
                    "200": answer("It is cancelled, now or before.", CancelledAppointment),
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
                "description": "Undoes what agents have cancelled with `hold_seconds`, or in the console, as long as "
                "nobody was told and RDV Service Public was not asked: the appointment stands as it did before. "
                "After that the answer is 409, and the cancellation stays.",
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
        "The `id`, which begins with sms-. What is done is done to all that this telephone wrote to the "
        "same number about the same organisation, up to this message."
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
                "parameters": parameters_of(PageQuery),
                "responses": {"200": answer("The page.", DeliveryPage), **problems_of(404, 409, 422)},
            },
        },
        "/api/v1/organisations": {
            "get": {
                "operationId": "listOrganisations",
                "summary": "Organisations, a page at a time",
                "description": "Those that are known here, because they have had an appointment.",
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
                "description": "Of people who are known in the organisations. Whoever sends START is no longer there.",
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
                "summary": "Have an address told of events",
                "description": "From now on each event is posted there as JSON, as the list of events has it, signed "
                "as Standard Webhooks are: `webhook-id`, `webhook-timestamp`, `webhook-signature`. "
                "Events of one appointment come in their order, one after the other. What is not answered with 2xx is "
                "tried again for a day, after pauses that grow to twenty minutes; 410 ends the webhook. An event may "
                "come twice: its `webhook-id` is the same then.",
                "requestBody": {"required": True, "content": json_body(NewWebhook)},
                "responses": {
                    "201": {
                        **answer("It is registered. Its secret is not answered again.", NewWebhookResource),
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
                "summary": "Tell an address nothing more",
                "description": "What waits for it is dropped.",
                "responses": {"204": {"description": "It is gone."}, **problems_of(404)},
            },
        },
        "/api/v1/webhooks/{id}/rotate": {
            "parameters": [name],
            "post": {
                "operationId": "rotateWebhookSecret",
                "summary": "Sign with another secret",
                "description": "For a day each event is signed with both, the new one first, so that the receiver can "
                "change over without losing any.",
                "requestBody": {"required": False, "content": json_body(NewSecret)},
                "responses": {
                    "200": answer("From now on. The secret is not answered again.", NewSecretResource),
                    **problems_of(404, *OF_BODIES),
                },
            },
        },
        "/api/v1/webhooks/{id}/replay": {
            "parameters": [name],
            "post": {
                "operationId": "replayEvents",
                "summary": "Tell an address once more what has happened since a time",
                "description": "The events keep their ids and their order. 10,000 at most, the oldest first.",
                "requestBody": {"required": True, "content": json_body(Replay)},
                "responses": {
                    "202": answer("They are under way.", ReplayResource),
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
                "the other, at the rate of the sender; each person is told once.",
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
                "summary": "How far a batch is, and what has become of each appointment",
                "responses": {"200": answer("The batch.", BatchResource), **problems_of(404)},
            },
        },
        "/api/v1/batches/{id}/stop": {
            "parameters": [name],
            "post": {
                "operationId": "stopBatch",
                "summary": "Do nothing more of a batch",
                "responses": {"200": answer("It is stopped.", BatchResource), **problems_of(404, 409)},
            },
        },
    }


def _by_id(description: str) -> Mapping[str, Any]:
    """The parameter that names a thing in its path."""
    schema = {"type": "string", "pattern": "^[^/]+$"}
    return {"name": "id", "in": "path", "required": True, "description": description, "schema": schema}
