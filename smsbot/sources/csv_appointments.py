"""Appointments in CSV, one row for each participation.

The columns may be in any order. Their headings are ours, the usual French ones, or others that the caller names
(`smsbot import --columns`). Date and hour may be in two columns. A first line `sep=;`, as Excel writes it, is accepted.

Rows with the same `external_id` are the participations of one appointment. If there are several, the appointment counts
as collective: each person cancels only for themselves. It would be worse to cancel a workshop for all because one
person cannot come. A file does not contain an appointment's status, so an import does not change it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from smsbot import phone_numbers
from smsbot.model import (
    DEFAULT_TIME_ZONE,
    AppointmentRecord,
    OrganisationRecord,
    ParticipationRecord,
    PersonRecord,
    PlaceRecord,
)
from smsbot.problem import Problem
from smsbot.sources import texts, times
from smsbot.sources.csv_tables import (
    DELIMITERS,
    CsvRow,
    delimiter_of,
    folded_heading,
    lines_of,
    rows_of,
    without_separator,
)
from smsbot.sources.file_lines import FileEntry, Read, RefusedLine, TakenWithout, TakesNoSms, UnreadableFile, Unusable

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
DATE, HOUR = "date", "hour"
"""Two columns that replace `starts_at`."""
EXAMPLE: Mapping[str, str] = {
    "external_id": "A-1024",
    "starts_at": "12/05/2027 14h30",
    "time_zone": "Europe/Paris",
    "last_name": "Dupont",
    "first_name": "Sophie",
    "phone": "06 12 34 56 78",
    "email": "sophie@exemple.fr",
    "organisation_id": "12",
    "organisation_name": "CCAS",
    "place": "Mairie, salle 2",
}
"""The example row of the template."""

_FRENCH: Mapping[str, Sequence[str]] = {
    "external_id": ("identifiant", "id", "numero", "n", "reference", "ref", "numero_de_rdv", "n_de_rdv", "id_rdv"),
    "starts_at": ("debut", "date_et_heure", "date_heure", "date_de_debut", "debut_du_rdv", "horodatage"),
    DATE: ("date_du_rdv", "date_rdv", "jour", "date_du_rendez_vous"),
    HOUR: ("heure", "heure_du_rdv", "heure_rdv", "heure_de_debut", "heure_du_rendez_vous", "horaire"),
    "time_zone": ("fuseau", "fuseau_horaire"),
    "last_name": ("nom", "nom_de_famille", "nom_usager", "nom_de_l_usager"),
    "first_name": ("prenom", "prenom_usager", "prenom_de_l_usager"),
    "phone": ("telephone", "tel", "portable", "mobile", "telephone_portable", "numero_de_telephone", "n_de_telephone"),
    "email": ("courriel", "mail", "e_mail", "mel", "adresse_e_mail", "adresse_mail", "adresse_electronique"),
    "organisation_id": ("id_organisation", "code_organisation", "identifiant_organisation"),
    "organisation_name": ("organisation", "structure", "nom_organisation", "nom_de_l_organisation"),
    "organisation_phone": ("telephone_organisation", "tel_organisation", "telephone_de_l_organisation"),
    "place": ("lieu", "site", "lieu_du_rdv"),
    "label": ("libelle", "intitule"),
}
"""Headings that are read like ours. There is no heading for the reason of an appointment, because messages contain the
label, and nobody else may know the reason."""
_MEANS = {written: column for column, headings in _FRENCH.items() for written in headings}
_REQUIRED = ("external_id", "starts_at")
_REACHED = frozenset({"phone", "email"})
_MOST_TOLD = 20


class UnknownColumn(Problem):
    """The option `--columns` cannot be used."""


def column_names(written: str) -> Mapping[str, str]:
    """Read `external_id=N° dossier,starts_at=Début`, which gives the file's heading for each of our columns.

    Returns our columns by the folded headings. Raises `UnknownColumn`.
    """
    means: dict[str, str] = {}
    for pair in filter(str.strip, written.split(",")):
        column, _, heading = (part.strip() for part in pair.partition("="))
        if column not in (*COLUMNS, DATE, HOUR) or not heading:
            known = ", ".join((*COLUMNS, DATE, HOUR))
            raise UnknownColumn(f"{pair.strip()!r} names no column: write COLUMN=HEADING, with one of {known}.")
        means[folded_heading(heading)] = column
    return means


def template() -> str:
    """An example file with the headings and one row, with semicolons, as spreadsheets in France open it."""
    return "".join(f"{';'.join(row)}\n" for row in (COLUMNS, [EXAMPLE.get(name, "") for name in COLUMNS]))


def header_of(content: bytes) -> str:
    """The text of the row with the headings."""
    lines = without_separator(lines_of(content))
    header = next(rows_of(lines, DELIMITERS[0]), None)
    return header.text.removeprefix("\ufeff") if isinstance(header, CsvRow) else ""


def read_csv(content: bytes, columns: Mapping[str, str] | None = None) -> Iterator[FileEntry]:
    """First the refused lines and the omitted values, then the appointments, each in the order of the file.

    `columns` come from `column_names`. Raises UnreadableFile.
    """
    means = columns or {}
    lines = without_separator(lines_of(content))
    rows = rows_of(lines, _delimiter(lines, means))
    header = next(rows, None)
    names = _names(header.cells, means) if isinstance(header, CsvRow) else []
    missing = [name for name in _REQUIRED if name not in names]
    if "starts_at" in missing and {DATE, HOUR} <= set(names):
        missing.remove("starts_at")
    if missing or not isinstance(header, CsvRow):
        raise UnreadableFile(_not_there(missing, header.cells if isinstance(header, CsvRow) else ()))
    return _read_rows(rows, names)


def _not_there(missing: Sequence[str], headings: Sequence[str]) -> str:
    sentence = f"The file is neither JSON nor CSV with the columns {' and '.join(_REQUIRED)}"
    found = [each.strip() for each in headings if each.strip() and each.isprintable()][:_MOST_TOLD]
    if len(found) < 2:
        return f"{sentence}: smsbot import --template prints one."
    other = next((each for each in found if _names([each], {})[0] not in (*COLUMNS, DATE, HOUR)), "HEADING")
    return (
        f"{sentence}: {' and '.join(missing)} is missing, and the headings are {', '.join(found)}. "
        f'Say which is which, as --columns "{missing[0]}={other}", or start from smsbot import --template.'
    )


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
    text: str


class _BadRow(Problem):
    """A row cannot be taken. `external_id` is the id of its appointment if that can be read."""

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
                reason = (
                    f"starts_at differs from line {first.number}, which has the same external_id: "
                    "give both the same time, or this one another external_id."
                )
                raise _BadRow(reason, line.external_id)
        except _BadRow as bad:
            incomplete.add(bad.external_id)
            yield RefusedLine(f"line {row.line}", bad.sentence, row.text)
        else:
            appointments.setdefault(line.external_id, []).append(line)
            yield from (TakenWithout(f"line {row.line}", what) for what in line.left_out)
            if line.person.phone is not None and not phone_numbers.takes_sms(line.person.phone):
                yield TakesNoSms(f"line {row.line}", line.person.email is not None)
    for external_id, lines in appointments.items():
        record = _appointment(lines, complete=external_id not in incomplete)
        yield Read(f"line {lines[0].number}", record, text="".join(map(_ended, lines)))


def _ended(line: _Line) -> str:
    return line.text if line.text.endswith(("\r", "\n")) else f"{line.text}\n"


def _line(row: CsvRow, names: Sequence[str]) -> _Line:
    if any(cell.strip() for cell in row.cells[len(names) :]):
        raise _BadRow(
            f"The row has {len(row.cells)} fields, the header {len(names)}: put a text that contains the delimiter in "
            "quotation marks."
        )
    # If two columns have the same name, the first one counts.
    cells = dict(reversed(list(zip(names, row.cells, strict=False))))
    external_id = texts.identifier(cells.get("external_id"))
    if external_id is None:
        missing = not cells.get("external_id", "").strip()
        what = "missing: each appointment needs one of its own" if missing else "too long: shorten it"
        raise _BadRow(f"external_id is {what}.")
    zone = _zone(cells.get("time_zone", ""), external_id)
    try:
        starts_at = times.local_instant(_moment(cells), zone or ZoneInfo(DEFAULT_TIME_ZONE))
    except times.UnreadableTime as error:
        where = "starts_at" if "starts_at" in cells else "date with hour"
        raise _BadRow(f"{where} {error.sentence}.", external_id) from None
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
        text=row.text,
    )


def _moment(cells: Mapping[str, str]) -> str:
    if "starts_at" in cells:
        return cells["starts_at"]
    return f"{cells.get(DATE, '').strip()} {cells.get(HOUR, '').strip()}"


def _person(cells: Mapping[str, str], names: Sequence[str]) -> PersonRecord:
    """The person of a row. If the file has no column for the number or the address, the known one stays."""
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
    """The organisation of a row. If it has no id, its name is used as the id."""
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

    Then the rows may be in another order, a person may have another number, and there may be more people. So the id is
    made from the name. Number and address are used only if several people have the same name.
    """
    person = line.person
    parts = [_folded(person)]
    if namesakes or not parts[0]:
        parts += [person.phone or "", person.email or ""]
    return f"{line.external_id}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def _folded(person: PersonRecord) -> str:
    """The name without case, accents and punctuation."""
    name = unicodedata.normalize("NFKD", f"{person.last_name or ''}/{person.first_name or ''}".casefold())
    return "".join(character for character in name if character.isalnum() or character == "/").strip("/")


def _delimiter(lines: Sequence[str | None], means: Mapping[str, str]) -> str:
    known = {*COLUMNS, DATE, HOUR}
    return delimiter_of(lines, lambda cells: len(known.intersection(_names(cells, means))))


def _names(header: Sequence[str], means: Mapping[str, str]) -> list[str]:
    """The names of the columns, spelled as in `COLUMNS`: " External ID" and "Identifiant" become external_id."""
    folded = [folded_heading(cell) for cell in header]
    return [means.get(name) or _MEANS.get(name, name) for name in folded]
