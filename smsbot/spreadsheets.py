"""Tables as CSV (RFC 4180), for programs and for spreadsheets in French."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def to_csv_text(
    heading: Sequence[str], rows: Iterable[Iterable[object]], *, delimiter: str = ",", decimal_mark: str = "."
) -> str:
    """The text of a CSV file. Texts never become formulas, `Decimal`s are written with this mark, None is empty."""
    written = io.StringIO()
    lines = csv.writer(written, delimiter=delimiter)
    lines.writerow(heading)
    lines.writerows([_cell(value, decimal_mark) for value in row] for row in rows)
    return written.getvalue()


def to_french_csv_text(heading: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """The same for spreadsheets in French: semicolons and decimal commas."""
    return to_csv_text(heading, rows, delimiter=";", decimal_mark=",")


def _cell(value: object, decimal_mark: str) -> object:
    if isinstance(value, Decimal):
        return str(value).replace(".", decimal_mark)
    return _no_formula(value) if isinstance(value, str) else value


def _no_formula(text: str) -> str:
    """The text, quoted where a spreadsheet would take it for a formula (OWASP, CSV Injection)."""
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text
