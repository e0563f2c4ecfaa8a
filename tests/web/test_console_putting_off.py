"""Messages of the inbox that are put off: when they come back, and that none is lost."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from smsbot.inbox.handling import HOLD
from smsbot.inbox.putting_off import Later, choices, comes_back_at
from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, organisations
from tests.lines import every_line
from tests.web.console_site import ADA, ADAS, CLO, NOW, Browser, Office

LATE = "je serai en retard"
REUNION, PARIS = "Indian/Reunion", "Europe/Paris"


@pytest.fixture
def office(sqlite_database: Database) -> Office:
    return Office(sqlite_database)


@pytest.fixture
def either_office(database: Database) -> Office:
    return Office(database)


def _at(office: Office, message: int, email: str = ADA) -> Browser:
    browser = office.at_desk(email)
    browser.get(f"/messages/{message}")
    return browser


@every_line(
    ("later", "day", "now", "zone", "expected"),
    [
        (Later.HOUR, None, NOW, PARIS, NOW + timedelta(hours=1)),
        (Later.AFTERNOON, None, NOW, PARIS, datetime(2025, 5, 5, 12, tzinfo=UTC)),
        (Later.AFTERNOON, None, NOW, REUNION, datetime(2025, 5, 5, 10, tzinfo=UTC)),
        (Later.AFTERNOON, None, NOW + timedelta(hours=3), PARIS, None),
        (Later.TOMORROW, None, NOW, PARIS, datetime(2025, 5, 6, 7, tzinfo=UTC)),
        (Later.TOMORROW, None, datetime(2025, 5, 5, 21, tzinfo=UTC), REUNION, datetime(2025, 5, 7, 5, tzinfo=UTC)),
        (Later.TOMORROW, None, datetime(2025, 3, 29, 12, tzinfo=UTC), PARIS, datetime(2025, 3, 30, 7, tzinfo=UTC)),
        (Later.TOMORROW, None, datetime(2025, 10, 25, 12, tzinfo=UTC), PARIS, datetime(2025, 10, 26, 8, tzinfo=UTC)),
        (Later.DAY, date(2025, 5, 20), NOW, PARIS, datetime(2025, 5, 20, 7, tzinfo=UTC)),
        (Later.DAY, date(2025, 5, 5), NOW, PARIS, None),
        (Later.DAY, date(2025, 7, 4), NOW, PARIS, datetime(2025, 7, 4, 7, tzinfo=UTC)),
        (Later.DAY, date(2025, 7, 5), NOW, PARIS, None),
        (Later.DAY, date(1, 1, 1), NOW, PARIS, None),
        (Later.DAY, date(9999, 12, 31), NOW, PARIS, None),
        (Later.DAY, None, NOW, PARIS, None),
    ],
)
def test_when_it_comes_back(
    later: Later, day: date | None, now: datetime, zone: str, expected: datetime | None
) -> None:
    assert comes_back_at(later, day, now, zone) == expected
    assert (later in choices(now, zone)) is (later is not Later.AFTERNOON or expected is not None)


def test_what_is_put_off_does_not_count_until_it_comes_back(either_office: Office) -> None:
    office = either_office
    office.set(organisations, office.organisation_ids[ADAS], time_zone=REUNION)
    message, other = office.incoming(LATE), office.incoming("Et moi ?", from_number="+33698765432")
    ada = _at(office, message)
    assert "cet après-midi à 14h00" in ada.page.text
    page = ada.press("Mettre de côté", quand="demain")
    assert (page.path, "Le message est mis de côté" in page.text) == (f"/messages/{other}", True)
    assert "(1) " in page.title
    assert "(1" in ada.get("/messages/nombre").response.text
    assert LATE not in ada.get("/messages").text
    assert LATE not in ada.get("/messages?vue=non-attribues").text
    page = office.at_desk(CLO).get("/messages?vue=plus-tard")
    assert "Revient mar 06/05 9h00, mis de côté par ada@mairie.fr" in page.text
    assert "1 conversation mise de côté" in page.text
    page = ada.get(f"/messages/{message}")
    assert "Mis de côté par vous : revient mardi 6 mai à 9h00, ou dès que la personne vous écrit encore." in page.text
    office.clock.now = datetime(2025, 5, 6, 5, tzinfo=UTC)
    page = office.at_desk().get("/messages")
    assert ("2 conversations à traiter" in page.text, "Revient" in page.text) == (True, False)


def test_it_comes_back_at_once_when_the_person_writes_again_or_an_agent_wants_it(either_office: Office) -> None:
    office = either_office
    message = office.incoming(LATE)
    ada = _at(office, message)
    ada.press("Mettre de côté", quand="jour", jour="2025-05-20")
    assert "Aucun message à traiter." in ada.get("/messages").text
    office.incoming("Toujours là ?", received_at=NOW + timedelta(minutes=1))
    page = ada.get("/messages")
    assert ("Toujours là ?" in page.text, "2 messages" in page.text, "Revient" in page.text) == (True, True, False)
    _at(office, message).press("Mettre de côté", quand="demain")
    ada.get("/messages?vue=plus-tard")
    ada.follow("06 12 34 56 78")
    page = ada.press("Remettre à traiter maintenant")
    assert "Mis de côté" not in page.text
    assert "Toujours là ?" in ada.get("/messages").text


@pytest.mark.parametrize("path", ["/rdv", "/rdv/{}"])
def test_the_list_of_appointments_says_nothing_of_it_until_it_comes_back(either_office: Office, path: str) -> None:
    office = either_office
    ours = office.appointment()
    office.participation(ours)
    message = office.incoming(LATE)
    assert "Message à traiter" in office.at_desk().get(path.format(ours)).text
    _at(office, message).press("Mettre de côté", quand="demain")
    assert "Message à traiter" not in office.at_desk().get(path.format(ours)).text
    office.clock.now += timedelta(days=1)
    assert "Message à traiter" in office.at_desk().get(path.format(ours)).text


def test_what_is_left_to_a_colleague_waits_for_them_at_once(either_office: Office) -> None:
    office = either_office
    message = office.incoming(LATE)
    _at(office, message).press("Mettre de côté", quand="demain")
    _at(office, message).press("Confier")
    assert LATE in office.at_desk(CLO).get("/messages?vue=pour-moi").text
    row = office.row(incoming_messages, message)
    assert (row.comes_back_at, row.put_off_by) == (None, None)


def test_what_was_put_off_and_handled_is_put_back_to_wait(office: Office) -> None:
    message = office.incoming(LATE)
    _at(office, message).press("Mettre de côté", quand="demain")
    _at(office, message).press("Classer sans répondre")
    _at(office, message).press("Remettre à traiter")
    assert LATE in office.at_desk().get("/messages").text


def test_in_the_order_in_which_they_come_back(office: Office) -> None:
    for each, when in enumerate(("jour", "heure", "demain")):
        message = office.incoming(f"Message {each}", from_number=f"+3369876543{each}")
        _at(office, message).press("Mettre de côté", quand=when, jour="2025-05-20")
    text = office.at_desk().get("/messages?vue=plus-tard").text
    assert text.index("Message 1") < text.index("Message 2") < text.index("Message 0")


def test_a_time_that_is_not_ahead_is_refused_and_nothing_is_done(office: Office) -> None:
    message = office.incoming(LATE)
    ada = _at(office, message)
    for fields in ({"quand": "jour"}, {"quand": "jour", "jour": "2025-05-05"}, {"quand": "jour", "jour": "x"}):
        page = ada.press("Mettre de côté", **fields)
        assert (page.status, "Choisissez quand le message doit revenir" in page.text) == (422, True)
    assert ada.post(f"/messages/{message}/plus-tard", quand="jamais", vu=f"{message}.0").status_code == 422
    assert ada.post(f"/messages/{message}/plus-tard", quand="heure").status_code == 400
    assert office.row(incoming_messages, message).comes_back_at is None


def test_of_two_agents_the_second_is_told_what_happened(either_office: Office) -> None:
    office = either_office
    message = office.incoming(LATE)
    ada, clo, late, too_late = (_at(office, message, email) for email in (ADA, CLO, CLO, CLO))
    ada.press("Mettre de côté", quand="demain")
    page = clo.press("Mettre de côté", quand="heure")
    assert (page.status, "ada@mairie.fr s’est occupé de ce message entre-temps" in page.text) == (409, True)
    assert "Mis de côté par ada@mairie.fr : revient mardi 6 mai à 9h00" in page.text
    clo.press("Mettre de côté", quand="heure")  # Clo has seen it
    assert office.row(incoming_messages, message).comes_back_at == NOW + timedelta(hours=1)
    office.clock.now += timedelta(minutes=1)
    _at(office, message).press("Je m’en occupe")
    page = late.press("Mettre de côté", quand="demain")
    assert (page.status, "ada@mairie.fr s’occupe de ce message en ce moment" in page.text) == (409, True)
    office.clock.now += HOLD
    _at(office, message).press("Classer sans répondre")
    page = too_late.press("Mettre de côté", quand="demain")
    assert (page.status, "ada@mairie.fr s’est occupé de ce message entre-temps" in page.text) == (409, True)


def test_what_the_person_writes_while_one_puts_it_off_still_waits(office: Office) -> None:
    message = office.incoming(LATE)
    ada = _at(office, message)
    office.incoming("Finalement je suis à l'heure")
    ada.press("Mettre de côté", quand="demain")
    assert "Finalement je suis à l'heure" in ada.get("/messages").text
