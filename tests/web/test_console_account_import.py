"""Imports of many accounts on the console's pages: shown first, then done as shown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from smsbot.agents.account_changes import name_administrator
from smsbot.agents.accounts import find_agent
from smsbot.store.database import Database
from tests.web.console_site import ADA, BOB, CLO, NOW, Browser, Office, Seen

HEAD = "e-mail;nom;rôle;organisations\n"


@pytest.fixture
def office(database: Database) -> Office:
    office = Office(database)
    database.write_now(partial(name_administrator, agent=office.agent(ADA), now=NOW))
    return office


def _read(ada: Browser, lines: str) -> Seen:
    """The page that shows what these lines would do."""
    ada.get("/comptes")
    ada.follow("Importer des comptes")
    return ada.press("Relire avant d’importer", lignes=lines)


def test_what_would_happen_is_shown_and_then_done(office: Office) -> None:
    ada = office.at_desk()
    page = _read(ada, f"{HEAD}dan@mairie.fr;Dan <Le> Goff;;1\n{CLO};;admin;1\n{BOB};;;2\n{ADA};;agent;1\n")
    assert "1 nouveau compte, 1 compte changé, 0 compte inchangé, 2 lignes refusées." in page.text
    assert "Ligne 4 : « 2 » n’est pas parmi les organisations que vous administrez." in page.text
    assert f"Ligne 5 : {ADA} est votre compte" in page.text
    assert "Dan <Le> Goff dan@mairie.fr Agent de CCAS n° 1. (ligne 2)" in page.text
    assert f"{CLO} Administre CCAS n° 1. (ligne 3)" in page.text
    assert office.database.read_now(partial(find_agent, email="dan@mairie.fr")) is None
    page = ada.press("Importer")
    assert "2 comptes sont ajoutés ou changés" in page.text
    [message] = office.sent()
    assert message.recipient == "dan@mairie.fr"
    listed = ada.get("/comptes").text
    assert ("Dan <Le> Goff" in listed, "Administre CCAS n° 1." in listed) == (True, True)
    assert "Il n’y a rien à faire." in _read(ada, f"{HEAD}{CLO};;;1\n").text


def test_nobody_need_be_written_to(office: Office) -> None:
    ada = office.at_desk()
    _read(ada, f"{HEAD}dan@mairie.fr;;;1\n")
    form = next(form for form in ada.page.forms if "Importer" in form.buttons)
    assert form.fields.pop("prevenir") == "oui"
    ada.press("Importer")
    assert office.sent() == []
    office.agent("dan@mairie.fr")


def test_a_file_is_taken_as_spreadsheets_write_it(office: Office, tmp_path: Path) -> None:
    ada = office.at_desk()
    ada.get("/comptes/import")
    token = ada.page.forms[-1].fields["jeton"]
    content = f"{HEAD}dan@mairie.fr;Zoé Müller;;1\r\n".encode("cp1252")
    answer = ada.client.post(
        "/agents/comptes/import", data={"jeton": token, "lignes": ""}, files={"fichier": ("comptes.csv", content)}
    )
    assert "Zoé Müller" in Seen(answer).text
    for file, said in (
        (b"PK\x03\x04", "c’est un classeur"),
        (b"nom;ville\n", "La première ligne dit : nom, ville."),
        (HEAD.encode() + b"x;y;z;1\n" * 3001, "plus de 3000 lignes"),
    ):
        answer = ada.client.post("/agents/comptes/import", data={"jeton": token}, files={"fichier": ("x.csv", file)})
        assert (answer.status_code, said in Seen(answer).text) == (422, True)
    forged = ada.client.post("/agents/comptes/import", data={"jeton": "x"}, files={"fichier": ("x.csv", content)})
    assert forged.status_code == 403
    too_much = ada.client.post("/agents/comptes/import", data={"jeton": token, "lignes": "x" * 1_100_000})
    assert too_much.status_code == 413


def test_who_is_overtaken_sees_what_it_would_be_now(office: Office) -> None:
    ada, clo = office.at_desk(), office.at_desk(CLO)
    office.database.write_now(partial(name_administrator, agent=office.agent(CLO), now=NOW))
    pages = [(browser, _read(browser, f"{HEAD}dan@mairie.fr;Dan;;1\n")) for browser in (ada, clo)]
    with ThreadPoolExecutor() as threads:
        seen = list(threads.map(lambda each: each[0].press("Importer"), pages))
    assert sorted(page.heading for page in seen) == ["Importer des comptes", "Relire l’import"]
    [late] = [page for page in seen if page.heading == "Relire l’import"]
    assert "entre-temps, des comptes ont changé" in late.text
    assert "0 nouveau compte, 0 compte changé, 1 compte inchangé" in late.text
    assert len(office.sent()) == 1


def test_only_administrators_import(office: Office) -> None:
    clo = office.at_desk(CLO)
    clo.get("/rdv")
    lines = f"{HEAD}dan@mairie.fr;;;1\n"
    assert clo.get("/comptes/import").status == 404
    clo.get("/rdv")
    assert clo.post("/comptes/import", lignes=lines).status_code == 404
    assert clo.post("/comptes/import/fait", lignes=lines).status_code == 404
