"""Administrators add and remove agents, in their own organisations and no further."""

from __future__ import annotations

import re

import pytest

from smsbot.agents.administrators import dismiss_administrator, name_administrator
from smsbot.store.database import Database
from tests.web.console_site import ADA, ADAS, BOB, BOBS, CLO, Browser, Office

NEW = "dan@mairie.fr"


@pytest.fixture
def office(database: Database) -> Office:
    office = Office(database)
    ada = office.agent(ADA)
    database.write_now(lambda c: name_administrator(c, ada))
    return office


def _accounts(office: Office) -> Browser:
    browser = office.at_desk()
    browser.get("/rdv")
    browser.follow("Comptes")
    return browser


def _button(browser: Browser, email: str) -> str:
    return next(name for form in browser.page.forms for name in form.buttons if f"Retirer {email}" in name)


def test_who_is_added_gets_a_link_and_comes_in(office: Office) -> None:
    ada = _accounts(office)
    assert (CLO in ada.page.text, BOB in ada.page.text) == (True, False)
    page = ada.press("Ajouter", email=NEW.upper())
    assert ("L’agent est ajouté." in page.text, NEW in page.text) == (True, True)
    [message] = office.sent()
    assert (message.recipient, message.subject) == (NEW, "Votre accès à « Rendez-vous par SMS »")
    link = re.search(r"/agents(/mot-de-passe/\S+)", message.body)
    assert link is not None
    dan = office.visitor()
    dan.get(link[1])
    page = dan.press("Enregistrer et se connecter", motdepasse="une belle phrase secrète")
    assert (page.path, NEW in page.text, "Comptes" in page.links) == ("/rdv", True, False)


def test_who_is_removed_is_out_at_once_and_comes_back_to_nothing(office: Office) -> None:
    office.give_password(CLO)
    clo, ada = office.at_desk(CLO), _accounts(office)
    page = ada.press(_button(ada, CLO))
    assert ("L’agent est retiré" in page.text, CLO in page.text) == (True, False)
    assert clo.get("/rdv").heading == "Connexion"
    assert office.visitor().sign_in(CLO).status == 422
    ada.press("Ajouter", email=CLO)
    assert clo.get("/rdv").heading == "Connexion"
    assert office.visitor().sign_in(CLO).status == 422


def test_who_has_another_organisation_keeps_it(office: Office) -> None:
    office.employ(CLO, BOBS)
    ada = _accounts(office)
    ada.press(_button(ada, CLO))
    clo = office.at_desk(CLO)
    office.participation(office.appointment(BOBS), last_name="Autre")
    office.participation(office.appointment(ADAS))
    page = clo.get("/rdv")
    assert ("Autre" in page.text, "Dupont" in page.text) == (True, False)


def test_nobody_is_added_or_removed_where_one_is_not(office: Office) -> None:
    ada = _accounts(office)
    theirs, bob = str(office.organisation_ids[BOBS]), str(office.agent(BOB).id)
    ours = str(office.organisation_ids[ADAS])
    assert ada.post("/comptes", email=NEW, organisation=theirs).status_code == 404
    for agent, organisation in ((bob, theirs), (bob, ours), (str(office.agent(ADA).id), ours)):
        assert ada.post("/comptes/retrait", agent=agent, organisation=organisation).status_code == 404
    assert office.at_desk(BOB).get("/rdv").status == 200
    assert office.sent() == []


def test_only_administrators_manage_accounts(office: Office) -> None:
    ours, clo = str(office.organisation_ids[ADAS]), office.at_desk(CLO)
    assert "Comptes" not in clo.get("/rdv").links
    assert clo.get("/comptes").status == 404
    clo.get("/rdv")
    assert clo.post("/comptes", email=NEW, organisation=ours).status_code == 404
    ada_id = str(office.agent(ADA).id)
    assert clo.post("/comptes/retrait", agent=ada_id, organisation=ours).status_code == 404
    ada = office.agent(ADA)
    office.database.write_now(lambda c: dismiss_administrator(c, ada))
    assert office.at_desk().get("/comptes").status == 404


def test_what_is_no_address_is_said_so(office: Office) -> None:
    ada = _accounts(office)
    page = ada.press("Ajouter", email="dan")
    assert (page.status, "écrivez une adresse e-mail" in page.text) == (422, True)
    assert page.forms[1].fields["email"] == "dan"
