"""Every page that an agent opens and every form is answered in one transaction, with few statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import event

from smsbot.agents.account_changes import name_administrator
from smsbot.store.database import Database
from tests.web.console_site import ADA, CLO, NOW, Browser, Office

_FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")


@dataclass
class Town:
    """The data for the pages: two people in one appointment, and one who has written."""

    office: Office

    def __post_init__(self) -> None:
        office = self.office
        ada, self.clo = office.agent(ADA), str(office.agent(CLO).id)
        office.database.write_now(lambda c: name_administrator(c, ada, NOW))
        self.appointment = office.appointment()
        self.participation = office.participation(self.appointment, wrong_answers=3, locked_until=NOW.replace(hour=20))
        office.participation(self.appointment, first_name="Karim", phone="+33612345679")
        self.message = office.incoming("je serai en retard")
        self.failed = office.outgoing(
            "Rappel",
            kind="reminder",
            appointment_id=self.appointment,
            participation_id=self.participation,
            delivery_status="failed",
        )

    def path(self, path: str) -> str:
        return path.format(rdv=self.appointment, message=self.message, personne=self.participation, clo=self.clo)

    def fields(self) -> dict[str, str]:
        return {
            "personne": str(self.participation),
            "raison": "service",
            "message": str(self.failed),
            "vu": f"{self.message}.0",
            "collegue": self.clo,
            "texte": "Nous vous attendons",
            "bouton": "envoyer",
            "mot": "Rappelée",
            "quand": "heure",
            "titre": "Bonjour",
            "email": "dan@mairie.fr",
            "organisation": str(self.office.organisation_ids["1"]),
            "agent": self.clo,
            "structure": "rdvsp:1",
            "role": "administrator",
            "lignes": "e-mail;organisations\ndan@mairie.fr;1\n",
            "nom": "agenda",
            "dans-rdvsp:1": "oui",
            "droit-appointments:read": "oui",
        }


@dataclass
class Tally:
    """The transactions and statements of one request."""

    transactions: int = 0
    begun_to_write: int = 0
    committed: int = 0
    statements: list[str] = field(default_factory=list)


@contextmanager
def tallied(database: Database) -> Iterator[Tally]:
    """Counts the statements in the driver, because prepared ones raise no events of SQLAlchemy."""
    tally = Tally()

    def note(statement: str) -> None:
        tally.transactions += statement.startswith("BEGIN")
        tally.begun_to_write += statement == "BEGIN IMMEDIATE"
        tally.committed += statement == "COMMIT"
        if not statement.startswith(_FRAME):
            tally.statements.append(statement)

    def watch(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(note)

    def leave(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_trace_callback(None)

    event.listen(database.engine, "checkout", watch)
    event.listen(database.engine, "checkin", leave)
    try:
        yield tally
    finally:
        event.remove(database.engine, "checkout", watch)
        event.remove(database.engine, "checkin", leave)


@pytest.fixture
def town(sqlite_database: Database) -> Town:
    return Town(Office(sqlite_database))


def _measured(town: Town, ask: Callable[[Browser], int]) -> tuple[int, Tally]:
    browser = town.office.at_desk()
    browser.get("/rdv")
    browser.client.follow_redirects = False
    with tallied(town.office.database) as tally:
        status = ask(browser)
    return status, tally


PAGES = {
    "/rdv": 8,  # some are for the filters: organisations, places and labels
    "/rdv?q=dupont&jour=2025-05-12": 8,
    "/rdv.csv": 6,
    "/calendriers": 5,
    "/rdv/{rdv}": 6,
    "/rdv/{rdv}?personne={personne}": 8,
    "/rdv/{rdv}/annulation": 5,
    "/rdv/{rdv}/donnees?personne={personne}": 10,
    "/rdv/{rdv}/donnees/lecture?personne={personne}": 19,  # one for each table that keeps something about a person
    "/messages": 8,  # some are for the filters (organisations, places) and for the colleagues to hand over to
    "/messages/liste": 5,
    "/messages/nombre": 2,
    "/messages/{message}": 11,  # one is for the ready answers
    "/messages/{message}/direct": 6,
    "/reponses": 4,
    "/comptes": 8,  # some are for the organisations, the roles of the shown accounts, and their tokens
    "/comptes?q=clo&structure=rdvsp:1&role=agents&etat=90&tri=anciens": 8,
    "/comptes.csv": 5,
    "/comptes/ajout": 4,
    "/comptes/import": 3,
    "/logiciels": 8,
    "/logiciels/ajout": 4,
    "/comptes/{clo}": 7,
    "/comptes/retrait?agent={clo}&structure=rdvsp:1": 7,
    # Eight find which months are counted and count the present one. Others: accounts, appointments, what waits.
    "/organisations": 19,
    "/organisations/fiche?structure=rdvsp:1": 20,
    # One for each of the four counts, and three that find which months are counted.
    "/chiffres": 12,
    "/nulle-part": 2,
    "/rdv/999": 3,
}


@pytest.mark.parametrize(("path", "most"), PAGES.items())
def test_a_page_is_one_transaction_of_few_statements(town: Town, path: str, most: int) -> None:
    status, tally = _measured(town, lambda browser: browser.client.get(f"/agents{town.path(path)}").status_code)
    assert status == (404 if path in ("/nulle-part", "/rdv/999") else 200)
    assert tally.transactions == 1
    assert len(tally.statements) <= most, "\n\n".join(tally.statements)


FORMS = {
    "/rdv/{rdv}/annulation": (303, 14),
    "/rdv/{rdv}/annulation?personne={personne}": (303, 15),
    "/rdv/{rdv}/retablissement": (303, 4),  # nothing was cancelled
    "/rdv/{rdv}/deblocage": (303, 4),
    "/rdv/{rdv}/renvoi": (303, 4),
    "/calendriers": (303, 5),
    "/calendriers/999/renouvellement": (404, 3),
    "/calendriers/999/suppression": (404, 3),
    "/rdv/999/annulation": (404, 3),
    "/rdv/{rdv}/annulation?personne=999": (404, 3),
    "/rdv/{rdv}/effacement": (422, 10),
    "/messages/999/reponse": (404, 3),
    "/messages/{message}/prise": (303, 5),
    "/messages/{message}/rendu": (303, 4),
    # Three of them find the message's position in the list, and the next message there.
    "/messages/{message}/reponse": (303, 12),
    "/messages/{message}/fin": (303, 8),
    "/messages/{message}/plus-tard": (303, 8),
    "/messages/{message}/retour": (303, 5),
    "/messages/{message}/note": (303, 6),
    "/messages/ensemble": (303, 2),  # nothing marked
    "/reponses": (303, 5),
    "/messages/{message}/reouverture": (303, 2),
    "/messages/{message}/relais": (303, 10),
    "/messages/compte": (200, 1),
    "/comptes": (303, 15),
    "/comptes/{clo}/role": (303, 15),
    "/comptes/{clo}/nom": (303, 8),
    "/comptes/import": (200, 5),
    "/logiciels": (200, 10),
    "/logiciels/999/renouvellement": (404, 7),
    "/logiciels/999/fin": (404, 7),
    "/comptes/import/fait": (200, 7),  # nothing is done, because it would not be what was shown
    "/comptes/retrait": (303, 19),  # three of them end the agent's calendars
    "/organisations/alerte": (303, 8),
    "/deconnexion": (303, 2),
}


_LEFT_OUT = {"prise": ("texte", "mot"), "note": ("texte",), "reponse": ("mot",)}
"""Fields to leave out: an answer and a note sent together would need more statements."""


@pytest.mark.parametrize(("path", "expected"), FORMS.items())
def test_a_form_is_one_transaction_of_few_statements(town: Town, path: str, expected: tuple[int, int]) -> None:
    status, most = expected
    left_out = _LEFT_OUT.get(path.rpartition("/")[2], ())

    def post(browser: Browser) -> int:
        fields = {name: value for name, value in town.fields().items() if name not in left_out}
        return browser.post(town.path(path), **fields).status_code

    answered, tally = _measured(town, post)
    assert answered == status
    assert tally.transactions == 1
    assert tally.committed == tally.begun_to_write, "a refusal undoes nothing of what is committed with it"
    assert len(tally.statements) <= most, "\n\n".join(tally.statements)


def test_that_an_agent_was_seen_is_written_once_a_minute(town: Town) -> None:
    browser = town.office.at_desk()
    browser.get("/rdv")
    town.office.clock.now = NOW.replace(minute=1)
    transactions = []
    for _ in range(2):
        with tallied(town.office.database) as tally:
            browser.get("/messages")
        transactions.append(tally.transactions)
    assert transactions == [2, 1]
