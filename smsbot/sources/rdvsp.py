"""RDV Service Public's webhook: checks its signature, and reads what it says.

The body is `{"data": …, "meta": {"model", "event", …}}`; its HMAC is in the header `X-Lapin-Signature`. An entry of the
API's `GET …/rdvs` has the form of the `data` of an Rdv.

The event's name says little about the data: when an endpoint is registered or changed, all records are sent again as
`created`, and a late attempt to deliver an event has the data of that moment. What counts is the time of the data
(`Meta.told_at`).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic_core import from_json

from smsbot.model import RGPD, AppointmentRecord, LocationType, UsagerRecord
from smsbot.sources.rdvsp_payloads import (
    Identified,
    MalformedPayload,
    Meta,
    Rdv,
    User,
    UserProfile,
    read_payload,
    unusable,
)

__all__ = [
    "SIGNATURE_HEADER",
    "AppointmentEvent",
    "MalformedPayload",
    "NotOfInterest",
    "SourceEvent",
    "UsagerEvent",
    "appointment_record",
    "event_of",
    "parse_webhook",
    "unusable",
    "usager_record",
    "verify_signature",
]

SIGNATURE_HEADER = "X-Lapin-Signature"


class SourceEvent(StrEnum):
    """What happened to the record, as `meta.event` says."""

    CREATED = "created"
    UPDATED = "updated"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class AppointmentEvent:
    """Something happened to an Rdv. `record` is None if it was destroyed.

    `at` is the time of the record. `occurred_at` is when the event happened, if the source says it separately. Both
    are in UTC, and None if the source does not say them.
    """

    event: SourceEvent
    external_id: str
    record: AppointmentRecord | None
    at: datetime | None
    reason: str | None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UsagerEvent:
    """Something happened to a User. `record` is None if they were destroyed; `at` is the time of the record, in UTC."""

    event: SourceEvent
    external_id: str
    record: UsagerRecord | None
    at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class NotOfInterest:
    """A webhook about another model (Motif, Absence, Agent…) or with an unknown event. Nothing is to be done."""

    model: str


def verify_signature(secret: str, body: bytes, header: str | None) -> bool:
    """Whether `header` is the hexadecimal HMAC-SHA256 of `body`. Takes constant time."""
    if header is None:
        return False
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), header.strip().lower().encode(errors="replace"))


def parse_webhook(body: bytes) -> AppointmentEvent | UsagerEvent | NotOfInterest:
    """What the body of a webhook says. Raises MalformedPayload."""
    try:
        envelope = from_json(body)
    except ValueError:
        raise MalformedPayload("The body is not JSON.") from None
    return event_of(envelope)


def event_of(envelope: object) -> AppointmentEvent | UsagerEvent | NotOfInterest:
    """What the parsed JSON of a webhook says. Raises MalformedPayload."""
    if not isinstance(envelope, dict) or not isinstance(envelope.get("meta"), dict):
        raise MalformedPayload('The body is not an object with "data" and "meta".')
    meta = read_payload(Meta, envelope["meta"], "meta")
    if meta.event not in list(SourceEvent):
        return NotOfInterest(meta.model)
    event, data = SourceEvent(meta.event), envelope.get("data")
    destroyed = event is SourceEvent.DESTROYED  # then the record may be incomplete, perhaps only its id
    if meta.model == "Rdv":
        appointment = None if destroyed else appointment_record(data)
        external_id = read_payload(Identified, data, "data").id
        return AppointmentEvent(
            event, external_id, appointment, meta.told_at, meta.webhook_reason, meta.event_occurred_at
        )
    if meta.model == "User":
        usager = None if destroyed else usager_record(data)
        external_id = read_payload(Identified, data, "data").id
        return UsagerEvent(event, external_id, usager, meta.told_at, meta.webhook_reason)
    if meta.model == "UserProfile" and destroyed and meta.webhook_reason == RGPD:
        # People are erased there through their profiles, and no webhook about the User itself says so.
        external_id = read_payload(UserProfile, data, "data").user.id
        return UsagerEvent(event, external_id, None, meta.told_at, meta.webhook_reason)
    return NotOfInterest(meta.model)


def appointment_record(data: object) -> AppointmentRecord:
    """The appointment in a webhook's `data` or in one entry of `GET …/rdvs`. Raises MalformedPayload."""
    rdv = read_payload(Rdv, data, "data")
    motif = rdv.motif
    has_place = motif is None or motif.location_type not in (LocationType.HOME, LocationType.PHONE)
    is_public_office = motif is not None and motif.location_type == LocationType.PUBLIC_OFFICE
    return AppointmentRecord(
        external_id=rdv.id,
        uuid=rdv.uuid,
        starts_at=rdv.starts_at,
        ends_at=rdv.ends_at if rdv.ends_at is not None and rdv.ends_at > rdv.starts_at else None,
        time_zone=rdv.time_zone,
        status=rdv.status,
        collective=rdv.collectif if rdv.collectif is not None else (motif.collectif if motif is not None else None),
        created_at=rdv.created_at,
        organisation=rdv.organisation.record() if rdv.organisation is not None else None,
        motif=motif.record() if motif is not None else None,
        # For an appointment at home, `address` is the usager's. Only for a public office we are sure that it is not.
        address=rdv.address if is_public_office else None,
        place=rdv.lieu.record() if rdv.lieu is not None and has_place else None,
        participations=rdv.participation_records(),
        participations_complete=rdv.participations is not None or rdv.users is not None,
        seats=rdv.max_participants_count,
    )


def usager_record(data: object) -> UsagerRecord:
    """The usager in a webhook's `data`. Raises MalformedPayload."""
    identified, user = read_payload(Identified, data, "data"), read_payload(User, data, "data")
    return UsagerRecord(
        external_id=identified.id,
        person=user.record(),
        responsible_external_id=user.reached_id,
        responsible=user.responsible.record() if user.responsible is not None else None,
    )
