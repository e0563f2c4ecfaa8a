"""The places and labels of an agent's appointments: to choose one of them, and to search for them.

A label often comes from `smsbot.toml` and not from the appointment, so SQL does not know it. But there are only few
combinations of organisation, motif, service and place. They are read once, and a label becomes a condition on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, or_, select, tuple_

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import GivenAgent, PreparedForAgents, within_reach
from smsbot.appointments.appointment import ELSEWHERE, place_key
from smsbot.appointments.terms import TermsBook, told_label
from smsbot.rules.letters import fold_for_search
from smsbot.store.tables import UtcDateTime, appointments, organisations

LabelKey: TypeAlias = tuple[int, str, str, str]
"""Our id of the organisation, and the appointment's own label, motif and service; empty where there is none."""

_LABEL_KEY = (
    appointments.c.organisation_id,
    func.coalesce(appointments.c.label, ""),
    func.coalesce(appointments.c.motif_external_id, ""),
    func.coalesce(appointments.c.service_external_id, ""),
)

NO_APPOINTMENT: ColumnElement[bool] = appointments.c.id == 0
"""A condition on `appointments` that none meets. It uses an index; for a plain `false` the engines read all rows."""


@dataclass(frozen=True, slots=True)
class Matter:
    """A combination of a place (see `appointments.appointment.place_key`) and a label that appointments have."""

    place: str
    label: str
    key: LabelKey


@dataclass(frozen=True, slots=True)
class Matters:
    """All places and labels of the agent's appointments in the time that was asked for."""

    all: Sequence[Matter]

    @property
    def places(self) -> list[str]:
        """The keys of the places in alphabetical order, with those outside a public office last."""
        return sorted({each.place for each in self.all if each.place}, key=lambda place: (place[0] == ELSEWHERE, place))

    @property
    def labels(self) -> list[str]:
        return sorted({each.label for each in self.all})

    def has_label(self, label: str) -> ColumnElement[bool]:
        """A condition on `appointments`: those with exactly this label."""
        return _any_of({each.key for each in self.all if each.label == label})

    def mentions(self, parts: Sequence[str]) -> ColumnElement[bool] | None:
        """A condition on `appointments`: each of `parts` (folded) is in the place's name or in the label.

        None where no appointment meets it.
        """
        met = list(self.all)
        for part in parts:
            met = [each for each in met if part in _folded(each)]
        if not met:
            return None
        by_place: dict[str, set[LabelKey]] = {}
        for each in met:
            by_place.setdefault(each.place, set()).add(each.key)
        return or_(*((place_key() == place) & _any_of(keys) for place, keys in by_place.items()))


def _folded(matter: Matter) -> str:
    named = "" if matter.place.startswith(ELSEWHERE) else matter.place
    return f"{fold_for_search(named)} {fold_for_search(matter.label)}"


def _any_of(keys: set[LabelKey]) -> ColumnElement[bool]:
    return tuple_(*_LABEL_KEY).in_(sorted(keys)) if keys else NO_APPOINTMENT


def read_matters(
    connection: Connection, terms_book: TermsBook, agent: Agent, starts_from: datetime, starts_to: datetime | None
) -> Matters:
    """The places and labels of appointments that start at `starts_from` or later and before `starts_to`, if given."""
    between = {"starts_from": starts_from, "starts_to": _NEVER if starts_to is None else starts_to}
    found = []
    for row in _COMBINED.rows(connection, agent, between):
        organisation_id, label, motif, service, place, source, external_id, verticale = row
        rules = terms_book.policy.rules_for(
            source, organisation=external_id, service=service or None, motif=motif or None, verticale=verticale
        )
        found.append(Matter(place, told_label(label or None, rules), (organisation_id, label, motif, service)))
    return Matters(found)


_NEVER = datetime.max.replace(tzinfo=UTC)


def _combined(agent: GivenAgent) -> Select[Any]:
    starts_from, starts_to = (bindparam(name, type_=UtcDateTime()) for name in ("starts_from", "starts_to"))
    conditions = (within_reach(agent), appointments.c.starts_at >= starts_from, appointments.c.starts_at < starts_to)
    combined = select(*_LABEL_KEY, place_key().label("place")).where(*conditions).distinct().subquery()
    return select(
        *combined.c, organisations.c.source, organisations.c.external_id, organisations.c.verticale
    ).join_from(combined, organisations, organisations.c.id == combined.c.organisation_id)


_COMBINED = PreparedForAgents(_combined)
