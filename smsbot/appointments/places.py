"""Where appointments take place, as one text that lists and figures are made by."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Text, case, func, literal

from smsbot.model import LocationType
from smsbot.store.tables import appointments

ELSEWHERE = "@"
"""The first sign of the key of what takes place in no public office: `@phone`, `@visio`, `@home`."""


def place_key() -> ColumnElement[str]:
    """In SQL: the name of the public office, empty where it has none; else `ELSEWHERE` and the location type.

    Whatever a source gives as the place of an appointment at home or by telephone may be where somebody lives. It is
    never part of the key.
    """
    is_office = appointments.c.location_type == LocationType.PUBLIC_OFFICE.value
    name = func.coalesce(appointments.c.place_name, "")
    return case((is_office, name), else_=literal(ELSEWHERE, Text()) + appointments.c.location_type)
