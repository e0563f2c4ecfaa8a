"""What the API answers about appointments, messages, events and webhooks. It is made straight from rows of the
database.

Times are UTC and end in Z. Every member is always present; it is null if nothing is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import RowMapping

from smsbot.agents.appointment_actions import (
    AgentCancellation,
)
from smsbot.agents.public_ids import PublicId
from smsbot.diary.appointments_in_reach import AppointmentRows
from smsbot.diary.messages_in_reach import MessageRow
from smsbot.model import DEFAULT_TIME_ZONE, Actor, Status, Via
from smsbot.notifications.notified import Notified, WhyNot
from smsbot.phone_numbers import takes_sms
from smsbot.subscriptions.event_list import ToldEvent
from smsbot.understanding.topics import Topic
from smsbot.web.api.answering_requests import ProblemDetails


class ApiResource(BaseModel):
    """The base of all that the API answers."""

    model_config = ConfigDict(frozen=True)


class OrganisationResource(ApiResource):
    external_id: str
    name: str | None
    phone_number: str | None
    email: str | None
    verticale: str | None


class Place(ApiResource):
    name: str | None
    address: str | None
    phone_number: str | None


class ParticipationResource(ApiResource):
    id: Annotated[str, Field(examples=["part-34"])]
    external_id: str
    status: Status
    first_name: str | None
    last_name: str | None
    phone: Annotated[str | None, Field(description="E.164; the responsible person's where there is one.")]
    takes_sms: Annotated[
        bool, Field(description="False without a number, and for a landline or special number: they get e-mails only.")
    ]
    email: Annotated[str | None, Field(description="The responsible person's where there is one.")]
    cancelled_at: datetime | None
    cancelled_by: Actor | None
    cancelled_way: Via | None
    announced_at: Annotated[
        datetime | None,
        Field(description="When the usager wrote that they come. It is null again once it is cancelled or moved."),
    ]
    cancellation_requested_at: Annotated[
        datetime | None,
        Field(
            description="Since when its source is being asked to cancel it. It is not cancelled before the source has "
            "answered. After the answer this is null again, also if the source has refused."
        ),
    ]
    taking_back_requested_at: Annotated[
        datetime | None,
        Field(
            description="Since when its source is being asked to take the usager's cancellation back. It stays "
            "cancelled until the source has answered. After the answer this is null again, also if the source has "
            "refused."
        ),
    ]
    locked_until: Annotated[
        datetime | None, Field(description="After three wrong answers: the usager cannot cancel it until then.")
    ]


class AppointmentResource(ApiResource):
    id: Annotated[str, Field(examples=["rdv-12"])]
    source: str
    external_id: str
    starts_at: datetime
    time_zone: Annotated[str, Field(description="IANA name of the zone in which people are told its times.")]
    ends_at: datetime | None
    status: Status
    collective: bool
    label: str | None
    organisation: OrganisationResource
    place: Place | None
    changed_at: datetime
    participations: tuple[ParticipationResource, ...]


class NotifiedResource(ApiResource):
    """Whether the person of one participation is told what the request has done. Reminders are not counted here."""

    participation_id: Annotated[str, Field(examples=["part-34"])]
    ways: Annotated[tuple[str, ...], Field(description="sms, email; empty: they are not told.", examples=[["sms"]])]
    leaves_at: Annotated[
        datetime | None, Field(description="The message leaves then, or later.", examples=["2026-05-04T10:00:00Z"])
    ]
    why_not: Annotated[
        WhyNot | None,
        Field(
            description="Why they are not told. `nothing_new`: nothing changed that people are told of; `not_wanted`: "
            "`send_lifecycle_notifications` is false; `no_address`: neither a telephone that takes SMS nor an e-mail "
            "address; `not_accepted`: `notify_by_sms` and `notify_by_email` leave no way; `stopped`: the telephone "
            "has said STOP; `begun`: the appointment has begun; `requested`: its source has been asked, and people are "
            "told once it has answered; `source_writes`: RDV Service Public tells its usagers by itself."
        ),
    ]


class WrittenAppointment(AppointmentResource):
    """The appointment as it is now, and who is told of the change."""

    notified: tuple[NotifiedResource, ...]


class CancelledAppointment(WrittenAppointment):
    """The appointment as it is now, and the result of the request."""

    outcome: Annotated[
        AgentCancellation,
        Field(
            description="`already_cancelled`: it was cancelled before this request, and nothing was done. "
            "`requested`: it is not cancelled yet; its source has been asked to cancel it, by this request or before."
        ),
    ]


class AppointmentResult(ApiResource):
    """The result for one appointment of many: the same answer as if it had been sent alone."""

    status: Annotated[int, Field(description="The HTTP status that it would have had alone.", examples=[201])]
    appointment: WrittenAppointment | None = None
    problem: ProblemDetails | None = None


class AppointmentResults(ApiResource):
    """The results, in the order of the request."""

    results: tuple[AppointmentResult, ...]


class CancellationResult(ApiResource):
    """The result for one cancellation of many: the same answer as if it had been sent alone."""

    status: Annotated[int, Field(description="The HTTP status that it would have had alone.", examples=[200])]
    appointment: CancelledAppointment | None = None
    problem: ProblemDetails | None = None


class CancellationResults(ApiResource):
    """The results, in the order of the request."""

    results: tuple[CancellationResult, ...]


class AppointmentPage(ApiResource):
    """A page of a list of appointments. `next` is the address of the next page."""

    appointments: tuple[AppointmentResource, ...]
    next: Annotated[str | None, Field(json_schema_extra={"format": "uri"}, description="Null: this is the end.")]


class MeantResource(ApiResource):
    """An appointment that a message may be about, and the participation in it."""

    appointment_id: Annotated[str, Field(examples=["rdv-12"])]
    participation_id: Annotated[str, Field(examples=["part-34"])]


class MessageResource(ApiResource):
    """An SMS from an usager."""

    id: Annotated[str, Field(examples=["sms-56"])]
    received_at: Annotated[datetime, Field(examples=["2026-05-04T10:00:00Z"])]
    phone: Annotated[str, Field(description="The usager's number, in E.164.", examples=["+33612345678"])]
    text: Annotated[str, Field(description="As it was written.", examples=["Je serai en retard de 10 minutes"])]
    topic: Annotated[
        Topic | None,
        Field(
            description="What it is about; `machine`: a telephone that answers by itself. Null if it was not read.",
            examples=["late"],
        ),
    ]
    waiting: Annotated[
        bool,
        Field(description="Whether it waits in the inbox: no agent has answered it, closed it or put it off."),
    ]
    comes_back_at: Annotated[
        datetime | None,
        Field(description="An agent has put it off until then. It waits again at once if the person writes."),
    ]
    organisation: OrganisationResource
    about: Annotated[
        tuple[MeantResource, ...],
        Field(
            description="Appointments of this organisation that it may be about, the earliest first. They are of "
            "people who are reached at this number, and are still to come or began at most a day before."
        ),
    ]


class MessagePage(ApiResource):
    """A page of a list of messages. `next` is the address of the next page."""

    messages: tuple[MessageResource, ...]
    next: Annotated[str | None, Field(json_schema_extra={"format": "uri"}, description="Null: this is the end.")]


class EventsPage(ApiResource):
    """A page of events, in their order, which never changes."""

    events: tuple[ToldEvent, ...]
    after: Annotated[
        str, Field(description="The `after` of your next request, now or later: you miss no event.", examples=["90"])
    ]
    next: Annotated[
        str | None,
        Field(
            json_schema_extra={"format": "uri"}, description="The address of the next page; null: no more events yet."
        ),
    ]


def appointment_resource(found: AppointmentRows) -> AppointmentResource:
    """The appointment for the answer. Its row must have an organisation."""
    row = found.appointment
    place = {
        "name": row["place_name"],
        "address": row["place_address"] or row["address"],
        "phone_number": row["place_phone_number"],
    }
    return AppointmentResource(
        **_members(AppointmentResource, row, but={"id", "time_zone", "organisation", "place", "participations"}),
        id=PublicId.APPOINTMENT.of(row["id"]),
        time_zone=row["time_zone"] or row["organisation_time_zone"] or DEFAULT_TIME_ZONE,
        organisation=_organisation(row),
        place=Place(**place) if any(place.values()) else None,
        participations=tuple(_participation(part) for part in found.participations),
    )


def notified_resources(notified: Sequence[Notified]) -> tuple[NotifiedResource, ...]:
    """Who is told of a change, for the answer."""
    return tuple(
        NotifiedResource(
            participation_id=PublicId.PARTICIPATION.of(each.participation_id),
            ways=each.ways,
            leaves_at=each.due_at,
            why_not=each.why_not,
        )
        for each in notified
    )


def message_resource(found: MessageRow, now: datetime) -> MessageResource:
    """The message for the answer. `now` (UTC) decides whether a message that was put off waits again."""
    row = found.message
    comes_back_at = row["comes_back_at"] if row["is_open"] else None
    return MessageResource(
        id=PublicId.MESSAGE.of(row["id"]),
        received_at=row["received_at"],
        phone=row["from_number"],
        text=row["body"],
        topic=row["topic"],
        waiting=row["is_open"] and (comes_back_at is None or comes_back_at <= now),
        comes_back_at=comes_back_at,
        organisation=_organisation(row),
        about=tuple(
            MeantResource(
                appointment_id=PublicId.APPOINTMENT.of(each.appointment_id),
                participation_id=PublicId.PARTICIPATION.of(each.id),
            )
            for each in found.about
        ),
    )


def _organisation(row: RowMapping) -> OrganisationResource:
    return OrganisationResource(**{name: row[f"organisation_{name}"] for name in OrganisationResource.model_fields})


def _participation(row: RowMapping) -> ParticipationResource:
    return ParticipationResource(
        **_members(ParticipationResource, row, but={"id", "takes_sms"}),
        id=PublicId.PARTICIPATION.of(row["id"]),
        takes_sms=takes_sms(row["phone"]),
    )


def _members(resource: type[ApiResource], row: RowMapping, *, but: set[str]) -> dict[str, Any]:
    return {name: row[name] for name in resource.model_fields if name not in but}
