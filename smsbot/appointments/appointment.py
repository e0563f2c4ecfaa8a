"""An appointment as it is stored, its organisation, and one usager's part in it. Datetimes are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smsbot.model import DEFAULT_TIME_ZONE, LocationType, Status
from smsbot.rules.letters import Names


@dataclass(frozen=True, slots=True)
class Organisation:
    """The organisation that an appointment is with; `id` is ours, `external_id` the source's."""

    id: int
    external_id: str
    name: str | None
    phone_number: str | None
    email: str | None
    verticale: str | None
    time_zone: str | None


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
        """The IANA time zone that its times are told in: the rdv's own, else the organisation's, else Paris."""
        organisation_zone = self.organisation.time_zone if self.organisation else None
        return self.time_zone or organisation_zone or DEFAULT_TIME_ZONE

    @property
    def told_place(self) -> str | None:
        """The name of the place, else of the organisation. Of an appointment at home, no place is ever told."""
        organisation = self.organisation.name if self.organisation else None
        if self.location_type is LocationType.HOME:
            return organisation
        return self.place_name or organisation

    @property
    def telephone(self) -> str | None:
        """Whom to call: the place, else the organisation."""
        return self.place_phone_number or (self.organisation.phone_number if self.organisation else None)


@dataclass(frozen=True, slots=True)
class Participation:
    """One usager's part in an appointment, with the appointment."""

    id: int
    external_id: str
    status: Status
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
    removed_at: datetime | None
    appointment: Appointment

    @property
    def names(self) -> Names:
        """What the three letters may come from."""
        return Names(self.surnames, self.first_names)

    @property
    def is_active(self) -> bool:
        """Neither cancelled nor over, and still there at the source."""
        return self.status is Status.UNKNOWN and self.removed_at is None and self.appointment.destroyed_at is None
