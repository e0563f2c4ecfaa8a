"""What agents send: an appointment to create or replace, a cancellation, an answer. Its values are `input_kinds`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from smsbot.appointments.cancellation import TAKE_BACK_WITHIN
from smsbot.batches.records import BatchAct
from smsbot.events.recording import EventType
from smsbot.inbox.answering import MOST_SEGMENTS
from smsbot.inbox.notes import MOST_CHARACTERS_OF_A_NOTE
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
    """The base of all bodies. A misspelt member is refused, because ignoring it would lose it silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NewOrganisation(_Body):
    """One of the agent's organisations. What is left out or null stays as it is known."""

    external_id: Annotated[Identifier, Field(description="As the source numbers it.")]
    name: OneLine | None = None
    phone_number: Annotated[ToldTelephone | None, Field(description="Told as it is written; 39xx too.")] = None
    email: Email | None = None
    verticale: Annotated[
        OneLine | None, Field(description="The brand: rdv_solidarites, rdv_aide_numerique, rdv_mairie, rdv_insertion.")
    ] = None
    time_zone: ZoneName | None = None

    def record(self) -> OrganisationRecord:
        return OrganisationRecord(**self.model_dump())


class NewMotif(_Body):
    """What is needed of a motif. Its name is not needed, because no message may tell it."""

    external_id: Identifier | None = None
    service_id: Identifier | None = None
    location_type: LocationType = LocationType.PUBLIC_OFFICE
    bookable_by_everyone: Annotated[
        bool, Field(description="Whether whoever cancels is shown the way to book again.")
    ] = False

    def record(self) -> MotifRecord:
        return MotifRecord(**self.model_dump())


class NewPlace(_Body):
    """Where it takes place; never an usager's home."""

    name: OneLine | None = None
    address: OneLine | None = None
    phone_number: ToldTelephone | None = None

    def record(self) -> PlaceRecord:
        return PlaceRecord(**self.model_dump())


class NewPerson(_Body):
    """The responsible person, through whom a child or other relative is reached."""

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

    external_id: Annotated[Identifier, Field(description="Its id at the source, within the appointment at least.")]
    status: Annotated[Status | None, Field(description="Left out: that of the appointment.")] = None
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

    What is left out or null of `status`, `label`, `time_zone`, `collective`, `motif` and `created_at` stays as it is
    known; `ends_at` and `place` become none.
    """

    starts_at: Instant
    ends_at: Annotated[Instant | None, Field(description="Later than starts_at.")] = None
    time_zone: Annotated[
        ZoneName | None, Field(description="In which its times are told; else the organisation's, else Europe/Paris.")
    ] = None
    status: Annotated[
        Status | None, Field(description="A cancellation made here stands: unknown is a conflict then.")
    ] = None
    collective: bool | None = None
    label: Annotated[OneLine | None, Field(description="What messages call it; else RDV, or as smsbot.toml says.")] = (
        None
    )
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
            raise ValueError("an appointment at home has no place: where an usager lives is not to be kept")
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
"""Appointments in one request."""


def _each(model: type[BaseModel]) -> WithJsonSchema:
    """Described as a list of these. It is read as any JSON values, each by itself later (`read_one`)."""
    items = {"$ref": f"#/components/schemas/{model.__name__}"}
    return WithJsonSchema({"type": "array", "minItems": 1, "maxItems": MOST_TOGETHER, "items": items})


class IdentifiedAppointment(NewAppointment):
    """One of many appointments to create or replace."""

    external_id: Annotated[Identifier, Field(description="The appointment's id at its source.")]


class ManyAppointments(_Body):
    """Appointments to create or replace, each by itself: one that is wrong keeps no other out."""

    appointments: Annotated[
        tuple[Any, ...], Field(min_length=1, max_length=MOST_TOGETHER), _each(IdentifiedAppointment)
    ]


class Reason(StrEnum):
    """On whose wish an agent cancels."""

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
            "the others end with it. Left out: the whole appointment ends, a collective one too."
        ),
    ] = None
    reason: Annotated[
        Reason, Field(description="`service`: the status becomes revoked; `usager_request`: excused.")
    ] = Reason.SERVICE
    word: Annotated[
        Word | None,
        Field(
            description="What is added for the usager, on one line. It is not told where RDV Service Public writes to "
            "usagers by itself."
        ),
    ] = None
    hold_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=int(TAKE_BACK_WITHIN.total_seconds()),
            description="For so long nobody is told, and RDV Service Public is not asked, so that the cancellation can "
            "be taken back.",
        ),
    ] = 0


class IdentifiedCancellation(Cancellation):
    """One of many cancellations."""

    id: Annotated[
        str,
        Field(
            max_length=texts.LONGEST_IDENTIFIER,
            description="The appointment's `id`, or its `external_id` where one source alone has it.",
        ),
    ]


class ManyCancellations(_Body):
    """Appointments to cancel, each by itself: one that cannot be cancelled keeps no other from it."""

    cancellations: Annotated[
        tuple[Any, ...], Field(min_length=1, max_length=MOST_TOGETHER), _each(IdentifiedCancellation)
    ]


class NewAnswer(_Body):
    """What is answered to the person who wrote a message."""

    text: Annotated[
        SendableText,
        Field(description=f"Sent by SMS from the number that was written to; {MOST_SEGMENTS} segments at most."),
    ]
    email: Annotated[
        Email | None,
        Field(
            description="Only for somebody who has sent STOP: to which of their addresses it goes. Left out: to the "
            "only one."
        ),
    ] = None


class HandingOver(_Body):
    """To whom a message is left."""

    to: Annotated[Email, Field(description="The address of an agent who may act in the message's organisation.")]


class PuttingOff(_Body):
    """Until when a message does not wait."""

    until: Annotated[
        Instant,
        Field(description=f"At most {MOST_DAYS_AHEAD} days ahead. It waits at once if the person writes again."),
    ]


class NewNote(_Body):
    """What an agent notes for colleagues."""

    text: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_CHARACTERS_OF_A_NOTE),
        WithoutNul,
        Field(description="It is never sent. It is erased with the message, and told to the person if they ask."),
    ]


class TakingBackRequest(_Body):
    """Which cancellation is taken back. Without a body, all that agents have cancelled in the appointment."""

    participation_id: Annotated[
        Identifier | None,
        Field(description="The `id` or `external_id` of a participation: what was cancelled together with it."),
    ] = None


class NewWebhook(_Body):
    """An address that is to be told of events."""

    url: Annotated[
        str,
        Field(
            max_length=LONGEST_URL,
            description="https, on the public internet. It answers 2xx within ten seconds; no redirection is followed.",
            examples=["https://agenda.example.fr/smsbot"],
        ),
    ]
    secret: Annotated[
        WebhookSecret | None, Field(description="What its webhooks are signed with; left out: one is made.")
    ] = None
    types: Annotated[
        tuple[EventType, ...], Field(max_length=20, description="Of what it is told; empty or left out: of everything.")
    ] = ()


class NewSecret(_Body):
    """What a webhook is signed with from now on."""

    secret: Annotated[WebhookSecret | None, Field(description="Left out: one is made.")] = None


class Replay(_Body):
    """Which events are to be told again."""

    since: Annotated[Instant, Field(description="They happened then or later.")]
    until: Annotated[Instant | None, Field(description="They happened before then.")] = None


class BatchRequest(_Body):
    """Which appointments of an organisation, and what is done to them. Those that have begun are left alone."""

    act: Annotated[BatchAct, Field(description="`cancel` all of them, or only `write` to their people.")]
    day: LocalDay
    begins_from: Annotated[LocalHour, Field(description="Local time; at that hour or later.")] = None
    begins_before: Annotated[LocalHour, Field(description="Local time; before that hour.")] = None
    place: Annotated[OneLine | None, Field(description="Only at the place of this name.")] = None
    reason: Annotated[Reason, Field(description="As for a single appointment; it does not count for `write`.")] = (
        Reason.SERVICE
    )
    word: Annotated[Word | None, Field(description="What people are told besides; needed for `write`.")] = None
    dry_run: Annotated[bool, Field(description="Only tell what would be done, and what people would get.")] = False

    @model_validator(mode="after")
    def _says_something(self) -> BatchRequest:
        if self.act is BatchAct.WRITE and not self.word:
            raise ValueError("to write needs a word")
        return self
