"""The figures: charts with their tables, per organisation and month, and CSV."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.figures.results import HEADING
from smsbot.store.database import Database
from smsbot.web.console.figures_pages import BAR, LABELS, ROW, WIDTH, chart
from tests.web.console_site import ADA, ADAS, BOBS, NOW, Office


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, segment_price=Decimal("0.0725"))


def _cancelled(office: Office, organisation: str, way: str, ahead: timedelta) -> None:
    ours = office.appointment(organisation, starts_at=NOW + ahead, status="excused")
    by = "agent" if way in ("console", "webhook") else "usager"
    office.participation(ours, status="excused", cancelled_at=NOW, cancelled_by=by, cancelled_way=way)
    office.outgoing("Rappel", appointment_id=ours, segments=2)


def test_the_months_of_the_agents_organisations(office: Office) -> None:
    for way, ahead in (("sms", timedelta(days=3)), ("link", timedelta(hours=5)), ("console", timedelta(days=10))):
        _cancelled(office, ADAS, way, ahead)
    _cancelled(office, BOBS, "sms", timedelta(days=3))
    page = office.at_desk().get("/chiffres")
    assert page.heading == "Chiffres"
    assert "mai 2025 3 1 1 1 0 Places libérées" in page.text  # in all, SMS, link, agents, calendar
    assert "mai 2025 2 Combien de temps" in page.text  # freed early
    assert "2 à 7 jours 1 4 h" not in page.text
    assert "4 h à 24 h 1" in page.text
    assert "mai 2025 3 6 0,44 0" in page.text  # SMS, segments, cost, e-mails
    assert page.response.text.count("<svg") > 3
    assert "Dupont" not in page.text


def test_one_of_several_organisations_and_an_earlier_month(office: Office) -> None:
    office.employ(ADA, BOBS)
    _cancelled(office, BOBS, "sms", timedelta(days=3))
    browser = office.at_desk()
    browser.get("/chiffres")
    theirs = browser.press("Afficher", organisation=str(office.organisation_ids[BOBS]))
    assert (theirs.heading, "mai 2025 1 1 0 0 0 " in theirs.text) == ("Chiffres de CCAS n° 2", True)
    ours = browser.press("Afficher", organisation=str(office.organisation_ids[ADAS]))
    assert "mai 2025 0 0 0 0 0 " in ours.text
    earlier = browser.press("Afficher", organisation="", mois="2025-04")
    assert ("avril 2025 0 0" in earlier.text, "mai 2025 1 1" in earlier.text) == (True, False)


@pytest.mark.parametrize("month", ["", "x", "2025-13", "9999-01", "2030-01", "0001-01"])
def test_a_month_that_cannot_be_is_this_one(office: Office, month: str) -> None:
    page = office.at_desk().get(f"/chiffres?mois={month}")
    assert "mai 2025 0 0" in page.text


def test_csv(office: Office) -> None:
    _cancelled(office, ADAS, "sms", timedelta(days=3))
    _cancelled(office, BOBS, "sms", timedelta(days=3))
    browser = office.at_desk()
    browser.get("/chiffres")
    response = browser.follow("Télécharger ces chiffres (CSV, pour un tableur)").response
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="chiffres-2025-05.csv"'
    [line] = csv.DictReader(io.StringIO(response.content.decode("utf-8-sig")), delimiter=";")
    assert (line["Mois"], line["Numéro de l’organisation"], line["Annulées par SMS"]) == ("2025-05", ADAS, "1")
    assert (line["Segments"], line["Coût estimé (€)"]) == ("2", "0,14")
    assert len(line) == len(HEADING)


def test_without_a_price_no_cost_is_told(sqlite_database: Database) -> None:
    page = Office(sqlite_database).at_desk().get("/chiffres")
    assert "Coût" not in page.text


@given(st.lists(st.lists(st.integers(0, 10**9), min_size=1, max_size=4), max_size=36))
def test_every_bar_fits_and_its_parts_lie_side_by_side(rows: list[list[int]]) -> None:
    drawn = chart(rows)
    assert drawn.height == len(rows) * ROW
    assert drawn.is_empty is (not any(map(any, rows)))
    for row, bar in zip(rows, drawn.bars, strict=True):
        assert bar.total == sum(row)
        assert 0 <= bar.y <= drawn.height - BAR
        assert LABELS < bar.end < WIDTH
        edges = [LABELS, *(edge for part in bar.parts for edge in (part.x, part.x + part.width)), bar.end]
        assert all(later >= earlier - 0.02 for earlier, later in pairwise(edges))
