"""What all CSV files from people have in common, whatever is in them: their headings and their delimiter.

`smsbot.sources.file_lines` reads the rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence

from smsbot.sources.file_lines import DELIMITERS, CsvRow, RefusedLine, UnreadableFile, lines_of, rows_of

_SEPARATOR = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # today's formats, and Excel's format until 2003
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


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
