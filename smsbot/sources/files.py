"""Appointments in files: RDV Service Public's JSON, or CSV.

JSON is one appointment (a webhook's `data`), a whole webhook with `data` and `meta`, a page `{"rdvs": […]}` of the API,
or a list of any of these. Everything else is read as CSV.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from smsbot import phone_numbers
from smsbot.sources.csv_appointments import read_csv
from smsbot.sources.csv_tables import text_of_file
from smsbot.sources.file_lines import FileEntry, Read, RefusedLine, TakenWithout, TakesNoSms, UnreadableFile
from smsbot.sources.rdvsp import AppointmentEvent, MalformedPayload, appointment_record, event_of, unusable


def bytes_of(path: Path) -> bytes:
    """The content of the file at `path`. Raises UnreadableFile."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"The file {path} cannot be read ({error.strerror}): give the path of a file that you may read."
        ) from None


def read_content(content: bytes, columns: Mapping[str, str] | None = None) -> Iterator[FileEntry]:
    """The entries in the bytes of a file, one by one. `columns` (see `column_names`) is for CSV files.

    Raises UnreadableFile if nothing can be read.
    """
    content = text_of_file(content)
    if content.lstrip()[:1] in (b"{", b"["):
        return _read_json(content)
    return read_csv(content, columns)


def _read_json(content: bytes) -> Iterator[FileEntry]:
    try:
        document = from_json(content)
    except ValueError as error:
        raise UnreadableFile(f"The file is not valid JSON: {error}. Save the whole file again.") from None
    entries = document if isinstance(document, list) else [document]
    pages = [entry["rdvs"] if _is_page(entry) else [entry] for entry in entries]
    return (line for number, entry in enumerate(chain.from_iterable(pages), start=1) for line in _entry(number, entry))


def _is_page(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("rdvs"), list)


def _entry(number: int, entry: Any) -> Iterator[FileEntry]:
    where = f"record {number}"
    try:
        read = _read(where, entry)
    except MalformedPayload as error:
        yield RefusedLine(where, f"{error.sentence.rstrip('.')}: write it as RDV Service Public does, or leave it out.")
        return
    for whose, what in unusable(entry["data"] if "meta" in entry else entry):
        yield TakenWithout(where, what, whose)
    there = read.record.participations
    for place, one in enumerate(there):
        if one.phone is not None and not phone_numbers.takes_sms(one.phone):
            yield TakesNoSms(where, one.email is not None, f"participations.{place}" if len(there) > 1 else None)
    yield read


def _read(where: str, entry: object) -> Read:
    if not isinstance(entry, dict) or "meta" not in entry:
        return Read(where, appointment_record(entry))
    event = event_of(entry)
    if isinstance(event, AppointmentEvent) and event.record is not None:
        return Read(where, event.record, event.at)
    raise MalformedPayload("It is a webhook without an appointment.")
