"""Stored appointments, their organisations, and the participation of each usager.

Datetimes are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, bindparam, case, func, literal, update

from smsbot.made_often import made_often
from smsbot.model import DEFAULT_TIME_ZONE, LocationType, Status
from smsbot.phone_numbers import takes_sms
from smsbot.rules.letters import Names
from smsbot.store.prepared import Prepared
from smsbot.store.tables import appointments, organisations, participations

_MEANS = {LocationType.PHONE: "par téléphone", LocationType.VISIO: "en visioconférence"}


@made_often
@dataclass(frozen=True, slots=True)
class Organisation:
    """The organisation that an appointment is with. `id` is ours, `external_id` is the source's."""

    id: int
    external_id: str
    name: str | None
    phone_number: str | None
    email: str | None
    verticale: str | None
    time_zone: str | None


@made_often
@dataclass(frozen=True, slots=True)
class Appointment:
    """One appointment as stored. Datetimes are aware UTC."""

    id: int
    source: str
    external_id: str
    uuid: str
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str | None
    status: Status
    collective: bool
    label: str | None
    address: str | None
    place_name: str | None
    place_address: str | None
    place_phone_number: str | None
    motif_external_id: str | None
    service_external_id: str | None
    location_type: LocationType
    bookable_by_everyone: bool
    calendar_sequence: int
    created_at: datetime | None
    destroyed_at: datetime | None
    organisation: Organisation | None

    @property
    def zone(self) -> str:
        """The IANA time zone of its times: the rdv's own, else the organisation's, else Paris."""
        organisation_zone = self.organisation.time_zone if self.organisation else None
        return self.time_zone or organisation_zone or DEFAULT_TIME_ZONE

    @property
    def verticale(self) -> str | None:
        """The brand of its organisation, as RDV Service Public names it."""
        return self.organisation.verticale if self.organisation else None

    @property
    def told_place(self) -> str | None:
        """The name of the place, else of the organisation.

        None for an appointment at home, whose place is never told. For one by telephone or video, the text says so and
        names the organisation, because nobody should go there.
        """
        organisation = self.organisation.name if self.organisation else None
        if self.location_type is LocationType.HOME:
            return organisation
        if (means := _MEANS.get(self.location_type)) is not None:
            return ", ".join(filter(None, (means, organisation)))
        return self.place_name or organisation

    @property
    def telephone(self) -> str | None:
        """The number to call: of the place, else of the organisation."""
        return self.place_phone_number or (self.organisation.phone_number if self.organisation else None)


@made_often
@dataclass(frozen=True, slots=True)
class Participation:
    """One usager's part in an appointment, with the appointment."""

    id: int
    external_id: str
    status: Status
    cancelled_at: datetime | None
    cancelled_by: str | None
    cancelled_way: str | None
    first_name: str | None
    last_name: str | None
    surnames: tuple[str, ...]
    first_names: tuple[str, ...]
    phone: str | None
    email: str | None
    notify_by_sms: bool
    notify_by_email: bool
    send_lifecycle_notifications: bool
    send_reminder_notification: bool
    wrong_answers: int
    wrong_answer_at: datetime | None
    locked_until: datetime | None
    unread_answers: int
    unread_answer_at: datetime | None
    reminded_at: datetime | None
    announced_at: datetime | None
    held_until: datetime | None  # until when nobody is told of its cancellation, so that it can be taken back
    cancellation_requested_at: datetime | None  # its source was asked to cancel it, and has not answered yet
    taking_back_requested_at: datetime | None  # its source was asked to take the cancellation back, without answer yet
    removed_at: datetime | None
    appointment: Appointment

    @property
    def names(self) -> Names:
        """The names that the three letters may come from."""
        return Names(self.surnames, self.first_names)

    @property
    def is_for_another(self) -> bool:
        """Whether a responsible person is on record beside its usager, as for a child."""
        return len(self.first_names) > 1

    @property
    def contact(self) -> str:
        """The telephone number, else the e-mail address, for `logs.about`; empty where both are erased."""
        return self.phone or self.email or ""

    @property
    def takes_sms(self) -> bool:
        """Whether there is a telephone number that SMS can go to, so no landline."""
        return takes_sms(self.phone)

    @property
    def accepts_sms(self) -> bool:
        """Whether its usager is told of it by SMS, unless they have said STOP."""
        return self.notify_by_sms and self.takes_sms

    @property
    def accepts_email(self) -> bool:
        """Whether its usager is told of it by e-mail."""
        return self.notify_by_email and bool(self.email)

    def is_told_at(self, channel: str, recipient: str) -> bool:
        """Whether its usager is told of it at this telephone number (E.164) or e-mail address, in small or capitals."""
        if channel == "sms":
            return self.accepts_sms and self.phone == recipient
        return self.accepts_email and (self.email or "").lower() == recipient.lower()

    @property
    def is_with_its_source(self) -> bool:
        """Whether its source was asked to cancel it, or to take the cancellation back, and has not answered yet."""
        return self.cancellation_requested_at is not None or self.taking_back_requested_at is not None

    @property
    def is_active(self) -> bool:
        """Whether it is neither cancelled nor over, and still exists at the source."""
        return self.status is Status.UNKNOWN and self.removed_at is None and self.appointment.destroyed_at is None


_APPOINTMENT = tuple(name for name in Appointment.__dataclass_fields__ if name != "organisation")
_PARTICIPATION = tuple(name for name in Participation.__dataclass_fields__ if name != "appointment")

PARTICIPATION_COLUMNS = tuple(participations.c[name] for name in _PARTICIPATION)
APPOINTMENT_COLUMNS = (
    *(appointments.c[name] for name in _APPOINTMENT),
    *(organisations.c[name] for name in Organisation.__dataclass_fields__),
)


def participation_fields(columns: Sequence[Any], appointment: Appointment) -> list[Any]:
    """The fields of a Participation in `appointment`, from the values of PARTICIPATION_COLUMNS, in order."""
    own = list(columns)
    own[_STATUS] = Status(own[_STATUS])
    own[_SURNAMES], own[_FIRST_NAMES] = tuple(own[_SURNAMES]), tuple(own[_FIRST_NAMES])
    return [*own, appointment]


def appointment_from(columns: Sequence[Any]) -> Appointment:
    """The appointment with its organisation, from the values of APPOINTMENT_COLUMNS, in order."""
    own = list(columns[: len(_APPOINTMENT)])
    own[_APPOINTMENT_STATUS], own[_LOCATION] = Status(own[_APPOINTMENT_STATUS]), LocationType(own[_LOCATION])
    organisation = columns[len(_APPOINTMENT) :]
    own.append(None if organisation[0] is None else Organisation(*organisation))
    return Appointment(*own)


_STATUS, _SURNAMES, _FIRST_NAMES = (_PARTICIPATION.index(name) for name in ("status", "surnames", "first_names"))
_APPOINTMENT_STATUS, _LOCATION = (_APPOINTMENT.index(name) for name in ("status", "location_type"))


ELSEWHERE = "@"
"""The first sign of a place key for appointments outside a public office: `@phone`, `@visio`, `@home`."""


def place_key() -> ColumnElement[str]:
    """A key for the place, in SQL: the name of the public office (empty if it has none), else `ELSEWHERE` + its type.

    The place that a source gives for an appointment at home or by telephone may be somebody's home. It is never part of
    the key.
    """
    is_office = appointments.c.location_type == LocationType.PUBLIC_OFFICE.value
    name = func.coalesce(appointments.c.place_name, "")
    return case((is_office, name), else_=literal(ELSEWHERE, Text()) + appointments.c.location_type)


_CHANGED = Prepared(
    update(appointments).where(appointments.c.id == bindparam("this")).values(changed_at=bindparam("now"))
)


def note_change(connection: Connection, appointment_id: int, now: datetime) -> None:
    """Note that something visible of the appointment has changed (`changed_at`)."""
    _CHANGED.run(connection, {"this": appointment_id, "now": now})
