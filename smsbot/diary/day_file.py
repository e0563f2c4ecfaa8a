"""The list of appointments as CSV for spreadsheets: a line for each person, in the words of `diary_csv.txt`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from smsbot.appointments.appointment import Appointment
from smsbot.diary.entries import AppointmentEntry, ParticipationEntry
from smsbot.messages.french_dates import local
from smsbot.messages.telephone import telephone_display
from smsbot.model import LocationType
from smsbot.spreadsheets import to_french_csv_text

MOST_IN_A_FILE = 5000
"""The most appointments in one file."""

COLUMNS = (
    "day",
    "hour",
    "last_name",
    "first_name",
    "phone",
    "email",
    "label",
    "place",
    "organisation",
    "state",
    "announced",
    "undelivered",
    "stopped",
    "number",
)


def diary_csv(entries: Sequence[AppointmentEntry], words: Mapping[str, str], *, is_whole: bool) -> str:
    """The text of the file. `words` are those for headings, states and places.

    If `is_whole` is False, a last line says that appointments are missing. Raises KeyError for a missing word.
    """
    lines = [line for entry in entries for line in _lines(entry, words)]
    rows = [[line.get(name, "") for name in COLUMNS] for line in lines]
    if not is_whole:
        rows.append([words["more"]])
    return to_french_csv_text([words[name] for name in COLUMNS], rows)


def _lines(entry: AppointmentEntry, words: Mapping[str, str]) -> Iterator[dict[str, str]]:
    appointment, there = entry.appointment, local(entry.appointment.starts_at, entry.terms.time_zone)
    organisation = appointment.organisation
    whole = {
        "day": f"{there:%d/%m/%Y}",
        "hour": f"{there:%H:%M}",
        "label": entry.terms.label,
        "place": _place(appointment, words),
        "organisation": "" if organisation is None else organisation.name or organisation.external_id,
        "number": appointment.external_id,
    }
    if not entry.participations:
        yield whole
    for each in entry.participations:
        yield whole | _person(each, entry, words)


def _person(each: ParticipationEntry, entry: AppointmentEntry, words: Mapping[str, str]) -> dict[str, str]:
    announced = each.announced_at if each.is_coming and not each.is_requested else None
    undelivered = any(one.participation_id == each.id for one in entry.undelivered)
    return {
        "last_name": each.last_name or "",
        "first_name": each.first_name or "",
        "phone": telephone_display(each.phone) or "",
        "email": each.email or "",
        "state": words["requested"] if each.is_requested else words[each.status.value],
        "announced": "" if announced is None else f"{local(announced, entry.terms.time_zone):%d/%m/%Y %H:%M}",
        "undelivered": words["yes"] if undelivered else "",
        "stopped": words["yes"] if each.opted_out_at is not None else "",
    }


def _place(appointment: Appointment, words: Mapping[str, str]) -> str:
    if appointment.location_type is LocationType.PUBLIC_OFFICE:
        return appointment.place_name or ""
    return words[f"at_{appointment.location_type.value}"]
