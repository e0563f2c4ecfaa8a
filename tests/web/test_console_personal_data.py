"""An agent hands over, or erases, the data that is kept about a person."""

from __future__ import annotations

from datetime import timedelta

import pytest

from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, participations
from tests.web.console_site import BOBS, NOW, Browser, Office


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def _page(office: Office, starts_at: timedelta = -timedelta(days=2)) -> tuple[Browser, int]:
    """The page about Sophie's data, and our id of her participation."""
    ours = office.appointment(starts_at=NOW + starts_at)
    mine = office.participation(ours)
    browser = office.at_desk()
    browser.get(f"/rdv/{ours}")
    browser.follow("Données personnelles de Sophie Dupont")
    return browser, mine


def test_all_that_is_kept_in_the_agents_organisations_is_handed_over(office: Office) -> None:
    browser, _ = _page(office)
    office.incoming("je serai en retard")
    office.incoming("un secret", organisation=BOBS)
    office.participation(office.appointment(BOBS), last_name="Martin")
    response = browser.follow("Télécharger le fichier complet (JSON, pour un logiciel)").response
    assert response.headers["content-disposition"] == 'attachment; filename="donnees-conservees.json"'
    kept = response.json()
    assert [each["body"] for each in kept["messages_received"]] == ["je serai en retard"]
    assert [each["last_name"] for each in kept["participations"]] == ["Dupont"]


def test_what_is_kept_can_be_read_without_a_program(office: Office) -> None:
    browser, mine = _page(office)
    office.incoming("je serai en retard")
    office.incoming("un secret", organisation=BOBS)
    office.participation(office.appointment(BOBS), last_name="Martin")
    ours = office.row(participations, mine).appointment_id
    office.outgoing("Votre RDV est confirmé.", appointment_id=ours, participation_id=mine)
    office.stop()
    page = browser.follow("Lire ou imprimer ce qui est conservé")
    assert page.heading == "Ce qui est conservé de Sophie Dupont"
    for words in (
        "samedi 3 mai 2025 à 11h00, prévu",
        "06 12 34 56 78",
        "je serai en retard",
        "Votre RDV est confirmé.",
        "Refus des SMS (STOP)",
    ):
        assert words in page.text
    assert "secret" not in page.text


def test_everybody_who_is_reached_at_the_number_is_named_before_the_button(office: Office) -> None:
    _, mine = _page(office)
    alone = office.at_desk().get(f"/rdv/{office.row(participations, mine).appointment_id}/donnees?personne={mine}")
    assert "personnes" not in alone.text
    office.participation(first_name="Karim")
    office.participation(office.appointment(BOBS), first_name="Ailleurs")
    page = office.at_desk().get(f"/rdv/{office.row(participations, mine).appointment_id}/donnees?personne={mine}")
    assert "Sophie Dupont, Karim Dupont : toutes ces personnes seront effacées." in page.text
    assert "Seulement dans votre organisation : CCAS n° 1." in page.text
    assert "Ailleurs" not in page.text


def test_erasing_asks_whether_one_is_certain_and_then_does_it(office: Office) -> None:
    browser, mine = _page(office)
    message = office.incoming("je serai en retard")
    page = browser.press("Effacer pour toujours")
    assert (page.status, "cochez la case" in page.text) == (422, True)
    assert office.row(participations, mine).last_name == "Dupont"
    page = browser.press("Effacer pour toujours", certain="oui")
    assert ("Les données de cette personne sont effacées." in page.text, page.path) == (True, "/rdv")
    assert office.row(participations, mine).last_name is None
    assert office.row(incoming_messages, message).body == ""
    assert "Aucun message" in browser.get("/messages").text
    assert browser.get(f"/messages/{message}").status == 404


def test_with_coming_appointments_it_is_asked_again(office: Office) -> None:
    browser, mine = _page(office, timedelta(days=2))
    page = browser.press("Effacer pour toujours", certain="oui")
    assert (page.status, "a encore 1 rendez-vous à venir" in page.text) == (422, True)
    assert office.row(participations, mine).last_name == "Dupont"
    browser.press("Effacer pour toujours", **{"certain": "oui", "meme-a-venir": "oui"})
    assert office.row(participations, mine).last_name is None


def test_for_who_is_erased_already_there_is_nothing(office: Office) -> None:
    browser, mine = _page(office)
    office.set(participations, mine, phone=None, email=None)
    ours = office.row(participations, mine).appointment_id
    assert "Données personnelles" not in browser.get(f"/rdv/{ours}").text
    assert browser.get(f"/rdv/{ours}/donnees?personne={mine}").status == 404
