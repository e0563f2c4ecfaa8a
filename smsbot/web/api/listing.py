"""The query parameters of the list of appointments, and how they are described."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from smsbot.diary.appointments_in_reach import AppointmentFilter, ListPosition
from smsbot.model import Status
from smsbot.web.api.fields import FirstInstant, LastInstant, QueriedIdentifier, QueriedPhone

MOST_IN_A_PAGE = 200
_IN_A_PAGE = 100


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
            raise ValueError("cursor is not a cursor of this list")
        return self

    def filter(self) -> AppointmentFilter:
        return AppointmentFilter(**self.model_dump(exclude={"limit", "cursor"}))
