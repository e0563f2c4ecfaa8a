"""The day, the search, one appointment and what can be done there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smsbot.store.database import Database
from smsbot.store.tables import appointments, outgoing_messages, participations
from tests.web.console_site import ADA, ADAS, BOBS, NOW, PHONE, STARTS_AT, Browser, Office

BACK = "Renvoyer le message du"


@pytest.fixture
def office(sqlite_database: Database) -> Office:
    return Office(sqlite_database)


@pytest.fixture
def either_office(database: Database) -> Office:
    """The same on both engines, for what is written and searched for."""
    return Office(database)


@pytest.fixture
def ada(office: Office) -> Browser:
    return office.at_desk()


def _renvoyer(browser: Browser) -> str:
    return next(name for form in browser.page.forms for name in form.buttons if name.startswith("Renvoyer"))


# The day


def test_today_and_what_comes_in_order_by_day(either_office: Office) -> None:
    for name, starts_at in (
        ("Zola", NOW + timedelta(days=1)),
        ("Balzac", NOW + timedelta(hours=2)),
        ("Hugo", NOW - timedelta(hours=2)),  # this morning
        ("Sand", NOW - timedelta(days=1)),
    ):
        either_office.participation(either_office.appointment(starts_at=starts_at), last_name=name)
    page = either_office.at_desk().get("/rdv")
    told = ["Aujourd’hui, lundi 5 mai", "9h00", "Hugo", "13h00", "Balzac", "Demain, mardi 6 mai", "11h00", "Zola"]
    places = [page.text.index(words) for words in told]
    assert places == sorted(places)
    assert "Sand" not in page.text
    past = either_office.at_desk().get("/rdv?quand=passes")
    assert ("Hier, dimanche 4 mai" in past.text, "Hugo" in past.text) == (True, False)


def test_a_day_is_one_of_the_appointments_own_zone(office: Office, ada: Browser) -> None:
    late = NOW.replace(hour=21)  # the 6th, 1h00 in La Réunion; the 5th, 23h00 in Paris
    for name, zone in (("Payet", "Indian/Reunion"), ("Dupont", None)):
        office.participation(office.appointment(starts_at=late, time_zone=zone), last_name=name)
    assert "Payet" not in ada.get("/rdv?jour=2025-05-05").text
    page = ada.get("/rdv?q=6/5/2025")
    assert ("1h00" in page.text, "Payet" in page.text, "Dupont" in page.text) == (True, True, False)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("dupont", {"Dupont"}),
        ("DUPONT sophie", {"Dupont"}),
        ("muller", {"Müller-Lefèvre"}),
        ("lefèvre", {"Müller-Lefèvre"}),
        ("delafontaine", {"De La Fontaine"}),
        ("oeuvrard", {"Œuvrard"}),
        ("benali", {"Amrani"}),  # the responsible person's name
        ("06 98 76 54 32", {"Amrani"}),
        ("+33698765432", {"Amrani"}),
        ("7654", {"Amrani"}),
        ("%", set()),
        ("d_pont", set()),
        ("zzz", set()),
        ("dupont'; DROP TABLE", set()),
    ],
)
def test_search(either_office: Office, words: str, found: set[str]) -> None:
    names: dict[str, dict[str, Any]] = {
        "Dupont": {},
        "Müller-Lefèvre": {"first_name": "Ève"},
        "De La Fontaine": {"first_name": "Jean"},
        "Œuvrard": {"first_name": "Luc"},
        "Amrani": {"first_name": "Ali", "phone": "+33698765432", "surnames": ["Amrani", "Benali"]},
    }
    for name, values in names.items():
        either_office.participation(**{"last_name": name, "phone": "+33611111111", "first_name": "Sophie", **values})
    page = either_office.at_desk().get("/rdv")
    page = Browser.press(browser := either_office.at_desk(), "Rechercher", q=words) if False else None
    browser = either_office.at_desk()
    browser.get("/rdv")
    page = browser.press("Rechercher", q=words)
    assert page.status == 200
    assert {name for name in names if name in page.text} == found
