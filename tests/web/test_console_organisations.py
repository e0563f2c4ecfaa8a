"""Administrators see their organisations: the settings of each, its figures, and what is wrong there."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, insert

from smsbot.agents.account_changes import add_agent, let_act_everywhere, name_administrator
from smsbot.agents.accounts import Role
from smsbot.agents.tokens import issue_token
from smsbot.appointments.intake import Feed, note_last_word
from smsbot.store.database import Database
from smsbot.store.tables import appointments, connected_sources, organisations
from tests.web.console_site import ADA, BOB, BOBS, NOW, Office, Seen
from tests.web.test_console_short_way import tallied

EVE = "eve@departement.fr"
POLICY = {
    "organisations": {
        "1": {"notice_hours": 1.5, "name": "Mairie de Bron"},
        "77": {"name": "Pas encore", "sender": "36123"},
    },
    "defaults": {"label": "RDV social"},
}


@pytest.fixture
def office(database: Database) -> Office:
    """An office in which Ada administers the first organisation, with which nothing is wrong. Eve administers all."""
    office = Office(database, policy=POLICY)
    database.write_now(partial(name_administrator, agent=office.agent(ADA), now=NOW))

    def name(connection: Connection) -> None:
        let_act_everywhere(connection, add_agent(connection, EVE, "rdvsp", [], NOW), Role.ADMINISTRATOR)

    database.write_now(name)
    office.participation(office.appointment())
    return office


def _list(office: Office, query: str = "", email: str = EVE) -> Seen:
    return office.at_desk(email).get(f"/organisations{query}")


def _one(office: Office, key: str, email: str = EVE) -> Seen:
    return office.at_desk(email).get(f"/organisations/fiche?structure={key}")


def _names(page: Seen) -> list[str]:
    """The organisations on a page, in their order."""
    return [text for text, href in page.links.items() if "/fiche?" in href]


def test_all_that_are_known_are_listed_with_or_without_appointments(office: Office) -> None:
    office.employ("dan@mairie.fr", "999")
    assert _names(_list(office)) == ["999", "CCAS n° 1", "CCAS n° 2", "Pas encore"]
    assert _names(_list(office, email=ADA)) == ["CCAS n° 1"]
    assert "4 organisations · 3 à vérifier" in _list(office).text
    assert "à vérifier" not in _list(office, email=ADA).text.split("1 organisation")[1]


def test_they_are_found_by_name_and_number_and_by_what_is_wrong(office: Office) -> None:
    for query, names in (
        ("?q=ccas+1", ["CCAS n° 1"]),
        ("?q=pas+ENCORE", ["Pas encore"]),
        ("?q=77", ["Pas encore"]),
        ("?q=nulle+part", []),
        ("?voir=a-verifier", ["CCAS n° 2", "Pas encore"]),
        ("?voir=sans-compte", ["Pas encore"]),
        ("?voir=sans-rendez-vous", ["CCAS n° 2", "Pas encore"]),
        ("?voir=sans-rendez-vous&q=ccas", ["CCAS n° 2"]),
        ("?page=9", ["CCAS n° 1", "CCAS n° 2", "Pas encore"]),
    ):
        assert _names(_list(office, query)) == names, query


def test_what_is_set_is_told_apart_from_what_is_the_default(office: Office) -> None:
    text = _one(office, "rdvsp:1").text
    for said in (
        "Au nom de Mairie de Bron réglé pour elle",
        "Annulation jusqu’à 1,5 h avant réglé pour elle",
        "Nom donné aux rendez-vous RDV social par défaut",
        "Expéditeur des SMS +33937000000 par défaut",
        "Rappel 48 h avant, jamais de 21h à 8h pour toutes les organisations",
        "Comptes 2 et un compte de toutes les organisations".replace("un compte", "1 compte"),
    ):
        assert said in text, said
    text = _one(office, "rdvsp:77").text
    assert "Expéditeur des SMS 36123 réglé pour elle" in text
    assert "Annulation jusqu’à 4 h avant par défaut" in text


def test_figures_of_the_month_and_what_waits(office: Office) -> None:
    early = office.appointment(starts_at=NOW + timedelta(days=3), status="excused")
    office.participation(early, status="excused", cancelled_at=NOW, cancelled_by="usager", cancelled_way="sms")
    about = {"appointment_id": early}
    office.outgoing("Rappel", **about)
    office.outgoing("Rappel", delivery_status="failed", **about)
    office.incoming("je serai en retard")
    text = _list(office, email=ADA).text
    assert "Ce mois-ci : 2 rendez-vous, 1 annulé par l’usager au moins 24 h avant · 1 message non remis sur 2" in text
    assert "1 conversation à traiter" in text
    page = _one(office, "rdvsp:1", ADA)
    assert "Messages non remis 1 50,0 % de 2" in page.text
    for link, heading in (("Ses messages", "Messages à traiter"), ("Ses comptes", "Comptes des agents")):
        assert office.at_desk(ADA).get(page.links[link].removeprefix("/agents")).heading == heading


def test_nobody_who_sees_its_messages(office: Office) -> None:
    assert "Personne ne voit" not in _one(office, "rdvsp:2").text
    office.revoke(BOB)
    assert "Aucun compte à elle" in _one(office, "rdvsp:2").text
    program = office.database.write_now(lambda c: add_agent(c, "agenda@mairie.fr", "rdvsp", [BOBS], NOW))
    office.database.write_now(lambda c: issue_token(c, program, NOW))
    page = _one(office, "rdvsp:2")
    assert "Aucun compte à elle" in page.text, "a technical account reads no messages"
    link = next(href for text, href in page.links.items() if text.startswith("Donner accès"))
    form = office.at_desk(EVE).get(link.removeprefix("/agents")).forms[-1]
    assert form.fields["structure"] == "rdvsp:2"


def test_no_appointment_for_a_month(office: Office) -> None:
    this = office.appointment(BOBS, starts_at=NOW - timedelta(days=29))
    assert "Aucun rendez-vous" not in _one(office, "rdvsp:2").text
    office.set(appointments, this, starts_at=NOW - timedelta(days=31))
    assert "Aucun rendez-vous depuis 30 jours : le dernier était le vendredi 4 avril." in _one(office, "rdvsp:2").text
    assert "Aucun rendez-vous n’est encore arrivé" in _one(office, "rdvsp:77").text


def test_appointments_of_one_that_smsbot_toml_does_not_name(office: Office) -> None:
    assert "Rien n’est réglé" not in _one(office, "rdvsp:2").text
    office.appointment(BOBS)
    assert "Rien n’est réglé pour elle" in _one(office, "rdvsp:2").text
    assert "Rien n’est réglé pour elle" not in _one(office, "rdvsp:1").text
    rows = [{"source": "rdvsp", "external_id": f"9{number}"} for number in range(5)]
    office.database.write_now(lambda c: c.execute(insert(organisations), rows).close())
    assert "Rien n’est réglé" not in _one(office, "rdvsp:2").text, "few have a table of their own"


def test_a_sender_that_is_refused(office: Office) -> None:
    for _ in range(3):
        office.outgoing("x", state="refused", delivery_status=None, error_code="21606")
    assert "L’expéditeur +33937000000 est refusé" in _one(office, "rdvsp:1").text
    assert "est refusé" not in _one(office, "rdvsp:77").text
    office.outgoing("x")
    assert "est refusé" not in _one(office, "rdvsp:1").text


def test_refused_senders_are_found_by_what_was_given_up_and_not_among_all_of_a_day(sqlite_database: Database) -> None:
    office = Office(sqlite_database)
    sqlite_database.write_now(partial(name_administrator, agent=office.agent(ADA), now=NOW))
    with tallied(sqlite_database) as tally:
        _one(office, "rdvsp:1", ADA)
    [sql] = [statement for statement in tally.statements if "given_up" in statement]
    plan = sqlite_database.read_now(lambda c: [row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")])
    assert "SEARCH given_up USING INDEX ix_outgoing_messages_given_up (created_at>?)" in plan


def test_too_many_messages_that_do_not_arrive(office: Office) -> None:
    about = {"appointment_id": office.appointment()}
    for number in range(20):
        office.outgoing("x", delivery_status="failed" if number < 2 else "delivered", **about)
    assert "10,0 % des messages du mois n’arrivent pas." in _one(office, "rdvsp:1").text


def test_a_connected_source_that_is_silent(database: Database) -> None:
    office = Office(database, source_writes={"rdvsp": True})
    database.write_now(partial(name_administrator, agent=office.agent(ADA), now=NOW))
    silent = "Son agenda ne donne plus de nouvelles."
    assert silent in _one(office, "rdvsp:1", ADA).text
    database.write_now(lambda c: note_last_word(c, "rdvsp", Feed.WEBHOOK, NOW))
    assert silent in _one(office, "rdvsp:1", ADA).text, "nobody is signed in there"
    signed_in = {"source": "rdvsp", "version": 1, "tokens": "sealed"}
    database.write_now(lambda c: c.execute(insert(connected_sources).values(signed_in)).close())
    assert silent not in _one(office, "rdvsp:1", ADA).text
    office.clock.now = NOW + timedelta(hours=25)
    assert silent in _one(office, "rdvsp:1", ADA).text


def test_only_administrators_see_them_and_only_theirs(office: Office) -> None:
    assert "Organisations" not in office.at_desk(BOB).get("/rdv").links
    assert (_list(office, email=BOB).status, _one(office, "rdvsp:2", BOB).status) == (404, 404)
    assert _one(office, "rdvsp:2", ADA).status == 404
    assert [_one(office, key).status for key in ("rdvsp:3", "", "x:1", "%00")] == [404] * 4
    ada = office.at_desk(ADA)
    ada.get("/organisations/fiche?structure=rdvsp:1")
    assert ada.post("/organisations/alerte", structure="rdvsp:2", email="x@y.fr").status_code == 404


def test_hundreds_have_pages(office: Office) -> None:
    rows = [{"source": "rdvsp", "external_id": f"9{number:03}", "name": f"Mairie {number}"} for number in range(60)]
    office.database.write_now(lambda c: c.execute(insert(organisations), rows))
    pages = [_list(office, f"?q=mairie&page={number}") for number in (1, 2, 3)]
    assert [len(_names(page)) for page in pages] == [25, 25, 10]
    assert "60 organisations : de 26 à 50" in pages[1].text
    assert _names(pages[0])[:11] == [f"Mairie {number}" for number in range(11)]
    assert ("Organisations suivantes" in pages[2].links, "Organisations précédentes" in pages[2].links) == (False, True)
