"""The people of a participation: what is known of them, and what an event changes, without the database.

There are up to two: the usager, and the responsible person through whom they are reached. An event may be about one of
them, about some of their fields only, and it may come late. So each person has the time of the newest event about them.
Older events change nothing about them; events of the same second apply in the order in which they arrive. A field that
an event leaves out stays as it is. A field that is null or unusable is emptied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from smsbot.model import ParticipationRecord, PersonRecord, UsagerRecord
from smsbot.rules.letters import fold_all

UNSEEN = frozenset({"own", "person_event_at", "responsible_event_at", "held_until"})
"""Columns that nobody sees. Most of them only serve to compute the others."""

_PERSON = tuple(each.name for each in fields(PersonRecord) if each.name not in ("unsaid", "anonymised"))


@dataclass(frozen=True, slots=True)
class People:
    """The usager and, where there is one, the responsible person, with their ids at the source.

    The times are those of the newest events about them, in UTC; None where there was none, as with a file.
    """

    external_id: str | None = None
    person: PersonRecord = field(default_factory=PersonRecord)
    responsible_external_id: str | None = None
    responsible: PersonRecord | None = None
    person_event_at: datetime | None = None
    responsible_event_at: datetime | None = None

    @classmethod
    def known(cls, row: Mapping[str, Any] | None) -> People:
        """The people in a row of `participations`; empty where there is no row yet."""
        if row is None:
            return cls()
        own = dict(row["own"] or {})
        responsible = own.pop("responsible", None)
        return cls(
            external_id=row["usager_external_id"],
            person=PersonRecord(**own) if own else _alone(row),
            responsible_external_id=row["responsible_external_id"],
            responsible=PersonRecord(**responsible) if responsible is not None else None,
            person_event_at=row["person_event_at"],
            responsible_event_at=row["responsible_event_at"],
        )

    @property
    def is_nobody(self) -> bool:
        """Whether neither a name nor a number nor an address is known."""
        people = (self.person,) if self.responsible is None else (self.person, self.responsible)
        return not any(value for each in people for value in (each.first_name, each.last_name, each.phone, each.email))

    def columns(self) -> dict[str, Any]:
        """The values for the columns of `participations`. `own` has what the other columns leave out."""
        reached = _reached(ParticipationRecord.of("", self.person, self.responsible))
        is_told = self.responsible is None and _alone(reached) == self.person
        responsible = _stored(self.responsible) if self.responsible is not None else None
        return {
            **reached,
            "usager_external_id": self.external_id,
            "responsible_external_id": self.responsible_external_id,
            "own": None if is_told else {**_stored(self.person), "responsible": responsible},
            "person_event_at": self.person_event_at,
            "responsible_event_at": self.responsible_event_at,
        }

    def told_with(self, participation: ParticipationRecord, event_at: datetime | None) -> People:
        """These people after an event at `event_at` (UTC) about their participation."""
        told = UsagerRecord(
            external_id=participation.usager_external_id or "",
            person=participation.own,
            responsible_external_id=participation.responsible_external_id,
            responsible=participation.responsible,
        )
        return self._told(told, participation.usager_external_id, event_at)

    def told(self, usager: UsagerRecord, event_at: datetime | None) -> People:
        """These people after an event at `event_at` (UTC) about one of them only."""
        if usager.external_id == self.external_id:
            return self._told(usager, usager.external_id, event_at)
        if usager.external_id != self.responsible_external_id:
            return self
        return self._responsible_told(usager.person, event_at)

    def without_responsible(self) -> People:
        """These people without the responsible person."""
        return replace(self, responsible_external_id=None, responsible=None, responsible_event_at=None)

    def _told(self, told: UsagerRecord, external_id: str | None, event_at: datetime | None) -> People:
        unsaid = told.person.unsaid
        is_late = _is_older(event_at, self.person_event_at)
        if "external_id" in unsaid:
            external_id = self.external_id
        elif self.external_id not in (None, external_id):  # another person, of whom nothing is known
            return self if is_late else People()._told(told, external_id, event_at)
        relation = told.responsible_external_id
        if "responsible_external_id" in unsaid:
            relation = self.responsible_external_id
        is_same = relation == self.responsible_external_id
        if is_late and not is_same:
            return self
        people = self if is_same else self.without_responsible()
        if not is_late:
            says_nothing = unsaid.issuperset((*_PERSON, "responsible_external_id"))
            people = replace(
                people,
                external_id=external_id,
                person=_said(told.person, people.person),
                responsible_external_id=relation,
                person_event_at=_newest(event_at, people.person_event_at, says_nothing=says_nothing),
            )
        return people if "responsible" in unsaid else people._responsible_told(told.responsible, event_at)

    def _responsible_told(self, told: PersonRecord | None, event_at: datetime | None) -> People:
        if _is_older(event_at, self.responsible_event_at):
            return self
        if told is None:
            return replace(self, responsible=None, responsible_event_at=None)
        return replace(
            self,
            responsible=_said(told, self.responsible or PersonRecord()),
            responsible_event_at=_newest(
                event_at, self.responsible_event_at, says_nothing=told.unsaid.issuperset(_PERSON)
            ),
        )


def _said(told: PersonRecord, known: PersonRecord) -> PersonRecord:
    """The person as the source gives them. Fields that it leaves out stay as they are."""
    return PersonRecord(**{name: getattr(known if name in told.unsaid else told, name) for name in _PERSON})


def _stored(person: PersonRecord) -> dict[str, Any]:
    return {name: getattr(person, name) for name in _PERSON}


def _is_older(event_at: datetime | None, newest: datetime | None) -> bool:
    return event_at is not None and newest is not None and event_at < newest


def _newest(event_at: datetime | None, newest: datetime | None, *, says_nothing: bool) -> datetime | None:
    return newest if says_nothing or event_at is None else event_at


def _reached(record: ParticipationRecord) -> dict[str, Any]:
    return {
        "first_name": record.first_name,
        "last_name": record.last_name,
        "surnames": list(record.surnames),
        "first_names": list(record.first_names),
        "folded_names": fold_all((*record.surnames, *record.first_names)),
        "phone": record.phone,
        "email": record.email,
        "notify_by_sms": record.notify_by_sms,
        "notify_by_email": record.notify_by_email,
    }


def _alone(columns: Mapping[str, Any]) -> PersonRecord:
    """The usager in these columns, if no responsible person is reached instead."""
    return PersonRecord(
        first_name=columns["first_name"],
        last_name=columns["last_name"],
        birth_name=next((name for name in columns["surnames"] if name != columns["last_name"]), None),
        phone=columns["phone"],
        email=columns["email"],
        notify_by_sms=columns["notify_by_sms"],
        notify_by_email=columns["notify_by_email"],
    )
