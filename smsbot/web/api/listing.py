"""The list of appointments: its filters, its order, and how one page leads to the next.

A page ends with the position of its last appointment, and the next one begins behind that position, not behind a number
of rows. So whatever comes, goes or moves meanwhile, nothing that is in the list all the time is missed or shown twice,
as long as the order is one in which appointments keep their place: that of our ids. With `changed_since` it is that of
their changes, where one that changes meanwhile comes again at the end.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from sqlalchemy import ColumnElement, Connection, select, tuple_

from smsbot.agents.accounts import Agent, within_reach
from smsbot.model import Status
from smsbot.store.tables import appointments, participations
from smsbot.web.api.fields import FirstInstant, LastInstant, QueriedIdentifier, QueriedPhone
from smsbot.web.api.resources import AppointmentResource, read_appointments

MOST_IN_A_PAGE = 200
_IN_A_PAGE = 100

_NO_CURSOR = "is not a cursor of this list"


@dataclass(frozen=True, slots=True)
class ListPosition:
    """Where a page ends. `changed_at` is None in a list that goes by ids."""

    appointment_id: int
    changed_at: datetime | None

    def cursor(self) -> str:
        changed_at = self.changed_at.isoformat() if self.changed_at is not None else ""
        return base64.urlsafe_b64encode(f"{self.appointment_id} {changed_at}".encode()).decode().rstrip("=")

    @classmethod
    def read(cls, cursor: str) -> ListPosition:
        """Raises ValueError for what is not a cursor, to the letter."""
        try:
            written = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            appointment_id, _, changed_at = written.partition(" ")
            position = cls(int(appointment_id), datetime.fromisoformat(changed_at) if changed_at else None)
        except (binascii.Error, ValueError):
            raise ValueError(_NO_CURSOR) from None
        if position.cursor() != cursor or not 0 < position.appointment_id < 2**63:
            raise ValueError(_NO_CURSOR)
        return position


Cursor = Annotated[
    ListPosition, BeforeValidator(ListPosition.read), WithJsonSchema({"type": "string", "maxLength": 200})
]


class ListQuery(BaseModel):
    """The query parameters of the list; all that are given have to be met."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    external_id: Annotated[QueriedIdentifier | None, Field(description="The appointment's id at its source.")] = None
    phone: Annotated[
        QueriedPhone | None, Field(description="The number that one of its usagers is reached at, in any spelling.")
    ] = None
    starts_from: Annotated[
        FirstInstant | None,
        Field(alias="from", description="It starts then or later. A day begins at midnight in Paris."),
    ] = None
    starts_to: Annotated[
        LastInstant | None,
        Field(alias="to", description="It starts before then. A day ends at midnight in Paris."),
    ] = None
    status: Annotated[Status | None, Field(description="The status of the appointment as a whole.")] = None
    changed_since: Annotated[
        FirstInstant | None,
        Field(
            description="It has changed then or later, and the list is in the order of changes. Whoever polls asks "
            "from a minute before the newest `changed_at` seen so far: of two changes made at the same time one can be "
            "seen a moment before the other."
        ),
    ] = None
    limit: Annotated[int, Field(ge=1, le=MOST_IN_A_PAGE, description="How many at most in one page.")] = _IN_A_PAGE
    cursor: Annotated[Cursor | None, Field(description="Where to go on, as in `next`.")] = None

    @model_validator(mode="after")
    def _cursor_of_this_list(self) -> ListQuery:
        by_change = self.changed_since is not None
        if self.cursor is not None and (self.cursor.changed_at is not None) is not by_change:
            raise ValueError(f"cursor {_NO_CURSOR}")
        return self

    def conditions(self) -> list[ColumnElement[bool]]:
        """What `appointments` has to meet, for this page."""
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
        if self.cursor is not None:
            conditions.append(self._behind(self.cursor))
        return conditions

    def _behind(self, position: ListPosition) -> ColumnElement[bool]:
        if position.changed_at is None:
            return appointments.c.id > position.appointment_id
        place = tuple_(appointments.c.changed_at, appointments.c.id)
        return place > tuple_(position.changed_at, position.appointment_id)


def find_page(
    connection: Connection, agent: Agent, query: ListQuery
) -> tuple[list[AppointmentResource], ListPosition | None]:
    """One page of what the agent may see, and the position it goes on from; None at the end."""
    by_change = query.changed_since is not None
    order = (appointments.c.changed_at, appointments.c.id) if by_change else (appointments.c.id,)
    rows = connection.execute(
        select(appointments.c.id, appointments.c.changed_at)
        .where(within_reach(agent), *query.conditions())
        .order_by(*order)
        .limit(query.limit + 1)
    ).all()
    page = rows[: query.limit]
    found = read_appointments(connection, [row.id for row in page])
    if len(rows) <= query.limit:
        return found, None
    return found, ListPosition(page[-1].id, page[-1].changed_at if by_change else None)
