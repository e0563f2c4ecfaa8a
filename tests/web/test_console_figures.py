"""The figures: charts with their tables, per organisation and month, and CSV."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

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
    assert "mai 2025 3 1 1 1 0 Places libérées" in page.text  # all, by SMS, by link, by agents, in the calendar
    assert "mai 2025 2 Combien de temps" in page.text  # cancelled early
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


def _held(office: Office, number: int, at: datetime, **columns: Any) -> None:
    for _ in range(number):
        own = {name: columns[name] for name in ("status", "announced_at") if name in columns}
        office.participation(office.appointment(starts_at=at, place_name=columns.get("place_name")), **own)


def test_rates_with_what_they_are_a_part_of_and_the_year_before(office: Office) -> None:
    _held(office, 3, NOW, place_name="Annexe")
    _held(office, 2, NOW, status="seen", announced_at=NOW, place_name="Annexe")
    _held(office, 1, NOW, status="noshow")
    _held(office, 2, NOW, status="excused")
    _held(office, 4, NOW - timedelta(days=365), status="revoked")
    _held(office, 4, NOW - timedelta(days=365))
    office.outgoing("Rappel", kind="reminder", appointment_id=office.appointment(), segments=2)
    office.outgoing("Rappel", appointment_id=office.appointment(), segments=2, delivery_status="undelivered")
    office.incoming("retard", handled_at=NOW + timedelta(minutes=59))
    office.incoming("retard", handled_at=NOW + timedelta(hours=30))
    text = office.at_desk().get("/chiffres").text
    for told in (
        "Rendez-vous 8 8 Annulés 25,0 % (2 sur 8) 50,0 % (4 sur 8)",
        "parmi ceux qui restent 33,3 % (2 sur 6) 0,0 % (0 sur 4)",
        "Absents, quand l’agenda le dit 33,3 % (1 sur 3 connus) –",
        "Rappels envoyés 1 0 Messages non remis 50,0 % (1 sur 2) –",
        "en moins d’1 h 50,0 % (1 sur 2) – Messages traités par un agent en moins de 24 h 50,0 % (1 sur 2) –",
        "Coût estimé 0,29 € (0,04 € par rendez-vous) 0,00 € (0,00 € par rendez-vous)",
        "mai 2025 8 8 25,0 % 50,0 % 33,3 % 33,3 %",
        "mai 2025 1 0 0 1",
        "Annexe 5 0,0 % 0,0 % 40,0 % 0,0 %",
        "Coût estimé par mois et par lieu (€)",
    ):
        assert told in text.replace("\N{NO-BREAK SPACE}", " "), told


def test_several_organisations_are_told_apart_and_places_of_one_are_a_file(office: Office) -> None:
    office.employ(ADA, BOBS)
    _held(office, 1, NOW, place_name="Annexe")
    office.participation(office.appointment(BOBS, starts_at=NOW, location_type="phone", place_name="Chez moi"))
    browser = office.at_desk()
    page = browser.get("/chiffres")
    assert "CCAS n° 1 1 0,0" in page.text
    assert "CCAS n° 2 1 0,0" in page.text
    lines = list(
        csv.DictReader(
            io.StringIO(browser.follow("Par lieu (CSV)").response.content.decode("utf-8-sig")), delimiter=";"
        )
    )
    assert all(line["Segments des SMS de ce lieu"] == "0" for line in lines)
    told = [(line["Organisation"], line["Lieu"], line["Rendez-vous"]) for line in lines]
    assert told == [("CCAS n° 1", "Annexe", "1"), ("CCAS n° 2", "Par téléphone", "1")]


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
