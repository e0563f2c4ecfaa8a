"""Calendars that programs read by a secret address: what they contain, and when the address ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import icalendar
import pytest

from smsbot.agents.account_changes import take_organisation
from smsbot.diary.calendar_feeds import MOST_OF_AN_AGENT
from smsbot.model import OrganisationReference
from smsbot.store.database import Database
from smsbot.store.tables import calendar_feeds
from tests.web.console_site import ADA, ADAS, BOBS, NOW, Browser, Office

SOON = NOW + timedelta(days=1)


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database, policy={"motifs": {"88": {"label": "Passeport"}}})


def _made(office: Office, **filled_in: str) -> str:
    """The address of a calendar that Ada has just made."""
    ada = office.at_desk()
    ada.get("/calendriers")
    page = ada.press("Faire le calendrier", **filled_in)
    assert "Le calendrier est prêt." in page.text
    return _addresses(ada)[-1]


def _addresses(browser: Browser) -> list[str]:
    """The addresses in the fields of the page."""
    found = browser.page.response.text.split('readonly value="')[1:]
    return [each.split('"')[0] for each in found]


def _read(office: Office, address: str) -> httpx.Response:
    """Read the calendar as a program does, without a session."""
    return office.visitor().client.get(address)


def _events(office: Office, address: str) -> list[dict[str, Any]]:
    calendar = icalendar.Calendar.from_ical(_read(office, address).text)
    return [
        {name: str(event.get(name, "")) for name in ("SUMMARY", "LOCATION", "URL", "CLASS", "UID")}
        | {"START": event.decoded("DTSTART")}
        for event in calendar.walk("VEVENT")
    ]


def test_a_calendar_tells_the_hour_the_place_the_label_and_initials_alone(office: Office) -> None:
    office.participation(office.appointment(starts_at=SOON, motif_external_id="88"), announced_at=NOW)
    by_phone = office.appointment(starts_at=SOON + timedelta(hours=1), location_type="phone", place_name="Chez Karim")
    office.participation(by_phone, first_name="Karim", last_name="Benali")
    workshop = office.appointment(starts_at=SOON + timedelta(hours=2), collective=True, label="Atelier")
    for status in ("unknown", "unknown", "excused"):
        office.participation(workshop, status=status)
    office.participation(office.appointment(starts_at=SOON, status="revoked"), status="revoked")
    office.participation(office.appointment(BOBS, starts_at=SOON))
    address = _made(office)
    response = _read(office, address)
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    told = response.text
    assert not any(secret in told for secret in ("Dupont", "Sophie", "Benali", "612345678", "sophie@", "Chez Karim"))
    events = _events(office, address)
    assert [(each["SUMMARY"], each["LOCATION"]) for each in events] == [
        ("S. D. – Passeport (a dit venir)", "Mairie du 3e"),
        ("K. B. – RDV", "Par téléphone"),
        ("Atelier (2 inscrits)", "Mairie du 3e"),
    ]
    assert (events[0]["START"], events[0]["CLASS"]) == (SOON, "PRIVATE")
    assert events[1]["URL"] == f"https://rdv.example.fr/agents/rdv/{by_phone}"
    assert len({each["UID"] for each in events}) == 3


def test_of_one_place_or_of_all(office: Office) -> None:
    for place in ("Annexe", "Mairie"):
        office.participation(office.appointment(starts_at=SOON, place_name=place))
    office.participation(office.appointment(starts_at=NOW - timedelta(days=8), place_name="Annexe"))
    office.participation(office.appointment(starts_at=NOW + timedelta(days=61), place_name="Annexe"))
    assert [each["LOCATION"] for each in _events(office, _made(office, lieu="Annexe"))] == ["Annexe"]
    assert len(_events(office, _made(office))) == 2


def test_another_address_ends_the_old_one_and_the_end_ends_both(office: Office) -> None:
    office.participation(office.appointment(starts_at=SOON))
    old = _made(office)
    ada = office.at_desk()
    ada.get("/calendriers")
    page = ada.press("Changer l’adresse de CCAS n° 1")
    assert "l’ancienne ne marche plus" in page.text
    [new] = _addresses(ada)
    assert [_read(office, each).status_code for each in (old, new)] == [404, 200]
    assert "supprimé" in ada.press("Supprimer le calendrier de CCAS n° 1").text
    assert [_read(office, each).status_code for each in (old, new)] == [404, 404]
    assert [act for act, *_ in office.audited()] == ["calendar_made", "calendar_renewed", "calendar_ended"]


def test_an_address_cannot_be_guessed_from_another(office: Office) -> None:
    address = _made(office)
    start, _, name = address.rpartition("/")
    number, tag = name.removesuffix(".ics").split("-")
    for wrong in (f"{number}-{'0' * 64}", f"{int(number) + 1}-{tag}", f"{number}-", number, f"-{tag}", "é-é", "9" * 30):
        assert _read(office, f"{start}/{wrong}.ics").status_code == 404, wrong


@pytest.mark.parametrize("how", ["revoked", "the organisation taken"])
def test_it_ends_with_the_access_of_who_made_it(office: Office, how: str) -> None:
    office.participation(office.appointment(starts_at=SOON))
    office.employ(ADA, BOBS)
    address = _made(office, organisation=str(office.organisation_ids[ADAS]))
    assert _read(office, address).status_code == 200
    if how == "revoked":
        office.revoke(ADA)
    else:
        ada, clo = office.agent(ADA), office.agent("clo@mairie.fr")
        office.database.write_now(lambda c: take_organisation(c, ada, OrganisationReference("rdvsp", ADAS), NOW, clo))
    assert _read(office, address).status_code == 404
    office.employ(ADA, ADAS)
    assert _read(office, address).status_code == 404, "nor does it come back"


def test_a_calendar_of_others_is_neither_made_nor_changed(office: Office) -> None:
    _made(office)
    bob = office.at_desk("bob@ailleurs.fr")
    page = bob.get("/calendriers")
    assert (_addresses(bob), "CCAS n° 1" in page.text) == ([], False)
    [feed] = office.database.read_now(lambda c: c.execute(calendar_feeds.select()).all())
    assert bob.post("/calendriers", organisation=str(office.organisation_ids[ADAS])).status_code == 404
    for act in ("renouvellement", "suppression"):
        assert bob.post(f"/calendriers/{feed.id}/{act}").status_code == 404


def test_that_it_is_read_is_noted_once_an_hour(office: Office) -> None:
    address = _made(office)
    ada = office.at_desk()
    assert "pas encore lu" in ada.get("/calendriers").text
    for minutes in (0, 59):
        office.clock.now = NOW + timedelta(minutes=minutes)
        _read(office, address)
        assert "lu la dernière fois le lun 05/05 11h00" in ada.get("/calendriers").text
    office.clock.now = NOW + timedelta(minutes=60)
    _read(office, address)
    assert "lu la dernière fois le lun 05/05 12h00" in office.at_desk().get("/calendriers").text


def test_an_agent_has_so_many_and_no_more(sqlite_database: Database) -> None:
    office = Office(sqlite_database)
    ada = office.at_desk()
    ada.get("/calendriers")
    for _ in range(MOST_OF_AN_AGENT):
        ada.press("Faire le calendrier")
    page = ada.press("Faire le calendrier")
    assert (page.status, "vous avez déjà 20 calendriers" in page.text) == (409, True)
    assert len(_addresses(ada)) == MOST_OF_AN_AGENT
