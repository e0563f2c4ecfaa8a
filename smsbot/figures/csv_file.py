"""Figures as CSV (RFC 4180): a line of headings, then one line for each organisation and month."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from smsbot.figures.results import Figures, Lead
from smsbot.model import Via

HEADING = (
    "month",
    "source",
    "organisation_id",
    "organisation_name",
    "cancellations",
    *(f"cancelled_by_{way.value}" for way in Via),
    *(f"cancelled_{lead.value}" for lead in Lead),
    "places_freed_early",
    "messages_understood",
    "messages_not_understood",
    "messages_not_read",
    "stops",
    "sms_sent",
    "sms_segments",
    "sms_failed",
    "emails_sent",
    "emails_failed",
    "estimated_cost_euros",
)

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(figures: Iterable[Figures], segment_price: Decimal | None = None) -> str:
    """The figures as the text of a CSV file for programs."""
    return _written(figures, segment_price, HEADING, ",")


def to_french_csv(figures: Iterable[Figures], segment_price: Decimal | None, headings: Mapping[str, str]) -> str:
    """The same for spreadsheets in French: semicolons, decimal commas, and the `headings` of the columns in `HEADING`.

    Raises KeyError for a column without a heading.
    """
    return _written(figures, segment_price, [headings[name] for name in HEADING], ";", decimal_mark=",")


def _written(
    figures: Iterable[Figures],
    segment_price: Decimal | None,
    heading: Sequence[str],
    delimiter: str,
    decimal_mark: str = ".",
) -> str:
    written = io.StringIO()
    lines = csv.writer(written, delimiter=delimiter)
    lines.writerow(heading)
    for each in figures:
        values = (columns_of(each, segment_price)[name] for name in HEADING)
        lines.writerow(
            [str(value).replace(".", decimal_mark) if isinstance(value, Decimal) else value for value in values]
        )
    return written.getvalue()


def columns_of(each: Figures, segment_price: Decimal | None = None) -> Mapping[str, object]:
    """The values of one line by the names of `HEADING`. Organisation and cost are empty where there are none."""
    organisation, cost = each.organisation, each.cost(segment_price)
    return {
        "month": each.month,
        "source": organisation.source if organisation else "",
        "organisation_id": _no_formula(organisation.external_id) if organisation else "",
        "organisation_name": _no_formula(organisation.name or "") if organisation else "",
        "cancellations": each.cancellations,
        **{f"cancelled_by_{way.value}": number for way, number in each.cancellations_by_way.items()},
        **{f"cancelled_{lead.value}": number for lead, number in each.cancellations_by_lead.items()},
        "places_freed_early": each.freed_early,
        "messages_understood": each.understood,
        "messages_not_understood": each.not_understood,
        "messages_not_read": each.not_read,
        "stops": each.stops,
        "sms_sent": each.sms_sent,
        "sms_segments": each.segments,
        "sms_failed": each.sms_failed,
        "emails_sent": each.emails_sent,
        "emails_failed": each.emails_failed,
        "estimated_cost_euros": "" if cost is None else cost,
    }


def _no_formula(text: str) -> str:
    """Keep a spreadsheet from taking a cell as a formula, which it does with these first signs (OWASP, CSV
    Injection).
    """
    return f"'{text}" if text.startswith(_FORMULA_SIGNS) else text
