"""The words of the field as frozen values: appointment, participation, usager, organisation.

Names and statuses are RDV Service Public's (its `rdvs` and `participations`), in English where it uses French. All
datetimes are aware and in UTC; a `time_zone` is an IANA name. None in a field of a record means that the source does
not give it (`smsbot.appointments.intake.merging` decides what then stays).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

DEFAULT_SOURCE = "rdvsp"
"""The source of the webhook without a name, of imports and of the API."""

DEFAULT_TIME_ZONE = "Europe/Paris"

RGPD = "rgpd"
"""The reason that a source gives when it destroys a record for data protection.

The data is then erased here too, and nobody is told.
"""


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


CANCELLED_STATUSES = tuple(status.value for status in Status if status.is_cancelled)
"""As they are stored: for conditions in SQL."""


class Actor(StrEnum):
    """Who acts. What an usager cancels becomes `excused`, what the service cancels becomes `revoked`."""

    USAGER = "usager"
    AGENT = "agent"
    SOURCE = "source"
    SYSTEM = "system"  # the operator of the service, from the shell


class Via(StrEnum):
    """The way in which somebody acts."""

    SMS = "sms"
    LINK = "link"
    API = "api"
    SHELL = "shell"
    CONSOLE = "console"
    WEBHOOK = "webhook"


class OrganisationReference(NamedTuple):
    """An organisation as its source numbers it. It need not be known here yet."""

    source: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Canceller:
    """Who cancels, how, and the status that results. `agent` is the agent's e-mail address, for the audit.

    `word` is a text that an agent adds for the usager. `in_reply_to` is our id of the incoming message that said yes,
    where the usager cancels by SMS. `hold` is how long nobody is told, so that an agent can take the cancellation back.
    """

    by: Actor
    via: Via
    status: Status = Status.EXCUSED
    agent: str | None = None
    word: str | None = None
    in_reply_to: int | None = None
    hold: timedelta = timedelta(0)


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
    """What smsbot needs of a motif. Its name is left out on purpose, because no message may tell it."""

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
class PersonRecord:
    """A person as a source describes them. `phone` is E.164.

    `unsaid` are the names of the fields that the source left out, of this record or of the `UsagerRecord` around it.
    What is stored in these fields then stays. `anonymised` says that the source has erased the person. These two are
    not stored.
    """

    first_name: str | None = None
    last_name: str | None = None
    birth_name: str | None = None
    phone: str | None = None
    email: str | None = None
    notify_by_sms: bool = True
    notify_by_email: bool = True
    unsaid: frozenset[str] = frozenset()
    anonymised: bool = False


@dataclass(frozen=True, slots=True)
class UsagerRecord:
    """An usager, and the responsible person who is reached instead of them, where there is one."""

    external_id: str
    person: PersonRecord
    responsible_external_id: str | None = None
    responsible: PersonRecord | None = None


@dataclass(frozen=True, slots=True)
class ParticipationRecord:
    """One usager's part in an appointment. Make it with `of`.

    `own` is the usager as the source gave them, and `responsible` the responsible person, where there is one; either
    record may change alone. The other fields about people are made of these two. `phone` (E.164) and `email` are the
    responsible person's where there is one, because that person is reached. `surnames` are all names that the three
    letters may come from: last and birth names of both. `first_names` go with them, so that "Sophie Dupont" is one
    answer.
    """

    external_id: str
    usager_external_id: str | None = None
    responsible_external_id: str | None = None
    status: Status | None = None
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
    own: PersonRecord = field(default_factory=PersonRecord)
    responsible: PersonRecord | None = None

    @classmethod
    def of(
        cls,
        external_id: str,
        person: PersonRecord,
        responsible: PersonRecord | None = None,
        *,
        usager_external_id: str | None = None,
        responsible_external_id: str | None = None,
        status: Status | None = None,
        send_lifecycle_notifications: bool = False,
        send_reminder_notification: bool = False,
    ) -> ParticipationRecord:
        """The participation of `person`.

        The number and the e-mail address are those of `responsible`, each where `responsible` has one.
        """
        people = (person,) if responsible is None else (person, responsible)
        by_sms = responsible if responsible is not None and responsible.phone else person
        by_email = responsible if responsible is not None and responsible.email else person
        surnames = [name for each in people for name in (each.last_name, each.birth_name) if name]
        first_names = [each.first_name for each in people if each.first_name]
        return cls(
            external_id=external_id,
            usager_external_id=usager_external_id,
            responsible_external_id=responsible_external_id,
            status=status,
            first_name=person.first_name,
            last_name=person.last_name,
            surnames=tuple(dict.fromkeys(surnames)),
            first_names=tuple(dict.fromkeys(first_names)),
            phone=by_sms.phone,
            email=by_email.email,
            notify_by_sms=by_sms.notify_by_sms,
            notify_by_email=by_email.notify_by_email,
            send_lifecycle_notifications=send_lifecycle_notifications,
            send_reminder_notification=send_reminder_notification,
            own=person,
            responsible=responsible,
        )


@dataclass(frozen=True, slots=True)
class AppointmentRecord:
    """One appointment from a source, checked and normalised. `sources` makes it, `intake` takes it.

    `participations_complete` is False where the source does not list all participations: then one that is missing has
    not ended.
    """

    external_id: str
    starts_at: datetime
    organisation: OrganisationRecord | None
    uuid: str | None = None
    ends_at: datetime | None = None
    time_zone: str | None = None
    status: Status | None = None
    collective: bool | None = None
    created_at: datetime | None = None
    label: str | None = None  # only a file may give one; RDV Service Public's motif name is never used
    address: str | None = None
    motif: MotifRecord | None = None
    place: PlaceRecord | None = None
    participations: tuple[ParticipationRecord, ...] = ()
    participations_complete: bool = True
    seats: int | None = None  # how many people may take part, if it is collective; not stored
