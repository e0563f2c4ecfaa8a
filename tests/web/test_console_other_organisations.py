"""A conversation tells an agent nothing of the person's appointments with other organisations."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from smsbot.gateways.base import IncomingSms
from smsbot.incoming.message_claims import Arrived
from smsbot.incoming.turn import Answering, Turn, TurnOutcome
from smsbot.messages.sms import SmsTexts
from smsbot.messages.templates import template_environment
from smsbot.store.database import Database
from smsbot.store.tables import participations
from tests.web.console_site import ADA, ADAS, BOBS, NOW, OUR_NUMBER, PHONE, STARTS_AT, Browser, Office

BOTH = "eve@mairie.fr"
ELSEWHERE = ("Centre du Parc", "13/05")
INSTEAD = "Liste de rendez-vous, dont certains d’autres organisations"


@pytest.fixture
def office(database: Database) -> Office:
    office = Office(database)
    office.employ(BOTH, ADAS, BOBS)
    return office


def _writes(office: Office, *bodies: str) -> None:
    """Sophie's telephone writes, and is answered by the bot."""
    texts = SmsTexts(template_environment(now=office.clock))
    turn = Turn(office.door, office.door.terms, texts, Answering(("+33",), 1000), timedelta(hours=24))

    def take(body: str) -> TurnOutcome | None:
        message = IncomingSms("twilio", f"SM{next(office.ids)}", PHONE, OUR_NUMBER, body)
        [outcome] = office.database.write_now(lambda c: turn.take_together(c, [Arrived(message, office.clock())]))
        return outcome

    for body in bodies:
        take(body)


def _books(office: Office, organisation: str, starts_at: datetime = STARTS_AT, place: str = "Mairie du 3e") -> int:
    """Add an appointment of Sophie's. Returns our id of it."""
    appointment = office.appointment(organisation, starts_at=starts_at, place_name=place)
    office.participation(appointment)
    return appointment


def _is_asked_which(office: Office) -> int:
    """Give Sophie one appointment with Ada's organisation and one with Bob's, and let the bot ask which one she
    means.
    """
    mine = _books(office, ADAS)
    _books(office, BOBS, STARTS_AT + timedelta(days=1), ELSEWHERE[0])
    _writes(office, "annuler dup")
    [sent] = office.sent()
    assert all(words in sent.body for words in ELSEWHERE), "else nothing would be proved"
    assert sent.appointment_id == mine
    return mine


def _kept(browser: Browser, appointment: int) -> tuple[str, str]:
    """The data that is kept about Sophie, as a page and as a file."""
    browser.get(f"/rdv/{appointment}")
    browser.follow("Données personnelles de Sophie Dupont")
    file = browser.client.get(browser.page.links["Télécharger le fichier complet (JSON, pour un logiciel)"]).text
    return browser.follow("Lire ou imprimer ce qui est conservé").text, file


def test_a_list_that_names_others_appointments_is_not_shown_to_an_organisation(office: Office) -> None:
    mine = _is_asked_which(office)
    message = office.incoming("je serai en retard")
    ada = office.at_desk(ADA)
    pages = [ada.get(path).response.text for path in (f"/rdv/{mine}", f"/messages/{message}")]
    pages.append(ada.client.get(f"/agents/messages/{message}/direct").text)
    for page in pages:
        assert INSTEAD in page
        assert not any(words in page for words in ELSEWHERE)


def test_nor_is_it_handed_over_by_an_organisation(office: Office) -> None:
    mine = _is_asked_which(office)
    page, file = _kept(office.at_desk(ADA), mine)
    assert INSTEAD in page
    assert '"body_left_out": "the text also lists appointments of other organisations"' in file
    for kept in (page, file):
        assert not any(words in kept for words in ELSEWHERE)


def test_who_acts_for_both_organisations_reads_it(office: Office) -> None:
    mine = _is_asked_which(office)
    both = office.at_desk(BOTH)
    for kept in (both.get(f"/rdv/{mine}").text, *_kept(both, mine)):
        assert all(words in kept for words in ELSEWHERE)
        assert INSTEAD not in kept


def test_a_list_of_ones_own_appointments_is_shown(office: Office) -> None:
    mine = _books(office, ADAS)
    _books(office, ADAS, STARTS_AT + timedelta(days=1), ELSEWHERE[0])
    _writes(office, "annuler dup", "hein ?")
    assert len(office.sent()) == 2
    page = office.at_desk(ADA).get(f"/rdv/{mine}").text
    assert (page.count(ELSEWHERE[0]), INSTEAD in page) == (2, False)


def test_an_appointment_of_no_organisation_is_nobodys_to_read(office: Office) -> None:
    mine = _books(office, ADAS)
    nobodys = office.appointment(organisation_id=None, starts_at=STARTS_AT + timedelta(days=1), place_name=ELSEWHERE[0])
    office.participation(nobodys)
    _writes(office, "annuler dup")
    page = office.at_desk(BOTH).get(f"/rdv/{mine}").text
    assert (ELSEWHERE[0] in page, INSTEAD in page) == (False, True)


def test_what_was_written_elsewhere_to_a_number_that_is_ours_alone_now_is_not_handed_over(office: Office) -> None:
    mine = office.appointment(starts_at=NOW - timedelta(days=2))
    office.participation(mine)
    theirs = office.appointment(BOBS)
    moved = office.participation(theirs)
    office.outgoing(f"Rendez-vous au {ELSEWHERE[0]}", appointment_id=theirs, participation_id=moved)
    office.incoming("Mon autre rendez-vous", organisation=BOBS)
    office.incoming("Bonjour", organisation_id=None, for_agents=False)
    office.set(participations, moved, phone="+33698765432")
    for kept in _kept(office.at_desk(ADA), mine):
        assert "Bonjour" in kept
        assert ELSEWHERE[0] not in kept
        assert "Mon autre rendez-vous" not in kept
