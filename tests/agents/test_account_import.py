"""Accounts from a CSV file: read as people send it, planned, done in one transaction, and written back."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import Connection, select

from smsbot.agents.account_changes import add_agent, let_act_everywhere
from smsbot.agents.account_file import (
    LineProblem,
    NoAccounts,
    RefusedAccountLine,
    columns_of_accounts,
    read_accounts,
)
from smsbot.agents.account_import import ImportPlan, carry_out_plan, plan_import
from smsbot.agents.account_list import AccountQuery, ListedAccount, list_all
from smsbot.agents.accounts import Role, find_agent, list_accounts, role_everywhere, where_named
from smsbot.agents.administration import OPERATOR, Mandate, mandate_of
from smsbot.agents.directory import read_directory
from smsbot.model import OrganisationReference
from smsbot.policy import Policy
from smsbot.sources.file_lines import UnreadableFile
from smsbot.spreadsheets import to_french_csv_text
from smsbot.store.database import Database
from smsbot.store.tables import audit
from tests.web.console_site import ADA, ADAS, BOB, BOBS, CLO, NOW, Office

ONE, TWO = OrganisationReference("rdvsp", ADAS), OrganisationReference("rdvsp", BOBS)
HEAD = "e-mail;nom;rôle;organisations\n"


@pytest.fixture
def office(database: Database) -> Office:
    office = Office(database)
    database.write_now(lambda c: add_agent(c, ADA, "rdvsp", [ADAS], NOW, role=Role.ADMINISTRATOR).id)
    return office


def _plan(connection: Connection, content: str | bytes, mandate: Mandate = OPERATOR) -> ImportPlan:
    lines = read_accounts(content.encode() if isinstance(content, str) else content)
    return plan_import(connection, mandate, read_directory(connection, Policy(), mandate), lines, NOW)


def _planned(office: Office, content: str | bytes, email: str | None = None) -> ImportPlan:
    def work(connection: Connection) -> ImportPlan:
        mandate = OPERATOR if email is None else mandate_of(connection, office.agent(email))
        return _plan(connection, content, mandate)

    return office.database.read_now(work)


def _done(office: Office, content: str, mandate: Mandate = OPERATOR) -> list[str]:
    """The agents who cannot sign in yet."""

    def work(connection: Connection) -> list[str]:
        plan = _plan(connection, content, mandate)
        return [each.email for each in carry_out_plan(connection, mandate, plan, NOW)]

    return office.database.write_now(work)


def _refusals(plan: ImportPlan) -> list[tuple[int, LineProblem, str]]:
    return [(each.line, each.problem, each.said) for each in plan.refused]


def test_files_are_read_as_people_send_them() -> None:
    for content in (
        "e-mail;nom;rôle;organisations\nEve@Mairie.fr;Ève Müller;Administratrice;1",
        "sep=,\nAdresse mail,Nom,Profil,Structure\neve@mairie.fr,Ève Müller,ADMIN,1\n",
        "Courriel\tPrénom\tNom\tDroits\tID organisation\n\n eve@mairie.fr\tÈve\tMüller\tadministrateur\t1\r\n",
        "\ufeffrôle;organisations;e-mail;nom;dernière connexion\nadministrateur;1;eve@mairie.fr;Ève Müller;hier",
    ):
        for encoding in ("utf-8", "cp1252"):
            if "\ufeff" in content and encoding == "cp1252":
                continue
            [line] = read_accounts(content.encode(encoding))
            assert not isinstance(line, RefusedAccountLine), content
            assert (line.email, line.name, line.role) == ("eve@mairie.fr", "Ève Müller", Role.ADMINISTRATOR), content
            assert (line.source, line.organisations) == ("rdvsp", "1")


def test_what_is_no_such_file_is_refused_whole() -> None:
    for content in (b"", b"nom;organisations\nx;1", b"e-mail,nom\nx@y.fr,X", b"\0\1\2"):
        with pytest.raises(NoAccounts, match="e-mail and organisations"):
            list(read_accounts(content))
    with pytest.raises(UnreadableFile, match="workbook"):
        list(read_accounts(b"PK\x03\x04..."))


def test_a_plan_says_who_is_new_who_changes_and_which_line_gives_nothing(office: Office) -> None:
    plan = _planned(
        office,
        HEAD
        + "eve@mairie.fr;Ève;;1, 2\n"
        + f"{CLO};;administrateur;CCAS n° 1\n"
        + f"{BOB};;;2\n"
        + f"{BOB};Bob Ross;agent;rdvsp\n"
        + "pas une adresse;;;1\n;;;1\n"
        + "dan@mairie.fr;;chef;1\ndan@mairie.fr;;agent;\n"
        + "paul@mairie.fr;;admin;toutes\n"
        + "eve@mairie.fr;;agent;77\n",
    )
    assert [(each.email, each.lines, each.is_new, each.name, dict(each.gives)) for each in plan.accounts] == [
        (
            "eve@mairie.fr",
            (2, 11),
            True,
            "Ève",
            {ONE: Role.AGENT, TWO: Role.AGENT, OrganisationReference("rdvsp", "77"): Role.AGENT},
        ),
        (CLO, (3,), False, None, {ONE: Role.ADMINISTRATOR}),
        (BOB, (4,), False, None, {}),
        ("paul@mairie.fr", (10,), True, None, {None: Role.ADMINISTRATOR}),
    ]
    assert [each.external_id for each in plan.accounts[0].unknown] == ["77"]
    assert (len(plan.new), len(plan.changed), plan.unchanged) == (2, 1, 1)
    assert _refusals(plan) == [
        (5, LineProblem.UNKNOWN_ORGANISATION, "rdvsp"),
        (6, LineProblem.BAD_EMAIL, "pas une adresse"),
        (7, LineProblem.NO_EMAIL, ""),
        (8, LineProblem.BAD_ROLE, "chef"),
        (9, LineProblem.NO_ORGANISATION, "dan@mairie.fr"),
    ]


def test_an_administrator_imports_within_their_organisations_alone(office: Office) -> None:
    plan = _planned(
        office,
        f"{HEAD}{BOB};;;1\neve@mairie.fr;;;2\neve@mairie.fr;;;CCAS n° 2\n"
        f"eve@mairie.fr;;;77\neve@mairie.fr;;;toutes\n{ADA};;agent;1",
        ADA,
    )
    assert [(each.email, dict(each.gives)) for each in plan.accounts] == [(BOB, {ONE: Role.AGENT})]
    assert [(line, problem) for line, problem, _ in _refusals(plan)] == [
        (3, LineProblem.NOT_YOURS),
        (4, LineProblem.NOT_YOURS),
        (5, LineProblem.NOT_YOURS),
        (6, LineProblem.NOT_YOURS),
        (7, LineProblem.YOURSELF),
    ]


def test_what_was_planned_is_done_and_audited_and_then_there_is_nothing_to_do(office: Office) -> None:
    office.revoke(BOB)
    content = f"{HEAD}eve@mairie.fr;Ève;admin;1\neve@mairie.fr;;;2\n{CLO};Clo;admin;1\n{BOB};;;2\npaul@x.fr;;;toutes\n"
    assert _done(office, content) == ["eve@mairie.fr", BOB, "paul@x.fr"]
    database = office.database
    roles = {email: database.read_now(partial(where_named, agent=office.agent(email))) for email in (CLO, BOB)}
    assert roles == {CLO: {ONE: Role.ADMINISTRATOR}, BOB: {TWO: Role.AGENT}}
    eve, paul = office.agent("eve@mairie.fr"), office.agent("paul@x.fr")
    assert database.read_now(partial(where_named, agent=eve)) == {ONE: Role.ADMINISTRATOR, TWO: Role.AGENT}
    assert database.read_now(partial(role_everywhere, agent=paul)) is Role.AGENT
    names = {each.email: each.name for each in database.read_now(partial(list_accounts, now=NOW))}
    assert (names["eve@mairie.fr"], names[CLO], names[BOB]) == ("Ève", "Clo", None)
    rows = select(audit.c.act, audit.c.agent, audit.c.way, audit.c.detail).where(audit.c.detail.is_not(None))
    told = [tuple(row) for row in database.read_now(lambda c: c.execute(rows.order_by(audit.c.id)).all())]
    assert told[-5:] == [
        ("agent_added", "eve@mairie.fr", "shell", "administrator of rdvsp 1"),
        ("agent_added", "eve@mairie.fr", "shell", "agent of rdvsp 2"),
        ("role_given", CLO, "shell", "administrator of rdvsp 1"),
        ("agent_added", BOB, "shell", "agent of rdvsp 2"),
        ("agent_added", "paul@x.fr", "shell", "agent of all"),
    ]
    again = _planned(office, content)
    assert (again.new, again.changed, again.unchanged) == ([], [], 4)
    assert _done(office, content) == []


def test_an_account_that_one_does_not_see_gets_what_is_given_and_keeps_its_name(office: Office) -> None:
    office.database.write_now(lambda c: add_agent(c, BOB, "rdvsp", [BOBS], NOW, name="Bob Ross").id)
    mandate = office.database.read_now(lambda c: mandate_of(c, office.agent(ADA)))
    assert _done(office, f"{HEAD}{BOB};Robert;;1\n", mandate) == []
    [bob] = [each for each in office.database.read_now(partial(list_accounts, now=NOW)) if each.email == BOB]
    assert (bob.name, bob.organisations) == ("Bob Ross", (ONE, TWO))


def test_what_is_exported_is_imported_unchanged(office: Office) -> None:
    def make(connection: Connection) -> None:
        add_agent(connection, "=cmd@mairie.fr", "autre", ["9", "8"], NOW, name="=1+1")
        let_act_everywhere(connection, add_agent(connection, "eve@x.fr", "rdvsp", [BOBS], NOW), Role.ADMINISTRATOR)
        add_agent(connection, CLO, "rdvsp", [BOBS], NOW, role=Role.ADMINISTRATOR)

    database = office.database
    database.write_now(make)
    accounts = database.read_now(lambda c: list_all(c, OPERATOR, AccountQuery(), NOW))
    text = to_french_csv_text(*columns_of_accounts(accounts))
    assert f"{CLO};;agent;1;rdvsp;;\r\n{CLO};;administrateur;2;rdvsp;;" in text
    assert "eve@x.fr;;administrateur;toutes;;;" in text
    assert "'=cmd@mairie.fr;'=1+1;agent;8, 9;autre;;" in text
    plan = _planned(office, text)
    assert (plan.new, plan.changed, plan.unchanged, plan.refused) == ([], [], 5, [])
    for email in ("eve@x.fr", CLO):
        assert database.read_now(partial(find_agent, email=email)) is not None


def test_the_accounts_of_a_departement_are_taken_at_once(office: Office) -> None:
    content = HEAD + "".join(f"a{number}@mairie.fr;Agent {number};;{number % 300}\n" for number in range(900))
    assert len(_done(office, content)) == 900
    assert _planned(office, content).unchanged == 900


def test_the_days_in_the_file_are_those_of_paris() -> None:
    new_year = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    account = ListedAccount(1, ADA, None, None, NOW, new_year, new_year, is_program=False)
    _, [row] = columns_of_accounts([account])
    assert row[-2:] == ("01/01/2027", "01/01/2027")
