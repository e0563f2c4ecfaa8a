"""An example of every body and every answer, for the OpenAPI document. Tests check them against the schemas.

They tell one story: Sophie Dupont has an appointment, which the service cancels.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

_NOW, _LATER = "2027-05-04T08:00:00Z", "2027-05-04T08:00:02Z"
_STARTS_AT = "2027-05-06T12:30:00Z"
_PHONE, _EMAIL = "+33612345678", "sophie.dupont@example.fr"
_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 - of the specification of Standard Webhooks

_ORGANISATION = {
    "external_id": "12",
    "name": "Mairie du 1er",
    "phone_number": "0123456789",
    "email": "accueil@mairie.example",
    "verticale": "rdv_mairie",
}
_PLACE = {"name": "Mairie du 1er", "address": "1 place de la Mairie, 75001 Paris", "phone_number": None}
_NEW_PARTICIPATION = {
    "external_id": "p1",
    "first_name": "Sophie",
    "last_name": "Dupont",
    "phone": "06 12 34 56 78",
    "email": _EMAIL,
    "send_lifecycle_notifications": True,
    "send_reminder_notification": True,
}
_NEW_APPOINTMENT = {
    "starts_at": "2027-05-06T14:30:00+02:00",
    "ends_at": "2027-05-06T15:00:00+02:00",
    "label": "Carte d'identité",
    "organisation": {"external_id": "12", "name": "Mairie du 1er", "phone_number": "0123456789"},
    "place": {"name": "Mairie du 1er", "address": "1 place de la Mairie, 75001 Paris"},
    "participations": [_NEW_PARTICIPATION],
}
_PARTICIPATION = {
    "id": "part-34",
    "external_id": "p1",
    "status": "unknown",
    "first_name": "Sophie",
    "last_name": "Dupont",
    "phone": _PHONE,
    "takes_sms": True,
    "email": _EMAIL,
    "cancelled_at": None,
    "cancelled_by": None,
    "cancelled_way": None,
    **dict.fromkeys(("announced_at", "cancellation_requested_at", "taking_back_requested_at", "locked_until")),
}
_APPOINTMENT = {
    "id": "rdv-12",
    "source": "rdvsp",
    "external_id": "4711",
    "starts_at": _STARTS_AT,
    "time_zone": "Europe/Paris",
    "ends_at": "2027-05-06T13:00:00Z",
    "status": "unknown",
    "collective": False,
    "label": "Carte d'identité",
    "organisation": _ORGANISATION,
    "place": _PLACE,
    "changed_at": _NOW,
    "participations": [_PARTICIPATION],
}
_TOLD = {"participation_id": "part-34", "ways": ["sms", "email"], "leaves_at": _NOW, "why_not": None}
_WRITTEN = {**_APPOINTMENT, "notified": [_TOLD]}
_CANCELLED = {
    **_WRITTEN,
    "status": "revoked",
    "participations": [
        {**_PARTICIPATION, "status": "revoked", "cancelled_at": _NOW, "cancelled_by": "agent", "cancelled_way": "api"}
    ],
    "outcome": "cancelled",
}
_MESSAGE = {
    "id": "sms-56",
    "received_at": _NOW,
    "phone": _PHONE,
    "text": "Je serai en retard de 10 minutes",
    "topic": "late",
    "waiting": True,
    "comes_back_at": None,
    "organisation": _ORGANISATION,
    "about": [{"appointment_id": "rdv-12", "participation_id": "part-34"}],
}
_EVENT = {
    "id": "evt-90-1809417600",
    "type": "appointment.cancelled",
    "timestamp": _NOW,
    "data": {
        "organisation": {"source": "rdvsp", "external_id": "12"},
        "appointment": {"id": "rdv-12", "source": "rdvsp", "external_id": "4711", "starts_at": _STARTS_AT},
        "participation": {"id": "part-34", "external_id": "p1", "status": "excused"},
        "by": "usager",
        "way": "sms",
        "message": None,
        "delivery": None,
    },
}
_WEBHOOK = {
    "id": "webhook-3",
    "url": "https://agenda.example.fr/smsbot",
    "types": ["appointment.cancelled"],
    "created_at": _NOW,
    "waiting": 0,
    "resting": 0,
    "ended_at": None,
}
_BATCH = {
    "id": "batch-3",
    "act": "cancel",
    "state": "running",
    "word": "La mairie est fermée.",
    "begins_at": _NOW,
    "finished_at": None,
    "appointments": [{"appointment_id": "rdv-12", "outcome": "cancelled", "done_at": _LATER}],
}
_FORETOLD = {"people": 1, "sms": 1, "segments": 1, "emails": 1, "unreached": 0}
_DELIVERY = {
    "id": "out-78",
    "appointment_id": "rdv-12",
    "participation_id": "part-34",
    "channel": "sms",
    "kind": "reminder",
    "recipient": _PHONE,
    "subject": None,
    "text": "Rappel: RDV le 06/05 a 14h30, Mairie du 1er. Pour annuler: ANNULER",
    "segments": 1,
    "by_agent": None,
    "created_at": _NOW,
    "sent_at": _LATER,
    "fate": "delivered",
    "code": None,
}
_ORGANISATION_DETAILS = {
    "source": "rdvsp",
    **_ORGANISATION,
    "time_zone": "Europe/Paris",
    "label": None,
    "notice_hours": 4.0,
    "may_be_cancelled": True,
    "sender": None,
    "alert_email": "accueil@mairie.example",
    "appointments_coming": 42,
    "messages_waiting": 1,
}

EXAMPLES: Mapping[str, Any] = {
    "NewAppointment": _NEW_APPOINTMENT,
    "ManyAppointments": {"appointments": [{"external_id": "4711", **_NEW_APPOINTMENT}]},
    "Cancellation": {"reason": "service", "word": "La mairie est fermée."},
    "ManyCancellations": {"cancellations": [{"id": "rdv-12", "reason": "service"}]},
    "TakingBackRequest": {"participation_id": "part-34"},
    "NewAnswer": {"text": "C'est noté, à tout à l'heure."},
    "HandingOver": {"to": "sophie@mairie.example"},
    "PuttingOff": {"until": "2027-05-05T09:00:00+02:00"},
    "NewNote": {"text": "Rappelée, elle vient à 14h45."},
    "NewWebhook": {"url": "https://agenda.example.fr/smsbot", "types": ["appointment.cancelled"]},
    "NewSecret": {"secret": _SECRET},
    "Replay": {"since": "2027-05-04T10:00:00+02:00"},
    "BatchRequest": {"act": "cancel", "day": "2027-05-06", "word": "La mairie est fermée.", "dry_run": True},
    "AppointmentResource": _APPOINTMENT,
    "WrittenAppointment": _WRITTEN,
    "AppointmentResults": {"results": [{"status": 201, "appointment": _WRITTEN, "problem": None}]},
    "CancelledAppointment": _CANCELLED,
    "CancellationResults": {"results": [{"status": 200, "appointment": _CANCELLED, "problem": None}]},
    "AppointmentPage": {"appointments": [_APPOINTMENT], "next": None},
    "MessageResource": _MESSAGE,
    "MessagePage": {"messages": [_MESSAGE], "next": None},
    "EventsPage": {"events": [_EVENT], "after": "90", "next": None},
    "WebhookResource": _WEBHOOK,
    "WebhookList": {"webhooks": [_WEBHOOK]},
    "NewWebhookResource": {**_WEBHOOK, "secret": _SECRET},
    "NewSecretResource": {"secret": _SECRET, "old_secret_until": "2027-05-05T08:00:00Z"},
    "ReplayResource": {"events": 12},
    "BatchResource": _BATCH,
    "BatchPreview": {
        "appointments": [{"appointment_id": "rdv-12", **_FORETOLD}],
        **_FORETOLD,
        "example": "Votre RDV du 06/05 a 14h30 est annule. La mairie est fermée.",
    },
    "DeliveryPage": {"deliveries": [_DELIVERY], "next": None},
    "OrganisationDetails": _ORGANISATION_DETAILS,
    "OrganisationPage": {"organisations": [_ORGANISATION_DETAILS], "next": None},
    "StopPage": {"stops": [{"phone": _PHONE, "stopped_at": _NOW}], "next": None},
}
"""The examples, by the name of the model."""

_SENTENCES: Mapping[int, str] = {
    400: "The body is not JSON in UTF-8.",
    401: "The token is not valid, or no longer.",
    403: "The token needs the scope appointments:write for this.",
    404: "There is no such appointment in the agent's organisations.",
    409: "It is too late: people have been told, or its source has been asked to cancel it.",
    413: "The body is too long.",
    415: "The body has to be application/json.",
    422: "The body is not what is expected: see errors.",
    429: "More than 1200 requests in a minute: wait 1 seconds.",
    500: "Something went wrong here; it is in the log.",
}


def problem_example(status: int) -> Mapping[str, Any]:
    """A problem of this status."""
    wrong = {"errors": [{"pointer": "/starts_at", "detail": "is not a point in time with its offset from UTC"}]}
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _SENTENCES[status],
        **(wrong if status == HTTPStatus.UNPROCESSABLE_ENTITY else {}),
    }
