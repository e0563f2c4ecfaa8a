"""Administrators add and remove agents, but only in their own organisations."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select

from smsbot.agents.account_changes import dismiss_administrator, name_administrator
from smsbot.agents.tokens import issue_token, known_token, note_used
from smsbot.inbox.alerts import alerting
from smsbot.store.database import Database
from smsbot.store.tables import agents, audit
from tests.supervised import supervised
from tests.web.console_site import ADA, ADAS, BOB, BOBS, CLO, NOW, Browser, Office, Seen

NEW = "dan@mairie.fr"


@pytest.fixture
def office(database: Database) -> Office:
    office = Office(database)
    ada = office.agent(ADA)
    database.write_now(lambda c: name_administrator(c, ada, NOW))
    return office


def _accounts(office: Office, email: str = ADA) -> Browser:
    browser = office.at_desk(email)
    browser.get("/rdv")
    browser.follow("Comptes")
    return browser


def _add(browser: Browser, **fields: str) -> Seen:
    browser.get("/comptes")
    browser.follow("Ajouter un compte")
    return browser.press("Ajouter", **fields)


def _ask(browser: Browser, email: str) -> Seen:
    """The page that asks before an organisation is taken from somebody."""
    browser.get("/comptes")
    browser.follow(email)
    return browser.follow(next(link for link in browser.page.links if link.startswith("Retirer de CCAS n° 1")))


def _remove(browser: Browser, email: str) -> Seen:
    _ask(browser, email)
    return browser.press("Oui, retirer")


def test_the_last_use_of_api_tokens_is_told(office: Office) -> None:
    clo = office.agent(CLO)
    assert "jeton" not in _accounts(office).page.text
    token = office.database.write_now(lambda c: issue_token(c, clo, office.clock.now))
    assert "Un jeton d’API, jamais utilisé" in _accounts(office).page.text
    known = office.database.read_now(lambda c: known_token(c, token, office.clock.now))
    assert known is not None
    office.database.write_now(lambda c: note_used(c, known, office.clock.now))
    assert "Un jeton d’API, utilisé en dernier le lundi 5 mai" in _accounts(office).page.text


def test_who_is_added_gets_a_link_and_comes_in(office: Office) -> None:
    ada = _accounts(office)
    assert (CLO in ada.page.text, BOB in ada.page.text) == (True, False)
    page = _add(ada, email=NEW.upper(), nom="Dan Le Goff")
    assert ("L’accès est ouvert." in page.text, page.heading, NEW in page.text) == (True, "Dan Le Goff", True)
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
    page = _remove(ada, CLO)
    assert ("cet accès est retiré" in page.text, CLO in page.text) == (True, False)
    assert clo.get("/rdv").heading == "Connexion"
    assert office.visitor().sign_in(CLO).status == 422
    _add(ada, email=CLO)
    assert clo.get("/rdv").heading == "Connexion"
    assert office.visitor().sign_in(CLO).status == 422


def test_of_two_who_remove_each_other_at_once_one_stays(database: Database) -> None:
    office = Office(database)
    for email in (ADA, CLO):
        office.database.write_now(partial(name_administrator, agent=office.agent(email), now=NOW))
    pages = {ADA: (office.at_desk(ADA), CLO), CLO: (office.at_desk(CLO), ADA)}
    for browser, other in pages.values():
        _ask(browser, other)
    buttons = [partial(browser.press, "Oui, retirer") for browser, _ in pages.values()]
    with ThreadPoolExecutor() as threads:
        statuses = sorted(done.result().status for done in [threads.submit(button) for button in buttons])
    left = [email for email, (browser, _) in pages.items() if browser.get("/comptes").heading == "Comptes des agents"]
    assert (len(left), statuses[0]) == (1, 200)


def test_of_two_who_add_the_same_person_at_once_one_writes_to_them(office: Office) -> None:
    office.database.write_now(partial(name_administrator, agent=office.agent(CLO), now=NOW))
    pages = [office.at_desk(email) for email in (ADA, CLO)]
    for browser in pages:
        browser.get("/comptes/ajout")
    with ThreadPoolExecutor() as threads:
        seen = list(threads.map(lambda browser: browser.press("Ajouter", email=NEW), pages))
    assert [page.heading for page in seen] == [NEW, NEW]
    assert [message.recipient for message in office.sent()] == [NEW]


def test_who_was_added_and_removed_in_the_console_is_in_the_audit(office: Office) -> None:
    ada = _accounts(office)
    _add(ada, email=NEW)
    _remove(ada, NEW)
    assert _in_audit(office, NEW) == [
        ("agent_added", "agent", "console", ADA),
        ("agent_revoked", "agent", "console", ADA),
    ]


def test_who_took_one_of_several_organisations_is_in_the_audit(office: Office) -> None:
    office.employ(CLO, BOBS)
    _remove(_accounts(office), CLO)
    *_, last = _in_audit(office, CLO)
    assert last == ("organisation_taken", "agent", "console", ADA)


def _in_audit(office: Office, email: str) -> list[tuple[str, str, str, str | None]]:
    """The audit of this account: what was done, how, and by which administrator."""
    statement = (
        select(audit.c.act, audit.c.by, audit.c.way, agents.c.email)
        .select_from(audit.outerjoin(agents, agents.c.id == audit.c.administrator_id))
        .where(audit.c.agent == email)
        .order_by(audit.c.id)
    )
    return office.database.read_now(lambda c: [tuple(row) for row in c.execute(statement)])


def test_removing_asks_first(office: Office) -> None:
    page = _ask(_accounts(office), CLO)
    assert (page.heading, CLO in page.text, "CCAS n° 1" in page.text) == ("Retirer cet agent ?", True, True)
    assert office.at_desk(CLO).get("/rdv").status == 200


def test_who_has_another_organisation_keeps_it(office: Office) -> None:
    office.employ(CLO, BOBS)
    ada = _accounts(office)
    _remove(ada, CLO)
    clo = office.at_desk(CLO)
    office.participation(office.appointment(BOBS), last_name="Autre")
    office.participation(office.appointment(ADAS))
    page = clo.get("/rdv")
    assert ("Autre" in page.text, "Dupont" in page.text) == (True, False)


def test_nobody_is_added_or_removed_where_one_is_not(office: Office) -> None:
    ada = _accounts(office)
    theirs, bob, ours = "rdvsp:2", str(office.agent(BOB).id), "rdvsp:1"
    for where in (theirs, "toutes", "", "rdvsp:", "nulle:part"):
        assert ada.post("/comptes", email=NEW, structure=where).status_code == 404, where
        assert ada.post(f"/comptes/{office.agent(CLO).id}/role", structure=where, role="agent").status_code == 404
    assert ada.post(f"/comptes/{bob}/role", structure=ours, role="agent").status_code == 404
    assert ada.post(f"/comptes/{bob}/nom", nom="Bobby").status_code == 404
    assert ada.client.get(f"/agents/comptes/{bob}").status_code == 404
    mine = str(office.agent(ADA).id)
    for agent, structure in ((bob, theirs), (bob, ours), (mine, ours), (mine, ""), (bob, ""), (mine, "toutes")):
        assert ada.post("/comptes/retrait", agent=agent, structure=structure).status_code == 404
        assert ada.client.get(f"/agents/comptes/retrait?agent={agent}&structure={structure}").status_code == 404
    assert office.at_desk(BOB).get("/rdv").status == 200
    assert office.sent() == []


def test_only_administrators_manage_accounts(office: Office) -> None:
    ours, clo = "rdvsp:1", office.at_desk(CLO)
    assert "Comptes" not in clo.get("/rdv").links
    assert clo.get("/comptes").status == 404
    clo.get("/rdv")
    assert clo.post("/comptes", email=NEW, structure=ours).status_code == 404
    ada_id = str(office.agent(ADA).id)
    assert clo.post("/comptes/retrait", agent=ada_id, structure=ours).status_code == 404
    assert clo.post(f"/comptes/{ada_id}/role", structure=ours, role="agent").status_code == 404
    ada = office.agent(ADA)
    office.database.write_now(lambda c: dismiss_administrator(c, ada, NOW))
    assert office.at_desk().get("/comptes").status == 404


def test_before_the_first_appointment_there_are_accounts_to_manage_already(office: Office) -> None:
    office.employ(NEW, "999")
    office.database.write_now(partial(name_administrator, agent=office.agent(NEW), now=NOW))
    dan = _accounts(office, NEW)
    assert _add(dan, email="eve@mairie.fr").heading == "eve@mairie.fr"
    assert "Agent de l’organisation 999." in dan.get("/comptes").text


def test_what_is_no_address_is_said_so(office: Office) -> None:
    page = _add(_accounts(office), email="dan", nom="Dan")
    assert (page.status, "écrivez une adresse e-mail" in page.text) == (422, True)
    assert (page.forms[1].fields["email"], page.forms[1].fields["nom"]) == ("dan", "Dan")


def test_nobody_changes_their_own_account(office: Office) -> None:
    ada = _accounts(office)
    assert "votre propre compte" in _add(ada, email=ADA, role="administrator").text
    page = ada.get(f"/comptes/{office.agent(ADA).id}")
    assert "C’est votre compte" in page.text
    assert not any("Retirer" in link for link in page.links)


# Who is told of new messages


def _tell(office: Office, email: str) -> Seen:
    """The page after this address was set for the organisation."""
    ada = office.at_desk()
    ada.get("/organisations/fiche?structure=rdvsp:1")
    return ada.press("Enregistrer l’adresse", email=email)


def _alert(office: Office) -> int:
    return office.database.write_now(lambda c: office.console.alerts().alert(c, office.clock()))


def test_an_organisation_is_told_of_new_messages_and_of_nothing_in_them(office: Office) -> None:
    office.incoming("avant")
    _alert(office)
    page = _tell(office, "accueil@mairie.fr")
    assert "L’adresse à prévenir est enregistrée." in page.text
    assert page.forms[-1].fields["email"] == "accueil@mairie.fr"
    assert office.audited() == [("role_given", "system", "shell", ADA), ("alert_address_set", "agent", "console", ADA)]
    message = office.incoming("je serai en retard")
    office.incoming("déjà traité", handled_at=office.clock())
    office.incoming("ailleurs", organisation=BOBS)
    assert (_alert(office), _alert(office)) == (3, 0)
    [sent] = office.sent()
    assert (sent.recipient, sent.subject) == ("accueil@mairie.fr", "Un nouveau message à traiter, CCAS n° 1")
    assert f"/agents/messages/{message}" in sent.body
    assert "retard" not in sent.body + sent.html


def test_several_messages_are_told_of_in_one_e_mail(office: Office) -> None:
    _tell(office, "accueil@mairie.fr")
    for text in ("un", "deux", "trois"):
        office.incoming(text)
    _alert(office)
    assert [sent.subject for sent in office.sent()] == ["3 nouveaux messages à traiter, CCAS n° 1"]


def test_nobody_is_told_any_longer(office: Office) -> None:
    _tell(office, "accueil@mairie.fr")
    _tell(office, "")
    office.incoming("un")
    _alert(office)
    assert office.sent() == []


def test_an_address_to_tell_has_to_be_one(office: Office) -> None:
    page = _tell(office, "accueil")
    assert (page.status, page.text.count("écrivez une adresse e-mail")) == (422, 1)


@pytest.mark.anyio
async def test_alerts_go_on_by_themselves_while_the_service_runs(office: Office) -> None:
    await asyncio.to_thread(lambda: _tell(office, ADA))
    office.incoming("un")
    async with supervised(alerting(office.database, office.console.alerts(), office.clock)), asyncio.timeout(10):
        while not await asyncio.to_thread(office.sent):
            await asyncio.sleep(0.01)
