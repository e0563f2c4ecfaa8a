"""Reads CSV files that people wrote: it recognises the headings and the delimiter, and splits the rows into cells.

Each row is read separately, so that a bad row does not affect the others. The delimiter is a comma, a semicolon or a
tab, and line ends may be those of any system. Fields in quotation marks may contain delimiters and line breaks. Each
line is in UTF-8 or Windows-1252.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from smsbot.sources.file_lines import RefusedLine, UnreadableFile

DELIMITERS = ",;\t"

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MOST_LINES_IN_A_ROW = 20
"""A row with more lines is refused. Otherwise an unclosed quotation mark would swallow the rest of the file."""
_SEPARATOR = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # today's formats, and Excel's format until 2003
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The cells of a row, and the text that they were read from. `line` is its first line's number, counted from 1."""

    line: int
    cells: Sequence[str]
    text: str


def text_of_file(content: bytes) -> bytes:
    """The content without a byte order mark. Raises UnreadableFile for a workbook and for UTF-16."""
    if content.startswith(_WORKBOOKS):
        raise UnreadableFile("The file is a workbook (Excel, LibreOffice): save its sheet as CSV first.")
    if content.startswith(_UTF_16):
        raise UnreadableFile("The file is in UTF-16: save it in UTF-8 first.")
    return content.removeprefix(_BOM)


def read_table(content: bytes, known: Collection[str]) -> tuple[Sequence[str], Iterator[CsvRow | RefusedLine]]:
    """The headings and the rows of a file. The delimiter is the one that gives the most `known` (folded) headings.

    Raises UnreadableFile for a workbook and for UTF-16.
    """
    lines = without_separator(lines_of(text_of_file(content)))

    def known_among(cells: Sequence[str]) -> int:
        return len({folded_heading(cell) for cell in cells}.intersection(known))

    rows = rows_of(lines, delimiter_of(lines, known_among))
    header = next(rows, None)
    return (header.cells if isinstance(header, CsvRow) else ()), rows


def without_separator(lines: list[str | None]) -> list[str | None]:
    """The lines, with a first line `sep=;` made blank: it is not a row, and the delimiter is found without it."""
    first = next((number for number, line in enumerate(lines) if line and line.strip()), None)
    if first is not None and _SEPARATOR.fullmatch(lines[first] or ""):
        return [*lines[:first], "\n", *lines[first + 1 :]]
    return lines


def delimiter_of(lines: Sequence[str | None], known_among: Callable[[Sequence[str]], int]) -> str:
    """The delimiter that gives the most known columns in the first line that is not blank.

    `known_among` counts the known columns among the cells of that line.
    """
    header = next((line for line in lines if line and line.strip()), "")

    def known(delimiter: str) -> int:
        first = next(rows_of([header], delimiter), None)
        return known_among(first.cells) if isinstance(first, CsvRow) else 0

    return max(DELIMITERS, key=known)


def folded_heading(heading: str) -> str:
    """The words of a heading without case, accents and punctuation, joined by underscores."""
    plain = unicodedata.normalize("NFKD", heading.casefold())
    letters = (each if each.isalnum() else " " for each in plain if not unicodedata.combining(each))
    return "_".join("".join(letters).split())


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
