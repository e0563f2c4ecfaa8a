"""RDV Service Public's JSON: the fields that smsbot uses, cleaned. Each payload can make the record of `smsbot.model`.

An Rdv must have `id` and `starts_at`, and a User `id`. All else differs between versions, and associations may be null;
a value of the wrong type counts as null. For people, null and missing mean different things, see
`smsbot.appointments.intake.people`. The names of motif and rdv and the context are never read, because no message may
contain them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from smsbot import phone_numbers
from smsbot.model import (
    LocationType,
    MotifRecord,
    OrganisationRecord,
    ParticipationRecord,
    PersonRecord,
    PlaceRecord,
    Status,
)
from smsbot.problem import Problem
from smsbot.sources import texts, times
from smsbot.sources.file_lines import Unusable


class MalformedPayload(Problem):
    """The JSON is not as RDV Service Public writes it. The sentence contains no personal data."""


_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_ANONYMOUS_NAME = re.compile(r"\[valeur (?:unique )?anonymisée.*\]|\[?Usager supprimé\]?", re.DOTALL)
"""What RDV Service Public writes in place of the names of anonymised people."""
_IDENTIFYING = ("first_name", "last_name", "phone", "email")
_PHONES = ("phone_number", "phone_number_formatted")


def _required_identifier(value: object) -> str:
    identifier = texts.identifier(value)
    if identifier is None:
        raise ValueError("is neither a number nor a short text")
    return identifier


def _optional_instant(value: object) -> datetime | None:
    try:
        return times.instant(value)
    except times.UnreadableTime:
        return None


def _event_instant(value: object) -> datetime | None:
    return None if value is None else times.instant(value)


def _status(value: object) -> Status | None:
    """An unknown status is refused: if it was read as "to come", it could bring a cancelled appointment back."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in list(Status):
        raise ValueError(f"is not one of {', '.join(Status)}")
    return Status(value)


def _time_zone(value: object) -> str | None:
    name = texts.line(value)
    return name if name is not None and times.zone(name) is not None else None


def _name(value: object) -> str | None:
    name = texts.name(value)
    return None if name is None or _ANONYMOUS_NAME.fullmatch(name) else name


def _telephone(value: object) -> str | None:
    return texts.line(value, longest=40)


def _object(value: object) -> object:
    return value if isinstance(value, dict) else None


def _objects(value: object) -> object:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object) -> int | None:
    """A number of people; None for anything else, so that no record is refused because of it."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


_RequiredIdentifier = Annotated[str, BeforeValidator(_required_identifier)]
_Identifier = Annotated[str | None, BeforeValidator(texts.identifier)]
_Name = Annotated[str | None, BeforeValidator(_name)]
_Line = Annotated[str | None, BeforeValidator(texts.line)]
_Email = Annotated[str | None, BeforeValidator(texts.email)]
_Telephone = Annotated[str | None, BeforeValidator(_telephone)]
_Flag = Annotated[bool | None, BeforeValidator(_flag)]
_Count = Annotated[int | None, BeforeValidator(_count)]
_Instant = Annotated[datetime | None, BeforeValidator(_optional_instant)]
_EventInstant = Annotated[datetime | None, BeforeValidator(_event_instant)]
_Status = Annotated[Status | None, BeforeValidator(_status)]


class Payload(BaseModel):
    """The fields of a JSON object that smsbot reads; other fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Meta(Payload):
    """What a webhook is about. Its times are in UTC; None if they are missing.

    Older versions have only `timestamp`, in whole seconds. Newer ones have the two others in its place.
    """

    model: Annotated[str, BeforeValidator(_required_identifier)]
    event: _Line = None
    webhook_reason: _Line = None
    timestamp: _EventInstant = None
    payload_computed_at: _EventInstant = None
    event_occurred_at: _EventInstant = None

    @property
    def told_at(self) -> datetime | None:
        """The time of the data. A late attempt has newer data than its event."""
        return self.payload_computed_at or self.timestamp or self.event_occurred_at


class Identified(Payload):
    """A record of which only the id is read."""

    id: _RequiredIdentifier


class Person(Payload):
    """A user, or the person responsible for a user.

    RDV Service Public has no user without a surname. So a user without name, number and address was anonymised there.
    """

    id: _Identifier = None
    first_name: _Name = None
    last_name: _Name = None
    birth_name: _Name = None
    email: _Email = None
    phone_number: _Telephone = None
    phone_number_formatted: _Telephone = None
    notify_by_sms: _Flag = None
    notify_by_email: _Flag = None

    def record(self) -> PersonRecord:
        person: dict[str, Any] = {
            "first_name": self.first_name,
            "last_name": self.last_name,
            "birth_name": self.birth_name,
            "phone": self._phone(),
            "email": self.email,
            "notify_by_sms": self.notify_by_sms is not False,
            "notify_by_email": self.notify_by_email is not False,
        }
        unsaid = frozenset(self._unsaid(person))
        is_nobody = unsaid.isdisjoint(_IDENTIFYING) and all(person[name] is None for name in _IDENTIFYING)
        return PersonRecord(**person, unsaid=unsaid, anonymised=is_nobody and self.id is not None)

    def _unsaid(self, names: Iterable[str]) -> Iterator[str]:
        """The fields among `names` (of PersonRecord) that the payload does not have at all."""
        for name in names:
            if self.model_fields_set.isdisjoint(_PHONES if name == "phone" else (name,)):
                yield name

    def _phone(self) -> str | None:
        """The number as the source formats it, because the source knows new ranges of numbers earlier."""
        if self.phone_number_formatted is not None and _E164.fullmatch(self.phone_number_formatted):
            return self.phone_number_formatted
        return phone_numbers.normalise(self.phone_number)


class User(Person):
    """A user, with the person responsible for them."""

    responsible_id: _Identifier = None
    responsible: Annotated[Person | None, BeforeValidator(_object)] = None

    @property
    def reached_id(self) -> str | None:
        """The id of the responsible person, if there is one."""
        return self.responsible_id or (self.responsible.id if self.responsible is not None else None)

    def _unsaid(self, names: Iterable[str]) -> Iterator[str]:
        """As for a person; and also whether the payload omits the user's own id and the responsible person.

        If `responsible_id` or `responsible` is there and null, it says that nobody is responsible. A `responsible`
        without `id` does not say who that is.
        """
        yield from super()._unsaid(names)
        said, responsible = self.model_fields_set, self.responsible
        if "id" not in said:
            yield "external_id"
        if "responsible" not in said and ("responsible_id" not in said or self.responsible_id is not None):
            yield "responsible"
        is_somebody = responsible is not None and responsible.id is None
        if "responsible_id" not in said and ("responsible" not in said or is_somebody):
            yield "responsible_external_id"

    def participation_record(
        self,
        external_id: str,
        status: Status | None,
        *,
        send_lifecycle_notifications: bool = False,
        send_reminder_notification: bool = False,
    ) -> ParticipationRecord:
        """This user's participation, with this id."""
        return ParticipationRecord.of(
            external_id,
            self.record(),
            self.responsible.record() if self.responsible is not None else None,
            usager_external_id=self.id,
            responsible_external_id=self.reached_id,
            status=status,
            send_lifecycle_notifications=send_lifecycle_notifications,
            send_reminder_notification=send_reminder_notification,
        )


_NOBODY = User.model_validate(dict.fromkeys(User.model_fields))


class UserProfile(Payload):
    """The fact that a user belongs to an organisation. It has no id of its own."""

    user: Identified


class ParticipationPayload(Payload):
    """One user's participation in an Rdv; the user may be null."""

    id: _RequiredIdentifier
    status: _Status = None
    send_lifecycle_notifications: _Flag = None
    send_reminder_notification: _Flag = None
    user: Annotated[User | None, BeforeValidator(_object)] = None

    def record(self) -> ParticipationRecord:
        user = self.user
        if user is None:
            user = _NOBODY if "user" in self.model_fields_set else User()
        return user.participation_record(
            self.id,
            self.status,
            send_lifecycle_notifications=self.send_lifecycle_notifications is True,
            send_reminder_notification=self.send_reminder_notification is True,
        )


class OrganisationPayload(Payload):
    """The organisation of an Rdv."""

    id: _Identifier = None
    name: _Line = None
    phone_number: _Telephone = None
    email: _Email = None
    verticale: _Line = None
    time_zone: Annotated[str | None, BeforeValidator(_time_zone)] = None

    def record(self) -> OrganisationRecord | None:
        if self.id is None:
            return None
        return OrganisationRecord(
            self.id, self.name, self.phone_number, self.email, self.verticale, time_zone=self.time_zone
        )


class Motif(Payload):
    """The motif of an Rdv, without its name."""

    id: _Identifier = None
    service_id: _Identifier = None
    location_type: _Line = None
    collectif: _Flag = None
    bookable_by: _Line = None
    bookable_publicly: _Flag = None  # in versions before `bookable_by`

    def record(self) -> MotifRecord:
        location = self.location_type or LocationType.PUBLIC_OFFICE
        everyone = self.bookable_by == "everyone" if self.bookable_by is not None else self.bookable_publicly is True
        return MotifRecord(
            external_id=self.id,
            service_id=self.service_id,
            location_type=LocationType(location) if location in list(LocationType) else LocationType.PUBLIC_OFFICE,
            bookable_by_everyone=everyone,
        )


class Lieu(Payload):
    """The place of an Rdv."""

    name: _Line = None
    address: _Line = None
    phone_number: _Telephone = None

    def record(self) -> PlaceRecord:
        return PlaceRecord(self.name, self.address, self.phone_number)


class Rdv(Payload):
    """An appointment."""

    id: _RequiredIdentifier
    uuid: _Identifier = None
    status: _Status = None
    starts_at: Annotated[datetime, BeforeValidator(times.instant)]
    ends_at: _Instant = None
    created_at: _Instant = None
    time_zone: Annotated[str | None, BeforeValidator(_time_zone)] = None
    address: _Line = None
    collectif: _Flag = None
    max_participants_count: _Count = None
    organisation: Annotated[OrganisationPayload | None, BeforeValidator(_object)] = None
    motif: Annotated[Motif | None, BeforeValidator(_object)] = None
    lieu: Annotated[Lieu | None, BeforeValidator(_object)] = None
    participations: Annotated[list[ParticipationPayload] | None, BeforeValidator(_objects)] = None
    users: Annotated[list[User] | None, BeforeValidator(_objects)] = None  # in versions before `participations`

    def participation_records(self) -> tuple[ParticipationRecord, ...]:
        """Its participations.

        If there are only `users`, each has the status of the Rdv, and an id made from both ids.
        """
        if self.participations is not None:
            return tuple(participation.record() for participation in self.participations)
        return tuple(
            user.participation_record(f"{self.id}:{user.id}", self.status)
            for user in self.users or ()
            if user.id is not None
        )


def unusable(rdv: Mapping[str, Any]) -> Iterator[tuple[str, Unusable]]:
    """The telephone numbers and e-mail addresses in an Rdv that cannot be used, each with its person's place in it."""
    for place, person in _people(rdv):
        record = read_payload(Person, person, place).record()
        if record.phone is None and any(texts.is_something(person.get(name)) for name in _PHONES):
            yield place, Unusable.PHONE
        if record.email is None and texts.is_something(person.get("email")) and not texts.is_erased(person["email"]):
            yield place, Unusable.EMAIL


def _people(rdv: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All people in an Rdv, including responsible persons, each with their place in it."""
    listed = "participations" if isinstance(rdv.get("participations"), list) else "users"
    entries = rdv.get(listed)
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        place, user = f"{listed}.{number}", entry
        if listed == "participations" and isinstance(entry, dict):
            place, user = f"{place}.user", entry.get("user")
        if isinstance(user, dict):
            yield place, user
            if isinstance(user.get("responsible"), dict):
                yield f"{place}.responsible", user["responsible"]


_P = TypeVar("_P", bound=Payload)


def read_payload(model: type[_P], value: object, name: str) -> _P:
    """Read `value` as `model`.

    If that fails, raises MalformedPayload with a sentence that calls the value `name`.
    """
    if not isinstance(value, Mapping):
        raise MalformedPayload(f"{name} is not an object.")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise MalformedPayload(_sentence(name, error)) from None


def _sentence(name: str, error: ValidationError) -> str:
    """A sentence about the first mistake and its place. It does not quote the value, which may be personal."""
    problem: Mapping[str, Any] = error.errors(include_url=False, include_input=False)[0]
    place = ".".join((name, *(str(part) for part in problem["loc"])))
    return f"{place} {problem.get('ctx', {}).get('error', 'is missing')}."
