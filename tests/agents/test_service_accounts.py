"""Accounts of other systems: their tokens, where they may act, and that they are no agents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from smsbot.agents.account_changes import add_agent, name_administrator
from smsbot.agents.account_list import AccountQuery, account_within_reach, list_all
from smsbot.agents.accounts import find_agent, has_agents, list_accounts, may_act_in
from smsbot.agents.administration import mandate_of, take_access
from smsbot.agents.permissions import OutOfReach, colleagues, organisations_of
from smsbot.agents.service_accounts import (
    NoSuchService,
    ServiceAccount,
    ServiceRefused,
    add_service,
    find_service,
    list_services,
    revoke_service,
    rotate,
)
from smsbot.agents.tokens import ApiScope, expired_at, known_token, note_used
from smsbot.model import OrganisationReference, Via
from smsbot.store.database import Database
from smsbot.store.tables import audit, event_subscriptions, organisations
from tests.lines import every_line

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
ADA, AGENDA = "ada@one.fr", "agenda-mairie"
READS = {ApiScope.APPOINTMENTS_READ}
ONE = [("rdvsp", "1")]


def connect(database: Database, name: str = AGENDA, held: Any = ONE, token_days: int | None = None) -> str:
    return database.write_now(lambda c: add_service(c, name, READS, held, NOW, token_days=token_days))


def service(database: Database, now: datetime = NOW) -> ServiceAccount:
    return database.read_now(lambda connection: find_service(connection, AGENDA, now))


def is_valid(database: Database, token: str, now: datetime) -> bool:
    return database.read_now(lambda connection: known_token(connection, token, now)) is not None


def test_its_token_says_what_it_may_do_and_where(database: Database) -> None:
    tokens = [connect(database), connect(database, "all", held=None)]

    def work(connection: Connection) -> list[Any]:
        for each in ("1", "2"):
            connection.execute(insert(organisations).values(source="rdvsp", external_id=each))
        found = [known_token(connection, token, NOW) for token in tokens]
        return [(each.agent, each.scopes, organisations_of(connection, each.agent)) for each in found if each]

    (one, may, its), (everywhere, _, all_of_them) = database.write_now(work)
    assert (one.email, may) == (AGENDA, READS)
    assert [[each.name for each in reach] for reach in (its, all_of_them)] == [["1"], ["1", "2"]]
    assert (one.everywhere, everywhere.everywhere) == (False, True)
    asked = [(agent, organisation) for agent in (one, everywhere) for organisation in ("1", "2")]
    may_act = database.read_now(lambda c: [may_act_in(c, agent, "rdvsp", each) for agent, each in asked])
    assert may_act == [True, False, True, True]


def test_it_is_no_agent(database: Database) -> None:
    connect(database)
    connect(database, "all", held=None)

    def work(connection: Connection) -> None:
        connection.execute(insert(organisations).values(source="rdvsp", external_id="1"))
        assert not has_agents(connection, "rdvsp", "1")
        ada = add_agent(connection, ADA, "rdvsp", ["1"], NOW)
        name_administrator(connection, ada, NOW)
        assert [each.email for each in list_accounts(connection, NOW)] == [ADA]
        assert find_agent(connection, AGENDA) is None
        assert list(colleagues(connection, ada)) == []
        accounts = list_all(connection, mandate_of(connection, ada), AccountQuery(), NOW)
        assert [each.email for each in accounts] == [ADA]
        this = find_service(connection, AGENDA, NOW).agent.id
        with pytest.raises(OutOfReach):
            take_access(connection, ada, this, OrganisationReference("rdvsp", "1"), NOW)
        with pytest.raises(OutOfReach):
            account_within_reach(connection, mandate_of(connection, ada), this, NOW)

    database.write_now(work)


def test_a_token_is_replaced_without_a_gap(database: Database) -> None:
    first = connect(database, token_days=30)
    day, hour = timedelta(days=1), timedelta(hours=1)
    second = database.write_now(lambda c: rotate(c, service(database), NOW + day, 12 * hour))
    assert all(is_valid(database, token, NOW + day + 11 * hour) for token in (first, second))
    ended = NOW + day + 12 * hour
    assert not is_valid(database, first, ended)
    assert database.read_now(lambda c: expired_at(c, first, ended)) == ended
    [left] = service(database, ended).tokens
    assert (left.created_at, left.expires_at) == (NOW + day, NOW + 31 * day)
    # Long after its token has expired, the next one is still made for thirty days, and no old one becomes valid.
    late = NOW + 50 * day
    third = database.write_now(lambda c: rotate(c, service(database, late), late, day))
    assert [is_valid(database, each, late) for each in (first, second, third)] == [False, False, True]
    assert is_valid(database, third, late + 29 * day)
    assert not is_valid(database, third, late + 30 * day)
    at_once = database.write_now(lambda c: rotate(c, service(database, late), late, timedelta(0)))
    assert [is_valid(database, each, late) for each in (third, at_once)] == [False, True]


def test_it_is_known_when_it_was_last_used(database: Database) -> None:
    token = connect(database)
    assert service(database).used_at is None
    known = database.read_now(lambda connection: known_token(connection, token, NOW))
    assert known is not None
    database.write_now(lambda connection: note_used(connection, known, NOW))
    assert service(database).used_at == NOW


def test_a_revoked_one_comes_back_with_what_is_given_anew_alone(database: Database) -> None:
    token = connect(database, held=None)
    this = service(database)

    def work(connection: Connection) -> None:
        values = {"agent_id": this.agent.id, "url": "https://x.example.fr", "secret": "x", "types": []}
        connection.execute(insert(event_subscriptions).values(created_at=NOW, **values))
        revoke_service(connection, this, NOW)
        assert connection.execute(select(event_subscriptions)).all() == []
        assert list_services(connection, NOW) == []

    database.write_now(work)
    assert not is_valid(database, token, NOW)
    with pytest.raises(NoSuchService, match="smsbot tokens list"):
        service(database)
    connect(database)
    again = service(database)
    assert (again.organisations, again.agent.everywhere, len(again.tokens)) == (tuple(ONE), False, 1)
    assert not is_valid(database, token, NOW)


def test_all_of_it_is_in_the_audit(database: Database) -> None:
    connect(database)
    ada = database.write_now(lambda c: add_agent(c, ADA, "rdvsp", ["1"], NOW))
    by_ada: Any = {"via": Via.CONSOLE, "administrator": ada}
    database.write_now(lambda c: rotate(c, service(database), NOW, timedelta(0), **by_ada))
    database.write_now(lambda c: revoke_service(c, service(database), NOW, **by_ada))
    columns = (audit.c.act, audit.c.by, audit.c.way, audit.c.agent, audit.c.administrator_id)
    these = select(*columns).where(audit.c.act != "agent_added").order_by(audit.c.id)
    assert [tuple(row) for row in database.read_now(lambda c: c.execute(these).all())] == [
        ("service_added", "system", "shell", AGENDA, None),
        ("service_rotated", "agent", "console", AGENDA, ada.id),
        ("service_revoked", "agent", "console", AGENDA, ada.id),
    ]


@every_line(
    ("name", "scopes", "held", "why"),
    [
        (ADA, READS, ONE, "is not a name"),
        ("Agenda", READS, ONE, "is not a name"),
        ("-", READS, ONE, "is not a name"),
        ("a" * 41, READS, ONE, "is not a name"),
        ("agenda\n", READS, ONE, "is not a name"),
        ("agenda", set(), ONE, "without a scope"),
        ("agenda", READS, [], "without an organisation"),
        ("known", READS, ONE, "already"),
    ],
)
def test_what_is_refused(sqlite_database: Database, name: str, scopes: set[ApiScope], held: Any, why: str) -> None:
    if not sqlite_database.read_now(lambda c: list_services(c, NOW)):
        connect(sqlite_database, "known")
    with pytest.raises(ServiceRefused, match=why):
        sqlite_database.write_now(lambda c: add_service(c, name, scopes, held, NOW))
