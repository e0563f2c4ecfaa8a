"""Reads the rows of a CSV file, and has the kinds of results of reading a file: appointments, omitted values, refused
lines.

Each row is read separately, so that a bad row does not affect the others. The delimiter is a comma, a semicolon or a
tab, and line ends may be those of any system. Fields in quotation marks may contain delimiters and line breaks. Each
line is in UTF-8 or Windows-1252.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from smsbot.model import AppointmentRecord
from smsbot.problem import Problem

DELIMITERS = ",;\t"

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MOST_LINES_IN_A_ROW = 20
"""A row with more lines is refused. Otherwise an unclosed quotation mark would swallow the rest of the file."""


class UnreadableFile(Problem):
    """Nothing in the file can be read."""


@dataclass(frozen=True, slots=True)
class Read:
    """An appointment. `where` is its place ("line 7", "record 3"); if it has several, the first one.

    `event_at` is in UTC, None if the file does not give the time of the event. `text` has its rows in the CSV file,
    unchanged.
    """

    where: str
    record: AppointmentRecord
    event_at: datetime | None = None
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """Something that could not be read or taken. `where` is its place ("line 7", "record 3").

    `reason` says why, in one sentence without personal data. `text` is the text in the file, if it is CSV.
    """

    where: str
    reason: str
    text: str = field(default="", compare=False)


class Unusable(StrEnum):
    """The kind of a contact that cannot be used."""

    PHONE = "telephone number"
    EMAIL = "e-mail address"


@dataclass(frozen=True, slots=True)
class TakenWithout:
    """An appointment was taken, but without a telephone number or e-mail address that cannot be used.

    `where` is as in RefusedLine. `whose` is the person's place in the record; None if there is only one person.
    """

    where: str
    what: Unusable
    whose: str | None = None

    @property
    def reason(self) -> str:
        """The reason, in one sentence without personal data."""
        left_out = f"its {self.what}" if self.whose is None else f"the {self.what} of {self.whose}"
        return (
            f"taken without {left_out}: the value in the file is not a usable {self.what}; "
            "correct it and import the file again."
        )


@dataclass(frozen=True, slots=True)
class TakesNoSms:
    """An appointment was taken with a telephone number that cannot get SMS. `has_email` is whether there is an address.

    `where` and `whose` are as in TakenWithout.
    """

    where: str
    has_email: bool
    whose: str | None = None

    @property
    def reason(self) -> str:
        """The reason, in one sentence without personal data."""
        number = "its telephone number" if self.whose is None else f"the telephone number of {self.whose}"
        instead = (
            "messages go by e-mail only" if self.has_email else "nobody gets a message, as there is no e-mail address"
        )
        return f"{number} cannot get SMS, like a landline: {instead}; give a mobile number and import the file again."


Remark = RefusedLine | TakenWithout | TakesNoSms
FileEntry = Read | Remark


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The cells of a row, and the text that they were read from. `line` is its first line's number, counted from 1."""

    line: int
    cells: Sequence[str]
    text: str


def lines_of(content: bytes) -> list[str | None]:
    """The lines of a file with their ends; None for a line that is neither UTF-8 nor Windows-1252."""
    return [_decoded(line) for line in _LINE.findall(content)]


def rows_of(lines: Sequence[str | None], delimiter: str) -> Iterator[CsvRow | RefusedLine]:
    """The rows, without blank lines."""
    position = 0
    while position < len(lines):
        reading = _Reading(lines, position)
        try:
            cells = next(csv.reader(reading, delimiter=delimiter), [])
        except csv.Error:
            yield RefusedLine(f"line {position + 1}", "A field is too long: shorten it.", lines[position] or "")
            position += 1
            continue
        if lines[position] is None:
            yield RefusedLine(
                f"line {position + 1}", "The text is neither UTF-8 nor Windows-1252: save the file as UTF-8."
            )
            position += 1
        elif reading.ran_out:
            yield RefusedLine(
                f"line {position + 1}",
                "A quotation mark is not closed: close it, or take it out.",
                lines[position] or "",
            )
            position += 1
        else:
            if any(cell.strip() for cell in cells):
                yield CsvRow(position + 1, cells, "".join(line or "" for line in lines[position : reading.position]))
            position = reading.position


class _Reading:
    """Gives the csv module the lines of one row, and notes when it asks for more lines than a row may have."""

    def __init__(self, lines: Sequence[str | None], position: int) -> None:
        self.position = position
        self.ran_out = False
        self._lines = lines
        self._end = min(len(lines), position + _MOST_LINES_IN_A_ROW)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._lines[self.position] if self.position < self._end else None
        if line is None:
            self.ran_out = True
            raise StopIteration
        self.position += 1
        return line


def _decoded(line: bytes) -> str | None:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
