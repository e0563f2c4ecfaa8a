"""The log's lines about acts by link and in the console have the case of the person concerned."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import LogCapture

from smsbot import logs
from smsbot.logs import case_of, follow_cases
from smsbot.store.database import Database
from tests.web.console_site import Office
from tests.web.usager_site import Site

KARIM = "+33612345679"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogCapture]:
    """The lines of the log, with their case if they have one."""
    capture = LogCapture()
    monkeypatch.setattr(logs, "_case_key", None)
    follow_cases("a secret of the tests, of 32 bytes or more")
    structlog.configure(processors=[logs._add_case, capture])
    yield capture
    structlog.reset_defaults()


def told(log: LogCapture) -> list[tuple[str, str]]:
    return [(line["event"], line.get("case", "")) for line in log.entries]


def test_letters_and_yes_by_link(sqlite_database: Database, log: LogCapture) -> None:
    site = Site(sqlite_database)
    mine = site.participation(phone=KARIM)
    visitor = site.visitor()
    visitor.enter(mine, "XXX")
    visitor.give("DUP")
    visitor.press("Annuler le RDV")
    visitor.press("Oui, annuler le rendez-vous")
    letters, case = "letters given by link", case_of(KARIM)
    assert told(log) == [(letters, case), (letters, case), ("answered yes by link", case)]
    assert [line.get("letters") for line in log.entries[:2]] == ["wrong", "right"]


def test_an_answer_and_a_cancellation_in_the_console(sqlite_database: Database, log: LogCapture) -> None:
    office = Office(sqlite_database)
    shared = office.appointment()
    office.participation(shared, phone=KARIM)
    office.participation(shared, phone=None, email="sophie@exemple.fr")
    message = office.incoming("je serai en retard", from_number=KARIM)
    ada = office.at_desk()
    ada.get("/messages")
    log.entries.clear()
    ada.post(f"/messages/{message}/reponse", texte="Nous vous attendons", bouton="envoyer", vu=f"{message}.0")
    assert told(log) == [("answered from the console", case_of(KARIM))]
    log.entries.clear()
    ada.post(f"/rdv/{shared}/annulation", raison="service", mot="")
    ada.post(f"/rdv/{shared}/retablissement", personne="1")
    both = [case_of(KARIM), case_of("sophie@exemple.fr")]
    assert told(log)[:2] == [("cancelled in the console", case) for case in both]
    assert told(log)[2:] == [("taken back in the console", case_of(KARIM))]
