"""The words of the field as frozen values: appointment, participation, usager, organisation.

The names and statuses are RDV Service Public's (its `rdvs` and `participations`), in English where it uses French.
All datetimes are aware and in UTC; a `time_zone` is an IANA name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

DEFAULT_SOURCE = "rdvsp"
"""The source that the webhook without a name, the imports and the API feed."""

DEFAULT_TIME_ZONE = "Europe/Paris"


class Status(StrEnum):
    """The status of an appointment or of one participation, as RDV Service Public names them."""

    UNKNOWN = "unknown"  # to come, or not yet said
    SEEN = "seen"
    EXCUSED = "excused"  # cancelled by the usager
    REVOKED = "revoked"  # cancelled by the service
    NOSHOW = "noshow"

    @property
    def is_cancelled(self) -> bool:
        return self in (Status.EXCUSED, Status.REVOKED)


class LocationType(StrEnum):
    """Where an appointment takes place (`motif.location_type`)."""

    PUBLIC_OFFICE = "public_office"
    PHONE = "phone"
    HOME = "home"
    VISIO = "visio"


@dataclass(frozen=True, slots=True)
class OrganisationRecord:
    """An organisation as a source describes it; `phone_number` is kept as written (it may be a four-digit 39xx)."""

    external_id: str
    name: str | None = None
    phone_number: str | None = None
    email: str | None = None
    verticale: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class MotifRecord:
    """What smsbot needs of a motif; its name is left out on purpose: no message may tell it."""

    external_id: str | None = None
    service_id: str | None = None
    location_type: LocationType = LocationType.PUBLIC_OFFICE
    bookable_by_everyone: bool = False


@dataclass(frozen=True, slots=True)
class PlaceRecord:
    """A `lieu`; an appointment at home or by telephone has none."""

    name: str | None = None
    address: str | None = None
    phone_number: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipationRecord:
    """One usager's part in an appointment, with the person reduced to what is in use.

    `phone` is E.164 and, like `email`, the responsible person's where there is one: that is who is reached.
    `surnames` are all that the three letters may come from: last and birth name, of the usager and the responsible
    person. `first_names` go with them, so that "Sophie Dupont" is one answer.
    """

    external_id: str
    usager_external_id: str | None = None
    responsible_external_id: str | None = None
    status: Status = Status.UNKNOWN
    first_name: str | None = None
    last_name: str | None = None
    surnames: tuple[str, ...] = ()
    first_names: tuple[str, ...] = ()
    phone: str | None = None
    email: str | None = None
    notify_by_sms: bool = True
    notify_by_email: bool = True
    send_lifecycle_notifications: bool = False
    send_reminder_notification: bool = False


@dataclass(frozen=True, slots=True)
class AppointmentRecord:
    """One appointment as a source tells it, checked and normalised; the currency between `sources` and `intake`."""

    external_id: str
    starts_at: datetime
    organisation: OrganisationRecord | None
    uuid: str | None = None
    ends_at: datetime | None = None
    time_zone: str | None = None
    status: Status = Status.UNKNOWN
    collective: bool = False
    created_at: datetime | None = None
    label: str | None = None  # only a file may give one; RDV Service Public's motif name is never used
    address: str | None = None
    motif: MotifRecord = field(default_factory=MotifRecord)
    place: PlaceRecord | None = None
    participations: tuple[ParticipationRecord, ...] = ()
