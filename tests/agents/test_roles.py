"""Who may act and manage where: in some organisations, or in all of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import Connection, select

from smsbot.agents.account_changes import add_agent, let_act_everywhere
from smsbot.agents.account_list import AccountPage, AccountQuery, ListedAccount, list_all, list_page
from smsbot.agents.accounts import Agent, Role, find_agent, has_agents, may_act_in, where_named
from smsbot.agents.administration import (
    OPERATOR,
    give_access,
    mandate_of,
    rename,
    require_mandate,
    take_access,
    withdraw_access,
)
from smsbot.agents.permissions import OutOfReach, colleagues, organisations_within_reach, sources_of
from smsbot.model import OrganisationReference
from smsbot.store.database import Database
from smsbot.store.tables import agents, audit, organisations
from tests.web.console_site import ADA, ADAS, BOB, BOBS, CLO, NOW, Office

ONE, TWO = OrganisationReference("rdvsp", ADAS), OrganisationReference("rdvsp", BOBS)
EVE = "eve@departement.fr"


@pytest.fixture
def office(database: Database) -> Office:
    """Ada administers the first organisation, and Eve all of them."""
    office = Office(database)

    def name(connection: Connection) -> None:
        add_agent(connection, ADA, "rdvsp", [ADAS], NOW, role=Role.ADMINISTRATOR, name="Ada Lovelace")
        let_act_everywhere(
            connection, add_agent(connection, EVE, "rdvsp", [], NOW, name="Ève Müller"), Role.ADMINISTRATOR
        )

    database.write_now(name)
    return office


def _seen(office: Office, email: str, **query: str) -> dict[str, ListedAccount]:
    database, agent = office.database, office.agent(email)
    mandate = database.read_now(partial(require_mandate, agent=agent))
    found = database.read_now(partial(list_all, mandate=mandate, query=AccountQuery.read(query), now=office.clock()))
    return {each.email: each for each in found}


def _do(office: Office, act: Callable[..., object], by: str, *about: object) -> object:
    return office.database.write_now(lambda c: act(c, office.agent(by), *about, NOW))


def _refused(office: Office, act: Callable[..., object], by: str, *about: object) -> bool:
    try:
        _do(office, act, by, *about)
    except OutOfReach:
        return True
    return False


def _roles(office: Office, email: str) -> dict[OrganisationReference, Role]:
    return office.database.read_now(partial(where_named, agent=office.agent(email)))


def test_who_is_everywhere_reaches_what_is_there_and_what_will_be(office: Office) -> None:
    ids = office.organisation_ids

    def reach(connection: Connection) -> tuple[object, ...]:
        eve = find_agent(connection, EVE)
        assert eve is not None
        return (
            set(connection.execute(organisations_within_reach(eve, organisations.c.id)).scalars()),
            set(connection.execute(sources_of(eve)).scalars()),
            may_act_in(connection, eve, "autre", "unknown"),
            has_agents(connection, "autre", "unknown"),
            [each.email for each in colleagues(connection, office.agent(BOB), ids[BOBS])],
        )

    assert office.database.read_now(reach) == (set(ids.values()), {"rdvsp"}, True, True, [EVE])
    office.database.write_now(lambda c: let_act_everywhere(c, office.agent(EVE), None))
    assert office.database.read_now(reach) == (set(), set(), False, False, [])


def test_an_administrator_sees_the_accounts_of_their_organisations_and_that_there_is_more(office: Office) -> None:
    office.employ(CLO, BOBS)
    seen = _seen(office, ADA)
    assert seen.keys() == {ADA, CLO, EVE}
    assert (seen[CLO].roles, seen[CLO].elsewhere) == ({ONE: Role.AGENT}, 1)
    assert (seen[ADA].roles, seen[EVE].everywhere) == ({ONE: Role.ADMINISTRATOR}, Role.ADMINISTRATOR)
    seen = _seen(office, EVE)
    assert seen.keys() == {ADA, BOB, CLO, EVE}
    assert (seen[CLO].roles, seen[CLO].elsewhere) == ({ONE: Role.AGENT, TWO: Role.AGENT}, 0)
    assert office.database.read_now(lambda c: mandate_of(c, office.agent(CLO))).is_empty


def test_accounts_are_found_by_name_address_organisation_role_and_sign_in(office: Office) -> None:
    office.at_desk(CLO)
    office.clock.now = NOW.replace(year=2026, month=6)
    for query, emails in (
        ({"q": "muller"}, {EVE}),
        ({"q": "EVE Mül"}, {EVE}),
        ({"q": "clo@MAIRIE"}, {CLO}),
        ({"q": "lovelace clo"}, set()),
        ({"structure": "rdvsp:2"}, {BOB, EVE}),
        ({"structure": "rdvsp:1", "role": "agents"}, {CLO}),
        ({"role": "administrateurs"}, {ADA, EVE}),
        ({"role": "toutes"}, {EVE}),
        ({"role": "programmes"}, set()),
        ({"etat": "jamais"}, {ADA, BOB, EVE}),
        ({"etat": "90"}, {ADA, BOB, CLO, EVE}),
        ({"etat": "365", "q": "clo"}, {CLO}),
        ({"etat": "retires"}, set()),
    ):
        assert _seen(office, EVE, **query).keys() == emails, query
    assert next(iter(_seen(office, EVE, tri="recents"))) == CLO
    assert list(_seen(office, EVE, tri="anciens"))[-1] == CLO


def test_nobody_asks_who_acts_where_they_administer_nothing(office: Office) -> None:
    office.employ(CLO, BOBS)
    for state in ("", "retires"):
        with pytest.raises(OutOfReach):
            _seen(office, ADA, structure="rdvsp:2", etat=state)


def test_of_two_who_withdraw_the_same_access_at_once_one_is_told_that_there_is_none(office: Office) -> None:
    clo, ways = office.agent(CLO).id, (ADA, EVE)
    with ThreadPoolExecutor() as threads:
        refused = list(threads.map(lambda by: _refused(office, withdraw_access, by, clo), ways))
    assert sorted(refused) == [False, True]
    assert office.database.read_now(partial(find_agent, email=CLO)) is None


def test_who_was_shut_out_is_found_where_they_were(office: Office) -> None:
    office.employ(CLO, BOBS)
    office.revoke(CLO)
    assert CLO not in _seen(office, ADA)
    former = _seen(office, ADA, etat="retires")[CLO]
    assert (former.roles, former.elsewhere, former.revoked_at) == ({ONE: Role.AGENT}, 1, NOW)
    office.employ(CLO, BOBS)
    assert _seen(office, ADA, etat="retires") == {}


def test_nobody_gives_more_than_they_have(office: Office) -> None:
    bob, eve = office.agent(BOB).id, office.agent(EVE).id
    refused: list[tuple[Callable[..., object], tuple[object, ...]]] = [
        (give_access, (BOB, TWO, Role.AGENT)),
        (give_access, (BOB, None, Role.AGENT)),
        (give_access, (ADA, ONE, Role.AGENT)),
        (give_access, (ADA, None, Role.ADMINISTRATOR)),
        (take_access, (bob, TWO)),
        (take_access, (eve, None)),
        (take_access, (eve, ONE)),
        (withdraw_access, (eve,)),
        (withdraw_access, (bob,)),
        (withdraw_access, (office.agent(ADA).id,)),
        (rename, (eve, "Eva")),
        (rename, (bob, "Bobby")),
    ]
    for act, about in refused:
        assert _refused(office, act, ADA, *about), (act.__name__, about)
    assert _refused(office, give_access, CLO, BOB, ONE, None)
    assert _refused(office, withdraw_access, CLO, bob)
    assert _roles(office, BOB) == {TWO: Role.AGENT}


def test_roles_are_given_taken_and_audited(office: Office) -> None:
    _do(office, give_access, ADA, CLO, ONE, Role.ADMINISTRATOR)
    assert _roles(office, CLO) == {ONE: Role.ADMINISTRATOR}
    _do(office, give_access, CLO, ADA, ONE, Role.AGENT)
    assert office.database.read_now(lambda c: mandate_of(c, office.agent(ADA))).is_empty
    _do(office, give_access, EVE, BOB, None, Role.AGENT)
    _do(office, take_access, EVE, office.agent(BOB).id, None)
    assert _roles(office, BOB) == {TWO: Role.AGENT}
    _do(office, rename, EVE, office.agent(BOB).id, "Bob Ross")
    assert _seen(office, EVE, q="ross").keys() == {BOB}
    bob = office.agent(BOB).id
    _do(office, withdraw_access, EVE, bob)
    assert office.database.read_now(lambda c: find_agent(c, BOB)) is None
    columns = (audit.c.act, audit.c.agent, agents.c.email, audit.c.detail)
    rows = select(*columns).join_from(audit, agents, agents.c.id == audit.c.administrator_id).order_by(audit.c.id)
    assert [tuple(row) for row in office.database.read_now(lambda c: c.execute(rows).all())] == [
        ("role_given", CLO, ADA, "administrator of rdvsp 1"),
        ("role_given", ADA, CLO, "agent of rdvsp 1"),
        ("role_given", BOB, EVE, "agent of all"),
        ("organisation_taken", BOB, EVE, "agent of all"),
        ("account_renamed", BOB, EVE, None),
        ("agent_revoked", BOB, EVE, None),
    ]


def test_an_administrator_of_one_takes_no_more_than_theirs(office: Office) -> None:
    office.employ(CLO, BOBS)
    _do(office, withdraw_access, ADA, office.agent(CLO).id)
    assert _roles(office, CLO) == {TWO: Role.AGENT}


def test_a_name_is_not_changed_by_who_adds_somebody(office: Office) -> None:
    _do(office, give_access, EVE, BOB, TWO, None)
    office.database.write_now(lambda c: give_access(c, office.agent(ADA), EVE, ONE, None, NOW, "Nobody"))
    assert _seen(office, EVE)[EVE].name == "Ève Müller"
    office.database.write_now(lambda c: give_access(c, office.agent(ADA), BOB, ONE, None, NOW, "Bob Ross"))
    assert _seen(office, EVE, q="bob")[BOB].name == "Bob Ross"


def test_of_two_administrators_of_all_who_dismiss_each_other_at_once_one_stays(office: Office) -> None:
    office.database.write_now(lambda c: let_act_everywhere(c, office.agent(BOB), Role.ADMINISTRATOR))

    def dismiss(by: Agent, whom: Agent) -> bool:
        try:
            office.database.write_now(lambda c: give_access(c, by, whom.email, None, Role.AGENT, NOW))
        except OutOfReach:
            return False
        return True

    bob, eve = office.agent(BOB), office.agent(EVE)
    with ThreadPoolExecutor() as threads:
        done = list(threads.map(dismiss, (bob, eve), (eve, bob)))
    assert sorted(done) == [False, True]
    left = [each for each in (bob, eve) if office.database.read_now(partial(mandate_of, agent=each)).everywhere]
    assert len(left) == 1


def test_a_long_list_has_pages_and_true_counts(office: Office) -> None:
    def many(connection: Connection) -> None:
        for number in range(120):
            add_agent(connection, f"a{number:03}@mairie.fr", "rdvsp", [ADAS], NOW)

    office.database.write_now(many)

    def page(number: str) -> AccountPage:
        query = AccountQuery.read({"q": "mairie.fr", "page": number})
        return office.database.read_now(partial(list_page, mandate=OPERATOR, query=query, now=NOW))

    pages = [page(str(number)) for number in (1, 2, 3)]
    assert [(each.total, each.first, each.page, each.pages, len(each.accounts)) for each in pages] == [
        (122, 1, 1, 3, 50),
        (122, 51, 2, 3, 50),
        (122, 101, 3, 3, 22),
    ]
    assert len({account.email for each in pages for account in each.accounts}) == 122
    assert (page("9").page, page("-1").page, page("x").page) == (1, 1, 1)
