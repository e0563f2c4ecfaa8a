"""The OpenAPI 3.1 document. The schemas come from the models, the paths from `described_paths`.

There are few endpoints, so no framework is needed. The tests check every endpoint against this document.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from smsbot.web.api.batch_resources import BatchPreview, BatchResource
from smsbot.web.api.described_paths import described_paths
from smsbot.web.api.describing import REFERENCE, problem_answers
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
def document(public_url: str) -> Mapping[str, Any]:
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
