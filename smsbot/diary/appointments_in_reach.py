"""The appointments of an agent's organisations, with all their participations, for the agents' API.

They are returned as rows of the database, which the API writes as JSON. Objects would only be taken apart again.

A page ends with the position of its last appointment, and the next page begins after this position, not after a number
of rows. So no appointment is missed or shown twice, even if rows come, go or move in the meantime. The order is that of
our ids. With `changed_since` it is the order of changes, and an appointment that changes in the meantime comes again at
the end.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, select, tuple_

from smsbot.agents.accounts import Agent
from smsbot.agents.permissions import within_reach
from smsbot.model import Status
from smsbot.signing import unpadded_base64
from smsbot.store.tables import appointments, organisations, participations


@dataclass(frozen=True, slots=True)
class ListPosition:
    """Where a page ends: at the row with this id (our own). `at` is None if the list is sorted only by our ids."""

    row_id: int
    at: datetime | None

    def cursor(self) -> str:
        """The position as a text that `read` can read."""
        at = self.at.isoformat() if self.at is not None else ""
        return unpadded_base64(f"{self.row_id} {at}".encode())

    @classmethod
    def read(cls, cursor: str) -> ListPosition:
        """The position in a text from `cursor`. Raises ValueError for any other text."""
        try:
            written = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            row_id, _, at = written.partition(" ")
            position = cls(int(row_id), datetime.fromisoformat(at) if at else None)
        except (binascii.Error, ValueError):
            raise ValueError("is not a cursor of this list") from None
        if position.cursor() != cursor or not 0 < position.row_id < 2**63:
            raise ValueError("is not a cursor of this list")
        return position


@dataclass(frozen=True, slots=True)
class AppointmentFilter:
    """What the appointments of a list must meet; None means no condition. Times are aware.

    `external_id` is the source's; `phone` (E.164) is the number of one of the participations. Appointments start at
    `starts_from` or later, and before `starts_to`. With `changed_since` the list is in the order of changes.
    """

    external_id: str | None = None
    phone: str | None = None
    starts_from: datetime | None = None
    starts_to: datetime | None = None
    status: Status | None = None
    changed_since: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        columns = appointments.c
        conditions: list[ColumnElement[bool]] = [columns.destroyed_at.is_(None)]
        if self.external_id is not None:
            conditions.append(columns.external_id == self.external_id)
        if self.phone is not None:
            reached = (participations.c.phone == self.phone) & participations.c.removed_at.is_(None)
            conditions.append(columns.id.in_(select(participations.c.appointment_id).where(reached)))
        if self.starts_from is not None:
            conditions.append(columns.starts_at >= self.starts_from)
        if self.starts_to is not None:
            conditions.append(columns.starts_at < self.starts_to)
        if self.status is not None:
            conditions.append(columns.status == self.status.value)
        if self.changed_since is not None:
            conditions.append(columns.changed_at >= self.changed_since)
        return conditions


@dataclass(frozen=True, slots=True)
class AppointmentRows:
    """A row of `appointments` with its organisation's columns (`organisation_name`…), and its participations' rows."""

    appointment: RowMapping
    participations: Sequence[RowMapping]


def find_page(
    connection: Connection, agent: Agent, wanted: AppointmentFilter, after: ListPosition | None, limit: int
) -> tuple[list[AppointmentRows], ListPosition | None]:
    """One page of the appointments that the agent may see, and where the next page begins; None at the end."""
    by_change = wanted.changed_since is not None
    order = (appointments.c.changed_at, appointments.c.id) if by_change else (appointments.c.id,)
    conditions = wanted.conditions() if after is None else [*wanted.conditions(), _behind(after)]
    rows = connection.execute(
        select(appointments.c.id, appointments.c.changed_at)
        .where(within_reach(agent), *conditions)
        .order_by(*order)
        .limit(limit + 1)
    ).all()
    page = rows[:limit]
    found = read_appointments(connection, [row.id for row in page])
    if len(rows) <= limit:
        return found, None
    return found, ListPosition(page[-1].id, page[-1].changed_at if by_change else None)


def read_appointments(connection: Connection, ids: Sequence[int]) -> list[AppointmentRows]:
    """The appointments with these ids (our own), in their order, in two queries. All must have an organisation."""
    if not ids:
        return []
    rows = {row["id"]: row for row in connection.execute(_APPOINTMENTS.where(appointments.c.id.in_(ids))).mappings()}
    parts: dict[int, list[RowMapping]] = {}
    these = participations.c.appointment_id.in_(ids) & participations.c.removed_at.is_(None)
    for part in connection.execute(select(participations).where(these).order_by(participations.c.id)).mappings():
        parts.setdefault(part["appointment_id"], []).append(part)
    return [AppointmentRows(rows[each], parts.get(each, ())) for each in ids]


@dataclass(frozen=True, slots=True)
class KnownAppointment:
    """An appointment that was looked up by its id at the source. `id` is ours.

    `is_within_reach` says that it is in one of the agent's organisations, `is_destroyed` that its source destroyed it.
    """

    id: int
    is_within_reach: bool
    is_destroyed: bool


def find_of_source(connection: Connection, agent: Agent, source: str, external_id: str) -> KnownAppointment | None:
    """The appointment with this id at its source, in whichever organisation; None where it is unknown here."""
    this = (appointments.c.source == source) & (appointments.c.external_id == external_id)
    columns = (appointments.c.id, within_reach(agent), appointments.c.destroyed_at)
    row = connection.execute(select(*columns).where(this)).one_or_none()
    if row is None:
        return None
    return KnownAppointment(row[0], bool(row[1]), row[2] is not None)  # NULL: no organisation


def _behind(position: ListPosition) -> ColumnElement[bool]:
    if position.at is None:
        return appointments.c.id > position.row_id
    place = tuple_(appointments.c.changed_at, appointments.c.id)
    return place > tuple_(position.at, position.row_id)


_APPOINTMENTS = select(
    appointments, *(column.label(f"organisation_{column.name}") for column in organisations.c if column.name != "id")
).join(organisations)
