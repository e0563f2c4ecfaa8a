"""Ready answers: agents of an organisation keep them, choose one with the appointment's facts filled in, and
edit it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsbot.inbox.ready_answers import MOST_OF_AN_ORGANISATION, ReadyAnswer, answers_of, fill_in, left_open
from smsbot.store.database import Database
from smsbot.store.tables import ready_answers
from tests.lines import every_line
from tests.web.console_site import ADA, ADAS, BOB, BOBS, CLO, NOW, Browser, Office

TEXT = "Nous vous attendons {jour} à {heure}, {lieu}. Tél. {TELEPHONE}. {organisation}"
REBOOK = "https://rdv.example.fr/prendre"


@pytest.fixture
def office(sqlite_database: Database) -> Office:
    return Office(sqlite_database, policy={"organisations": {ADAS: {"rebook_url": REBOOK}}})


@pytest.fixture
def either_office(database: Database) -> Office:
    return Office(database)


def _kept(office: Office, organisation: str = ADAS) -> list[ReadyAnswer]:
    return list(office.database.read_now(lambda c: answers_of(c, office.organisation_ids[organisation])))


def _keep(office: Office, title: str, text: str = TEXT, organisation: str = ADAS) -> int:
    values = {"organisation_id": office.organisation_ids[organisation], "title": title, "text": text, "version": 1}
    return office.add(ready_answers, values)


def _writing(office: Office, message: int, email: str = ADA) -> Browser:
    browser = office.at_desk(email)
    browser.get(f"/messages/{message}")
    browser.press("Je m’en occupe")
    return browser


@every_line(
    ("text", "expected", "still_open"),
    [
        ("à {heure}", "à 14h30", []),
        ("{ Heure } {HEURE}{jour}", "14h30 14h30{jour}", ["{jour}"]),
        ("{téléphone} {telephone}", "{téléphone} {telephone}", ["{téléphone}", "{telephone}"]),
        ("{prénom} {} { } {heure", "{prénom} {} { } {heure", []),
        ("{jour} et {jour}", "{jour} et {jour}", ["{jour}"]),
    ],
)
def test_what_is_known_is_filled_in_and_the_rest_stays(text: str, expected: str, still_open: list[str]) -> None:
    filled = fill_in(text, {"heure": "14h30"})
    assert (filled, left_open(filled)) == (expected, still_open)


@given(st.text())
def test_nothing_in_braces_is_filled_in_that_is_not_known(text: str) -> None:
    assert fill_in(text, {}) == text


def test_one_is_made_changed_and_removed(either_office: Office) -> None:
    office = either_office
    ada = office.at_desk()
    ada.get("/messages")
    ada.follow("Réponses prêtes")
    assert "Aucune réponse prête" in ada.page.text
    page = ada.press("Ajouter", titre=" Nous  attendons ", texte="Venez.\r\nMerci ")
    assert (page.path, "La réponse est ajoutée." in page.text) == ("/reponses", True)
    [kept] = _kept(office)
    assert (kept.title, kept.text, kept.version) == ("Nous attendons", "Venez.\nMerci", 1)
    assert "Nous attendons" in office.at_desk(CLO).get("/reponses").text
    assert "Nous attendons" not in office.at_desk(BOB).get("/reponses").text
    ada.press("Enregistrer Nous attendons", titre="On attend", texte="Venez {jour}.")
    assert [(each.title, each.text, each.version) for each in _kept(office)] == [("On attend", "Venez {jour}.", 2)]
    page = ada.press("Oui, supprimer On attend")
    assert ("La réponse est supprimée." in page.text, _kept(office)) == (True, [])


def test_what_cannot_be_kept_is_said_and_stays_on_the_page(office: Office) -> None:
    _keep(office, "Retard")
    ada = office.at_desk()
    ada.get("/reponses")
    for title, text, words in (
        ("", "Bonjour", "Écrivez un titre et un texte."),
        ("Bonjour", " ", "Écrivez un titre et un texte."),
        ("x" * 61, "Bonjour", "Le titre a 60 signes au plus"),
        ("Bonjour", "x" * 601, "le texte 600"),
        ("Retard", "Un autre texte", "Une autre réponse porte déjà ce titre"),
    ):
        page = ada.press("Ajouter", titre=title, texte=text)
        assert (page.status, words in page.text, page.title.startswith("Erreur")) == (422, True, True), title
        assert text.strip() in page.response.text
    for each in range(MOST_OF_AN_ORGANISATION):
        _keep(office, f"Réponse {each}")
    assert "Il y a trop de réponses" in ada.press("Ajouter", titre="Encore une", texte="x").text


def test_of_two_agents_the_second_is_told_and_keeps_what_they_typed(either_office: Office) -> None:
    office = either_office
    _keep(office, "Retard", "Pas grave.")
    ada, clo, late = office.at_desk(), office.at_desk(CLO), office.at_desk(CLO)
    for browser in (ada, clo, late):
        browser.get("/reponses")
    ada.press("Enregistrer Retard", texte="Venez quand même.")
    page = clo.press("Enregistrer Retard", texte="Merci de prévenir.")
    assert (page.status, "son texte est « Venez quand même. »" in page.text) == (409, True)
    assert "Merci de prévenir." in page.response.text
    assert [each.text for each in _kept(office)] == ["Venez quand même."]
    assert "Un collègue a modifié ou supprimé" in late.press("Oui, supprimer Retard").text
    clo.press("Enregistrer Retard", texte="Merci de prévenir.")  # Clo has seen it
    assert [each.text for each in _kept(office)] == ["Merci de prévenir."]
    for browser in (ada, clo):
        browser.get("/reponses")
    ada.press("Oui, supprimer Retard")
    page = clo.press("Enregistrer Retard", texte="Ne pas perdre.")
    assert (page.status, "Un collègue a supprimé cette réponse entre-temps" in page.text) == (409, True)
    clo.press("Ajouter")
    assert [(each.title, each.text) for each in _kept(office)] == [("Retard", "Ne pas perdre.")]


def test_of_two_new_ones_of_one_title_at_the_same_moment_one_is_kept(either_office: Office) -> None:
    browsers = [either_office.at_desk(email) for email in (ADA, CLO)]
    for browser in browsers:
        browser.get("/reponses")
    with ThreadPoolExecutor(2) as threads:
        pages = list(threads.map(lambda one: one.press("Ajouter", titre="Retard", texte="x"), browsers))
    assert sorted(page.status for page in pages) == [200, 422]
    assert len(_kept(either_office)) == 1


def test_each_organisation_has_its_own(office: Office) -> None:
    office.employ(ADA, ADAS, BOBS)
    _keep(office, "Des nôtres")
    theirs = _keep(office, "Des autres", organisation=BOBS)
    ada = office.at_desk()
    page = ada.get("/reponses")
    assert ("Des nôtres" in page.text, "Des autres" in page.text) == (True, False)
    page = ada.press("Afficher", organisation=str(office.organisation_ids[BOBS]))
    assert ("Des nôtres" in page.text, "Des autres" in page.text) == (False, True)
    clo = office.at_desk(CLO)
    clo.get("/reponses")
    for fields in ({"organisation": str(office.organisation_ids[BOBS])}, {"organisation": ""}):
        for path in ("/reponses", f"/reponses/{theirs}", f"/reponses/{theirs}/suppression"):
            assert clo.post(path, titre="x", texte="x", version="1", **fields).status_code == 404
    ours = {"organisation": str(office.organisation_ids[ADAS])}
    assert clo.post(f"/reponses/{theirs}", titre="x", texte="x", version="1", **ours).status_code == 409
    assert [each.title for each in _kept(office, BOBS)] == ["Des autres"]


def test_one_is_chosen_filled_in_edited_and_sent(either_office: Office) -> None:
    office = either_office
    office.participation()
    answer, message = _keep(office, "Nous attendons"), office.incoming("je serai en retard")
    ada = _writing(office, message)
    filled = "Nous vous attendons lundi 12 mai à 14h30, Mairie du 3e. Tél. 01 23 45 67 89. CCAS n° 1"
    assert f'data-texte="{filled}"' in ada.page.response.text
    page = ada.press("Reprendre ce texte", modele=str(answer))
    assert page.forms[1].fields["texte"] == filled
    assert office.sent() == []
    page = ada.press("Reprendre ce texte", modele=str(answer), texte="Bonjour,")
    assert page.forms[1].fields["texte"] == f"Bonjour,\n{filled}"
    for chosen in ("", "999", "x"):
        assert ada.press("Reprendre ce texte", modele=chosen, texte="Bonjour").forms[1].fields["texte"] == "Bonjour"
    page = ada.press("Envoyer", modele=str(answer), texte=" ")
    assert (page.status, "La réponse prête est reprise ci-dessous. Relisez-la" in page.text) == (422, True)
    assert (page.forms[1].fields["texte"], office.sent()) == (filled, [])
    ada.press("Envoyer", texte="Nous vous attendons.")
    assert [sent.body for sent in office.sent()] == ["Nous vous attendons."]


@every_line(
    ("values", "about", "facts"),
    [
        ({"bookable_by_everyone": True}, True, f"lundi 12 mai|14h30|Mairie du 3e|01 23 45 67 89|{REBOOK}|CCAS n° 1"),
        ({"bookable_by_everyone": False}, True, "lundi 12 mai|14h30|Mairie du 3e|01 23 45 67 89|{lien}|CCAS n° 1"),
        (
            {"place_phone_number": "0478000000", "time_zone": "Indian/Reunion", "location_type": "home"},
            True,
            "lundi 12 mai|16h30|CCAS n° 1|04 78 00 00 00|{lien}|CCAS n° 1",
        ),
        (
            {"starts_at": NOW - timedelta(days=400)},
            True,
            "dimanche 31 mars 2024|11h00|Mairie du 3e|01 23 45 67 89|{lien}|CCAS n° 1",
        ),
        ({}, False, "{jour}|{heure}|{lieu}|01 23 45 67 89|{lien}|CCAS n° 1"),
    ],
)
def test_the_facts_are_those_of_the_appointment_that_it_is_about(
    office: Office, values: dict[str, Any], about: bool, facts: str
) -> None:
    phone = f"+336{next(office.ids):08}"
    if about:
        office.participation(office.appointment(**values), phone=phone)
    text = "{jour}|{heure}|{lieu}|{téléphone}|{lien}|{organisation}"
    answer, message = _keep(office, phone, text), office.incoming("?", from_number=phone)
    page = _writing(office, message).press("Reprendre ce texte", modele=str(answer))
    assert page.forms[1].fields["texte"] == facts


def test_what_is_not_known_is_never_sent_in_braces(office: Office) -> None:
    answer, message = _keep(office, "Nous attendons"), office.incoming("?")
    ada = _writing(office, message)
    ada.press("Reprendre ce texte", modele=str(answer))
    page = ada.press("Envoyer")
    assert (page.status, "entre accolades : {jour}, {heure}, {lieu}." in page.text) == (422, True)
    assert office.sent() == []
    ada.press("Envoyer", texte="Nous vous attendons {demain}")
    assert [sent.body for sent in office.sent()] == ["Nous vous attendons {demain}"]
