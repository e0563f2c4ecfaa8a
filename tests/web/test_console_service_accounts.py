"""Administrators let other systems use the API, but only in their own organisations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, select, update

from smsbot.agents.account_changes import let_act_everywhere, name_administrator
from smsbot.agents.accounts import Role
from smsbot.agents.service_accounts import add_service
from smsbot.agents.tokens import ApiScope, ApiToken, known_token
from smsbot.outbox.messages import RESTING
from smsbot.sealing import Seal
from smsbot.store.database import Database
from smsbot.store.tables import audit, outgoing_messages
from smsbot.subscriptions.publishing import publish
from smsbot.subscriptions.registering import Subscriptions, end
from smsbot.subscriptions.webhook_signature import new_secret
from tests.web.console_site import ADA, ADAS, BOB, BOBS, CLO, Browser, Office, Seen

MARKED = {f"dans-rdvsp:{ADAS}": "oui", "droit-appointments:read": "oui", "droit-events:read": "oui"}


@pytest.fixture
def office(database: Database) -> Office:
    """An office in which Ada and Bob each administer an organisation."""
    office = Office(database)
    for email in (ADA, BOB):
        agent = office.agent(email)
        database.write_now(lambda c, agent=agent: name_administrator(c, agent, office.clock.now))  # type: ignore[misc]
    return office


def known(office: Office, token: str) -> ApiToken | None:
    return office.database.read_now(lambda c: known_token(c, token, office.clock.now))


def shown_token(page: Seen) -> str:
    return page.response.text.partition('name="nouveau" autocomplete="off" readonly value="')[2].partition('"')[0]


def let_in(browser: Browser, name: str = "agenda-mairie", **fields: str) -> str:
    browser.get("/comptes")
    browser.follow("Accès des logiciels")
    browser.follow("Donner accès à un logiciel")
    page = browser.press("Donner accès", nom=name, **(MARKED | fields))
    assert page.status == 200
    return shown_token(page)


def connect(office: Office, *organisations: str | None) -> None:
    """Give a system access from the shell. None means all organisations."""
    held = None if organisations == (None,) else [("rdvsp", str(each)) for each in organisations]
    office.database.write_now(lambda c: add_service(c, "shell", {ApiScope.EVENTS_READ}, held, office.clock.now))


def test_a_system_gets_a_token_that_is_shown_once(office: Office) -> None:
    browser = office.at_desk()
    token = let_in(browser)
    found = known(office, token)
    assert found is not None
    assert found.agent.email == "agenda-mairie"
    assert found.scopes == frozenset({ApiScope.APPOINTMENTS_READ, ApiScope.EVENTS_READ})
    page = browser.get("/logiciels")
    assert token not in page.response.text
    assert "agenda-mairie CCAS n° 1 Jamais utilisé · Son jeton est valable jusqu’au mardi 5 mai 2026." in page.text
    page = browser.follow("agenda-mairie")
    assert "Lire les rendez-vous Lire ce qui arrive (événements)" in page.text
    office.clock.now += timedelta(days=365)
    assert known(office, token) is None


def test_a_token_is_renewed_and_an_access_ended(office: Office) -> None:
    browser = office.at_desk()
    first = let_in(browser)
    browser.get("/logiciels")
    browser.follow("agenda-mairie")
    page = browser.press("Renouveler le jeton", encore="1")
    second = shown_token(page)
    assert "L’ancien jeton vaut encore jusqu’au lun 05/05 12h00." in page.text
    assert [known(office, each) is not None for each in (first, second)] == [True, True]
    office.clock.now += timedelta(minutes=59)
    assert known(office, first) is not None
    office.clock.now += timedelta(minutes=1)
    assert [known(office, each) is not None for each in (first, second)] == [False, True]
    browser = office.at_desk()
    browser.get("/logiciels")
    browser.follow("agenda-mairie")
    assert browser.press("Retirer l’accès").status == 422
    page = browser.press("Retirer l’accès", certain="oui")
    assert "ce logiciel n’a plus accès" in page.text
    assert known(office, second) is None
    acts = select(audit.c.act, audit.c.way, audit.c.agent).where(audit.c.act.like("service_%")).order_by(audit.c.id)
    assert [tuple(row) for row in office.database.read_now(lambda c: c.execute(acts).all())] == [
        ("service_added", "console", "agenda-mairie"),
        ("service_rotated", "console", "agenda-mairie"),
        ("service_revoked", "console", "agenda-mairie"),
    ]


def test_what_is_missing_is_said_beside_its_field(office: Office) -> None:
    browser = office.at_desk()
    let_in(browser)
    no_scope = {f"dans-rdvsp:{ADAS}": "oui"}
    for fields, why in (
        ({"nom": "Agenda de la mairie", **MARKED}, "écrivez un nom comme agenda-mairie"),
        ({"nom": "ada@mairie.fr", **MARKED}, "écrivez un nom comme agenda-mairie"),
        ({"nom": "agenda-mairie", **MARKED}, "ce nom est déjà pris"),
        ({"nom": "autre", **no_scope}, "cochez au moins une case"),
        ({"nom": "autre", "droit-events:read": "oui"}, "cochez au moins une organisation"),
    ):
        browser.get("/logiciels/ajout")
        answer = browser.post("/logiciels", **fields)
        assert (answer.status_code, why in answer.text) == (422, True), why
        assert f'value="{fields["nom"].lower()}"' in answer.text.lower()


def test_nobody_gives_or_takes_more_than_they_administer(office: Office) -> None:
    ada = office.at_desk()
    ada.get("/logiciels/ajout")
    for wrong in (f"rdvsp:{BOBS}", "toutes", f"autre:{ADAS}"):
        fields = {"nom": "autre", "droit-events:read": "oui", f"dans-{wrong}": "oui"}
        assert ada.post("/logiciels", **fields).status_code == 404
    connect(office, ADAS, BOBS)
    page = ada.get("/logiciels")
    assert "CCAS n° 1 et une autre organisation que vous n’administrez pas" in page.text
    where = str(ada.follow("shell").url).partition("/agents")[2]
    assert "Renouveler" not in ada.page.text
    for act in ("renouvellement", "fin"):
        assert ada.post(f"{where}/{act}", certain="oui").status_code == 404
    clo = office.at_desk(CLO)
    for path in ("/logiciels", "/logiciels/ajout", where):
        assert clo.get(path).status == 404


def test_what_may_act_everywhere_is_changed_by_administrators_of_all(office: Office) -> None:
    connect(office, None)
    ada = office.at_desk()
    ada.get("/logiciels")
    assert "Toutes les organisations, même celles à venir" in ada.page.text
    ada.follow("shell")
    assert "Renouveler" not in ada.page.text
    agent = office.agent(ADA)
    office.database.write_now(lambda c: let_act_everywhere(c, agent, Role.ADMINISTRATOR))
    ada.get("/logiciels")
    ada.follow("shell")
    assert known(office, shown_token(ada.press("Renouveler le jeton"))) is not None
    ada.get("/logiciels/ajout")
    answer = ada.post("/logiciels", **{"nom": "tout", "droit-events:read": "oui", "dans-toutes": "oui"})
    found = known(office, answer.text.partition('readonly value="')[2].partition('"')[0])
    assert found is not None
    assert found.agent.everywhere


def test_what_a_system_is_told_of_is_seen(office: Office) -> None:
    browser = office.at_desk()
    found = known(office, let_in(browser))
    assert found is not None
    subscriptions = Subscriptions(Seal("a secret of the tests, of 32 bytes or more", "secrets of webhooks"))
    ours = office.appointment()
    office.participation(ours)

    def subscribe(connection: Connection) -> int:
        url = "https://agenda.example.fr/smsbot?key=of-its-own"
        return subscriptions.add(connection, found.agent, url, new_secret(), (), office.clock.now).id

    def seen() -> str:
        browser.get("/logiciels")
        return browser.follow("agenda-mairie").text

    this = office.database.write_now(subscribe)
    assert "Prévenu de ce qui arrive agenda.example.fr : prévenu de tout" in seen()
    assert "of-its-own" not in seen()
    browser.get(f"/rdv/{ours}/annulation")
    browser.press("Oui, annuler", raison="service")
    office.database.write_now(lambda connection: publish(connection, office.clock.now))
    assert "agenda.example.fr : 1 événement en attente" in seen()
    given_up = update(outgoing_messages).where(outgoing_messages.c.channel == "webhook").values(state=RESTING)
    office.database.write_now(lambda connection: connection.execute(given_up))
    assert "agenda.example.fr : 1 événement abandonné après un jour d’essais , 0 en attente" in seen()
    office.database.write_now(lambda connection: end(connection, this, office.clock.now))
    assert "agenda.example.fr : ne veut plus rien recevoir depuis le" in seen()
