"""Appointments in CSV, one row for each participation. `smsbot import --help` lists the columns; they may be in any
order.

Rows with the same `external_id` are the participations of one appointment. If there are several, the appointment is
taken as a collective one, in which everybody cancels only for themselves: to cancel a workshop for all because one
person cannot come would be the worse mistake. A file does not tell an appointment's status, so an import does not
change it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from smsbot.model import (
    DEFAULT_TIME_ZONE,
    AppointmentRecord,
    OrganisationRecord,
    ParticipationRecord,
    PersonRecord,
    PlaceRecord,
)
from smsbot.problem import Problem
from smsbot.sources import phone_numbers, texts, times
from smsbot.sources.file_lines import (
    DELIMITERS,
    CsvRow,
    FileEntry,
    Read,
    RefusedLine,
    TakenWithout,
    UnreadableFile,
    Unusable,
    lines_of,
    rows_of,
)

COLUMNS = (
    "external_id",
    "starts_at",
    "time_zone",
    "last_name",
    "first_name",
    "phone",
    "email",
    "organisation_id",
    "organisation_name",
    "organisation_phone",
    "place",
    "label",
)
_REQUIRED = ("external_id", "starts_at")
_REACHED = frozenset({"phone", "email"})


def read_csv(content: bytes) -> Iterator[FileEntry]:
    """First what is refused or left out, then the appointments, each in the order of the file.

    Raises UnreadableFile.
    """
    lines = lines_of(content)
    rows = rows_of(lines, _delimiter(lines))
    header = next(rows, None)
    if not isinstance(header, CsvRow) or not all(name in _names(header.cells) for name in _REQUIRED):
        raise UnreadableFile(f"The file is neither JSON nor CSV with the columns {' and '.join(_REQUIRED)}.")
    return _read_rows(rows, _names(header.cells))


@dataclass(frozen=True, slots=True)
class _Line:
    """One row that could be read."""

    number: int
    external_id: str
    starts_at: datetime
    time_zone: str | None
    person: PersonRecord
    organisation: OrganisationRecord | None
    place: PlaceRecord | None
    label: str | None
    left_out: Sequence[Unusable]


class _BadRow(Problem):
    """Why a row cannot be taken, and the id of its appointment where that can be read."""

    def __init__(self, reason: str, external_id: str | None = None) -> None:
        super().__init__(reason)
        self.external_id = external_id


def _read_rows(rows: Iterable[CsvRow | RefusedLine], names: Sequence[str]) -> Iterator[FileEntry]:
    appointments: dict[str, list[_Line]] = {}
    incomplete: set[str | None] = set()
    for row in rows:
        if isinstance(row, RefusedLine):
            yield row
            continue
        try:
            line = _line(row, names)
            first = appointments.get(line.external_id, [line])[0]
            if first.starts_at != line.starts_at:
                reason = f"starts_at differs from line {first.number}, which has the same external_id."
                raise _BadRow(reason, line.external_id)
        except _BadRow as bad:
            incomplete.add(bad.external_id)
            yield RefusedLine(f"line {row.line}", bad.sentence)
        else:
            appointments.setdefault(line.external_id, []).append(line)
            yield from (TakenWithout(f"line {row.line}", what) for what in line.left_out)
    for external_id, lines in appointments.items():
        yield Read(f"line {lines[0].number}", _appointment(lines, complete=external_id not in incomplete))


def _line(row: CsvRow, names: Sequence[str]) -> _Line:
    if any(cell.strip() for cell in row.cells[len(names) :]):
        raise _BadRow(f"The row has {len(row.cells)} fields, the header {len(names)}.")
    # If two columns have the same name, the first one counts.
    cells = dict(reversed(list(zip(names, row.cells, strict=False))))
    external_id = texts.identifier(cells.get("external_id"))
    if external_id is None:
        missing = not cells.get("external_id", "").strip()
        raise _BadRow(f"external_id is {'missing' if missing else 'too long'}.")
    zone = _zone(cells.get("time_zone", ""), external_id)
    try:
        starts_at = times.local_instant(cells.get("starts_at", ""), zone or ZoneInfo(DEFAULT_TIME_ZONE))
    except times.UnreadableTime as error:
        raise _BadRow(f"starts_at {error.sentence}.", external_id) from None
    place, person = texts.line(cells.get("place")), _person(cells, names)
    return _Line(
        number=row.line,
        external_id=external_id,
        starts_at=starts_at,
        time_zone=zone.key if zone is not None else None,
        person=person,
        organisation=_organisation(cells),
        place=PlaceRecord(name=place) if place is not None else None,
        label=texts.line(cells.get("label")),
        left_out=list(_left_out(cells, person)),
    )


def _person(cells: Mapping[str, str], names: Sequence[str]) -> PersonRecord:
    """The person of a row. Where the file has no column for a number or an address, the known one stays."""
    return PersonRecord(
        first_name=texts.name(cells.get("first_name")),
        last_name=texts.name(cells.get("last_name")),
        phone=phone_numbers.normalise(cells.get("phone")),
        email=texts.email(cells.get("email")),
        unsaid=_REACHED.difference(names),
    )


def _left_out(cells: Mapping[str, str], person: PersonRecord) -> Iterator[Unusable]:
    email = cells.get("email")
    if person.phone is None and texts.is_something(cells.get("phone")):
        yield Unusable.PHONE
    if person.email is None and texts.is_something(email) and not texts.is_erased(email):
        yield Unusable.EMAIL


def _zone(cell: str, external_id: str) -> ZoneInfo | None:
    name = texts.line(cell)
    zone = times.zone(name) if name is not None else None
    if name is not None and zone is None:
        raise _BadRow("time_zone is not a name such as Europe/Paris or Indian/Reunion.", external_id)
    return zone


def _organisation(cells: Mapping[str, str]) -> OrganisationRecord | None:
    """The organisation of a row. Without an id, its name serves as the id."""
    name = texts.line(cells.get("organisation_name"))
    external_id = texts.identifier(cells.get("organisation_id")) or texts.identifier(name)
    if external_id is None:
        return None
    return OrganisationRecord(external_id, name, texts.line(cells.get("organisation_phone"), longest=40))


def _appointment(lines: Sequence[_Line], *, complete: bool) -> AppointmentRecord:
    first = lines[0]
    names = Counter(_folded(line.person) for line in lines)
    people = {_participation_id(line, namesakes=names[_folded(line.person)] > 1): line.person for line in lines}
    return AppointmentRecord(
        external_id=first.external_id,
        starts_at=first.starts_at,
        organisation=first.organisation,
        time_zone=first.time_zone,
        collective=True if len(people) > 1 else None,
        label=first.label,
        place=first.place,
        participations=tuple(_participation(external_id, person) for external_id, person in people.items()),
        participations_complete=complete,
    )


def _participation(external_id: str, person: PersonRecord) -> ParticipationRecord:
    """The participation of a person.

    Files do not say who wants messages, so everybody with a number or address gets them.
    """
    return ParticipationRecord.of(
        external_id, person, send_lifecycle_notifications=True, send_reminder_notification=True
    )


def _participation_id(line: _Line, *, namesakes: bool) -> str:
    """An id that stays the same when the file is imported again.

    The rows may then be in another order, somebody may have another number, or more people may be there. So the id is
    made of the name, and of number and address only where several people have the same name.
    """
    person = line.person
    parts = [_folded(person)]
    if namesakes or not parts[0]:
        parts += [person.phone or "", person.email or ""]
    return f"{line.external_id}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def _folded(person: PersonRecord) -> str:
    """The name without case, accents and signs."""
    name = unicodedata.normalize("NFKD", f"{person.last_name or ''}/{person.first_name or ''}".casefold())
    return "".join(character for character in name if character.isalnum() or character == "/").strip("/")


def _delimiter(lines: Sequence[str | None]) -> str:
    """The delimiter that yields the most known columns in the first line that is not blank."""
    header = next((line for line in lines if line and line.strip()), "")
    return max(DELIMITERS, key=lambda delimiter: len(_known(header, delimiter)))


def _known(header: str, delimiter: str) -> set[str]:
    first = next(rows_of([header], delimiter), None)
    return set(_names(first.cells)).intersection(COLUMNS) if isinstance(first, CsvRow) else set()


def _names(header: Sequence[str]) -> list[str]:
    """The names of the columns, spelled as in `COLUMNS`: " External ID" becomes external_id."""
    return ["_".join(cell.replace("-", " ").replace("_", " ").casefold().split()) for cell in header]
