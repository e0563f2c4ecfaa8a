"""The bodies of requests: an appointment to create or replace, a cancellation, an answer to a message, and others.

`input_kinds` has the kinds of their values.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from smsbot.appointments.cancellation import TAKE_BACK_WITHIN
from smsbot.batches.records import BatchAct
from smsbot.events import EventType
from smsbot.inbox.answering import MOST_SEGMENTS
from smsbot.inbox.handling import MOST_CHARACTERS_OF_A_NOTE
from smsbot.inbox.putting_off import MOST_DAYS_AHEAD
from smsbot.model import (
    AppointmentRecord,
    LocationType,
    MotifRecord,
    OrganisationRecord,
    ParticipationRecord,
    PersonRecord,
    PlaceRecord,
    Status,
)
from smsbot.sources import texts
from smsbot.subscriptions.webhook_addresses import LONGEST_URL
from smsbot.web.api.input_kinds import (
    Email,
    Identifier,
    Instant,
    LocalDay,
    LocalHour,
    OneLine,
    PersonName,
    Phone,
    SendableText,
    ToldTelephone,
    WebhookSecret,
    WithoutNul,
    Word,
    ZoneName,
)


class _Body(BaseModel):
    """The base of all bodies. Unknown members are refused: ignoring a misspelt one would lose its value silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NewOrganisation(_Body):
    """One of the agent's organisations. Members that are left out or null keep their known values."""

    external_id: Annotated[Identifier, Field(description="Its id at the source.")]
    name: OneLine | None = None
    phone_number: Annotated[
        ToldTelephone | None, Field(description="People are told it as it is written here. It may be a short 39xx.")
    ] = None
    email: Email | None = None
    verticale: Annotated[
        OneLine | None, Field(description="The brand: rdv_solidarites, rdv_aide_numerique, rdv_mairie, rdv_insertion.")
    ] = None
    time_zone: ZoneName | None = None

    def record(self) -> OrganisationRecord:
        return OrganisationRecord(**self.model_dump())


class NewMotif(_Body):
    """The parts of a motif that are needed. Its name is not one of them, because no message may tell it."""

    external_id: Identifier | None = None
    service_id: Identifier | None = None
    location_type: LocationType = LocationType.PUBLIC_OFFICE
    bookable_by_everyone: Annotated[
        bool, Field(description="Whether people who cancel are told where to book again.")
    ] = False

    def record(self) -> MotifRecord:
        return MotifRecord(**self.model_dump())


class NewPlace(_Body):
    """Where the appointment takes place. It is never an usager's home."""

    name: OneLine | None = None
    address: OneLine | None = None
    phone_number: ToldTelephone | None = None

    def record(self) -> PlaceRecord:
        return PlaceRecord(**self.model_dump())


class NewPerson(_Body):
    """A person. As `responsible`: the person through whom a child or other relative is reached."""

    first_name: PersonName | None = None
    last_name: PersonName | None = None
    birth_name: PersonName | None = None
    phone: Phone | None = None
    email: Email | None = None
    notify_by_sms: bool = True
    notify_by_email: bool = True

    def record(self) -> PersonRecord:
        return PersonRecord(**self.model_dump(include=set(NewPerson.model_fields)))


class NewParticipation(NewPerson):
    """One usager's part in the appointment."""

    external_id: Annotated[Identifier, Field(description="Its id at the source, unique within the appointment.")]
    status: Annotated[Status | None, Field(description="If left out: the status of the appointment.")] = None
    usager_external_id: Identifier | None = None
    responsible: NewPerson | None = None
    responsible_external_id: Identifier | None = None
    send_lifecycle_notifications: Annotated[
        bool, Field(description="Whether the usager is told that it is created, moved or cancelled.")
    ] = True
    send_reminder_notification: Annotated[bool, Field(description="Whether the usager gets a reminder.")] = True

    def participation(self) -> ParticipationRecord:
        return ParticipationRecord.of(
            self.external_id,
            self.record(),
            self.responsible.record() if self.responsible is not None else None,
            usager_external_id=self.usager_external_id,
            responsible_external_id=self.responsible_external_id,
            status=self.status,
            send_lifecycle_notifications=self.send_lifecycle_notifications,
            send_reminder_notification=self.send_reminder_notification,
        )


class NewAppointment(_Body):
    """A whole appointment, as it should be: participations that are not listed are no longer part of it.

    `status`, `label`, `time_zone`, `collective`, `motif` and `created_at` keep their known values if they are left out
    or null. Without `ends_at` or `place` the appointment no longer has one.
    """

    starts_at: Instant
    ends_at: Annotated[Instant | None, Field(description="Later than starts_at.")] = None
    time_zone: Annotated[
        ZoneName | None,
        Field(description="People are told times in this zone. If left out: the organisation's, else Europe/Paris."),
    ] = None
    status: Annotated[
        Status | None, Field(description="A cancellation made here stands: `unknown` is then a conflict (409).")
    ] = None
    collective: bool | None = None
    label: Annotated[
        OneLine | None, Field(description="What messages call it. If left out: what smsbot.toml says, else RDV.")
    ] = None
    created_at: Annotated[
        Instant | None, Field(description="Only a new appointment created within the last hour is announced.")
    ] = None
    organisation: NewOrganisation
    motif: NewMotif | None = None
    place: NewPlace | None = None
    participations: Annotated[tuple[NewParticipation, ...], Field(max_length=500)]

    @model_validator(mode="after")
    def _consistent(self) -> NewAppointment:
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            raise ValueError("ends_at is not later than starts_at")
        if self.place is not None and self.motif is not None and self.motif.location_type is LocationType.HOME:
            raise ValueError("an appointment at home has no place: the address of an usager may not be kept")
        if len({each.external_id for each in self.participations}) < len(self.participations):
            raise ValueError("two participations have the same external_id")
        return self

    def record(self, external_id: str) -> AppointmentRecord:
        return AppointmentRecord(
            external_id=external_id,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            time_zone=self.time_zone,
            status=self.status,
            collective=self.collective,
            label=self.label,
            created_at=self.created_at,
            organisation=self.organisation.record(),
            motif=self.motif.record() if self.motif is not None else None,
            place=self.place.record() if self.place is not None else None,
            participations=tuple(each.participation() for each in self.participations),
        )


MOST_TOGETHER = 100
"""The most appointments in one request."""


def _each(model: type[BaseModel]) -> WithJsonSchema:
    """Describes a list of `model`. Its items are read as any JSON values, and checked one by one later (`read_one`)."""
    items = {"$ref": f"#/components/schemas/{model.__name__}"}
    return WithJsonSchema({"type": "array", "minItems": 1, "maxItems": MOST_TOGETHER, "items": items})


class IdentifiedAppointment(NewAppointment):
    """One of many appointments to create or replace."""

    external_id: Annotated[Identifier, Field(description="The appointment's id at its source.")]


class ManyAppointments(_Body):
    """Appointments to create or replace. Each is done by itself: if one is refused, the others are still done."""

    appointments: Annotated[
        tuple[Any, ...], Field(min_length=1, max_length=MOST_TOGETHER), _each(IdentifiedAppointment)
    ]


class Reason(StrEnum):
    """Who wants the cancellation that an agent makes."""

    SERVICE = "service"
    USAGER_REQUEST = "usager_request"

    @property
    def status(self) -> Status:
        return Status.EXCUSED if self is Reason.USAGER_REQUEST else Status.REVOKED


class Cancellation(_Body):
    """What is cancelled, and why. Without a body, the whole appointment is cancelled by the service."""

    participation_id: Annotated[
        Identifier | None,
        Field(
            description="The `id` or `external_id` of the one participation that ends. In an individual appointment "
            "the others end with it. If left out, the whole appointment ends, even a collective one."
        ),
    ] = None
    reason: Annotated[
        Reason, Field(description="`service`: the status becomes revoked; `usager_request`: excused.")
    ] = Reason.SERVICE
    word: Annotated[
        Word | None,
        Field(
            description="The agent's own words to the usager, on one line, added to the message. They are not sent if "
            "RDV Service Public writes to its usagers itself."
        ),
    ] = None
    hold_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=int(TAKE_BACK_WITHIN.total_seconds()),
            description="For so many seconds nobody is told and RDV Service Public is not asked. In this time the "
            "cancellation can be taken back.",
        ),
    ] = 0


class IdentifiedCancellation(Cancellation):
    """One of many cancellations."""

    id: Annotated[
        str,
        Field(
            max_length=texts.LONGEST_IDENTIFIER,
            description="The appointment's `id`. Or its `external_id`, if only one source has it.",
        ),
    ]


class ManyCancellations(_Body):
    """Appointments to cancel. Each is done by itself: if one is refused, the others are still done."""

    cancellations: Annotated[
        tuple[Any, ...], Field(min_length=1, max_length=MOST_TOGETHER), _each(IdentifiedCancellation)
    ]


class NewAnswer(_Body):
    """An answer to the person who wrote a message."""

    text: Annotated[
        SendableText,
        Field(description=f"Sent by SMS from the number that the person wrote to; at most {MOST_SEGMENTS} segments."),
    ]
    email: Annotated[
        Email | None,
        Field(
            description="Only if the person has sent STOP: which of their addresses gets the answer. It may be left "
            "out if they have only one."
        ),
    ] = None


class HandingOver(_Body):
    """The colleague who gets a message."""

    to: Annotated[Email, Field(description="The address of an agent who may act in the message's organisation.")]


class PuttingOff(_Body):
    """Until when a message is put off."""

    until: Annotated[
        Instant,
        Field(description=f"At most {MOST_DAYS_AHEAD} days ahead. It waits again at once if the person writes."),
    ]


class NewNote(_Body):
    """What an agent notes for colleagues."""

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_CHARACTERS_OF_A_NOTE),
        WithoutNul,
        Field(description="It is never sent. It is erased with the message. The person may ask to read it."),
    ]


class TakingBackRequest(_Body):
    """Which cancellation is taken back. Without a body: everything that agents have cancelled in the appointment."""

    participation_id: Annotated[
        Identifier | None,
        Field(description="The `id` or `external_id` of a participation. All cancelled together with it stands again."),
    ] = None


class NewWebhook(_Body):
    """An address to which events are sent."""

    url: Annotated[
        str,
        Field(
            max_length=LONGEST_URL,
            description="An https address on the public internet. It must answer 2xx within ten seconds. Redirects are "
            "not followed.",
            examples=["https://agenda.example.fr/smsbot"],
        ),
    ]
    secret: Annotated[
        WebhookSecret | None, Field(description="The secret that signs the events. If left out, one is made.")
    ] = None
    types: Annotated[
        tuple[EventType, ...], Field(max_length=20, description="The events to send. Empty or left out: all of them.")
    ] = ()


class NewSecret(_Body):
    """The secret that signs the events of a webhook from now on."""

    secret: Annotated[WebhookSecret | None, Field(description="If left out, one is made.")] = None


class Replay(_Body):
    """Which events are sent once more."""

    since: Annotated[Instant, Field(description="Events that happened then or later.")]
    until: Annotated[Instant | None, Field(description="Events that happened before then.")] = None


class BatchRequest(_Body):
    """Which appointments of an organisation, and what is done with them. Those that have begun are left out."""

    act: Annotated[BatchAct, Field(description="`cancel` all of them, or only `write` to their people.")]
    day: LocalDay
    begins_from: Annotated[LocalHour, Field(description="Only those that begin at this local hour or later.")] = None
    begins_before: Annotated[LocalHour, Field(description="Only those that begin before this local hour.")] = None
    place: Annotated[OneLine | None, Field(description="Only those at the place of this name.")] = None
    reason: Annotated[Reason, Field(description="As for a single appointment. It means nothing with `write`.")] = (
        Reason.SERVICE
    )
    word: Annotated[
        Word | None, Field(description="The agent's own words, added to the message. Required for `write`.")
    ] = None
    dry_run: Annotated[bool, Field(description="Only tell what would be done, and what people would get.")] = False

    @model_validator(mode="after")
    def _says_something(self) -> BatchRequest:
        if self.act is BatchAct.WRITE and not self.word:
            raise ValueError("`write` needs a `word`")
        return self
