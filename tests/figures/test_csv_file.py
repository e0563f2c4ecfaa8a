from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pytest

from smsbot.figures.results import HEADING, CountedOrganisation, Figures, Lead, Month, to_csv, to_french_csv
from smsbot.model import Via
from tests.lines import every_line

LYON = CountedOrganisation(1, "rdvsp", "12", "CCAS de Lyon")
FIGURES = Figures(
    organisation=LYON,
    month=Month(2026, 5),
    cancellations_by_way=dict.fromkeys(Via, 0) | {Via.SMS: 3, Via.LINK: 1},
    cancellations_by_lead=dict.fromkeys(Lead, 0) | {Lead.UNDER_7_DAYS: 4},
    freed_early=2,
    understood=9,
    not_understood=1,
    not_read=5,
    stops=1,
    sms_sent=11,
    segments=13,
    sms_failed=1,
    emails_sent=4,
    emails_failed=0,
)


def read(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_each_line_has_the_figures_under_their_headings() -> None:
    (line,) = read(to_csv([FIGURES], Decimal("0.0725")))
    assert tuple(line) == HEADING
    assert line["month"] == "2026-05"
    assert (line["source"], line["organisation_id"], line["organisation_name"]) == ("rdvsp", "12", "CCAS de Lyon")
    assert (line["cancellations"], line["cancelled_by_sms"], line["cancelled_by_console"]) == ("4", "3", "0")
    assert (line["cancelled_2_to_7_days"], line["places_freed_early"]) == ("4", "2")
    assert (line["sms_segments"], line["estimated_cost_euros"]) == ("13", "0.94")


def test_without_a_price_or_an_organisation_the_cell_is_empty() -> None:
    (line,) = read(to_csv([replace(FIGURES, organisation=None)]))
    assert line["organisation_id"] == line["organisation_name"] == line["estimated_cost_euros"] == ""


def test_a_spreadsheet_in_french_has_its_delimiter_its_decimal_mark_and_its_words() -> None:
    words = {name: f"en français : {name}" for name in HEADING}
    (line,) = read(to_french_csv([FIGURES], Decimal("0.0725"), words), delimiter=";")
    assert tuple(line) == tuple(words.values())
    assert (line[words["sms_sent"]], line[words["estimated_cost_euros"]]) == ("11", "0,94")


def test_every_column_needs_its_words() -> None:
    with pytest.raises(KeyError):
        to_french_csv([FIGURES], None, dict.fromkeys(HEADING[1:], "x"))


@every_line("name", ['=HYPERLINK("https://exemple.fr")', "+33", "-1", "@somme", "\tx"])
def test_a_name_is_never_a_formula(name: str) -> None:
    (line,) = read(to_csv([replace(FIGURES, organisation=replace(LYON, name=name))]))
    assert line["organisation_name"] == f"'{name}"


def test_no_figures_is_a_heading_alone() -> None:
    assert to_csv([]) == ",".join(HEADING) + "\r\n"
