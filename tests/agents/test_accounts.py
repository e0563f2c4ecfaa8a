"""Agents' accounts, their organisations, and their tokens."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, select

from smsbot.agents.account_changes import add_agent, revoke_agent
from smsbot.agents.accounts import Account, Tokens, find_agent, list_accounts, may_act_in
from smsbot.agents.signing_in.sign_in import sweep
from smsbot.agents.tokens import EXPIRED_KEPT_FOR, expired_at, issue_token, known_token, note_used
from smsbot.model import OrganisationReference
from smsbot.store.database import Database
from smsbot.store.tables import agent_tokens, audit

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
ADA = "ada@one.fr"


def add(database: Database, *organisations: str, email: str = ADA, source: str = "rdvsp") -> str:
    """The token of an agent who is added."""

    def work(connection: Connection) -> str:
        return issue_token(connection, add_agent(connection, email, source, organisations, NOW), NOW)

    return database.write_now(work)


def revoke(database: Database, email: str = ADA, now: datetime = NOW) -> bool:
    return database.write_now(lambda connection: revoke_agent(connection, email, now))


def owner(database: Database, token: str) -> str | None:
    known = database.read_now(lambda connection: known_token(connection, token, NOW))
    return None if known is None else known.agent.email


def accounts(database: Database) -> list[Account]:
    return database.read_now(lambda connection: list_accounts(connection, NOW))


def test_a_token_opens_the_account_it_was_issued_for(database: Database) -> None:
    ada, bob = add(database, "1"), add(database, "2", email="bob@two.fr")
    assert owner(database, ada) == ADA
    assert owner(database, bob) == "bob@two.fr"
    for wrong in ("", ada[:-1], ada + "x", ada.swapcase(), ada.removeprefix("smsbot_"), "smsbot_é\x00"):
        assert owner(database, wrong) is None


def test_a_token_holds_256_random_bits_and_is_kept_as_its_hash_alone(database: Database) -> None:
    tokens = {add(database, "1") for _ in range(20)}
    assert len(tokens) == 20
    assert {len(token) for token in tokens} == {len("smsbot_") + 43}  # 43 × 6 bits, less two that are not used
    kept = database.read_now(lambda connection: connection.execute(select(agent_tokens)).all())
    assert {row.token_hash for row in kept} == {hashlib.sha256(token.encode()).hexdigest() for token in tokens}
    assert not any(token in repr(kept) for token in tokens)


def test_a_token_is_good_until_it_expires(database: Database) -> None:
    agent = database.write_now(lambda connection: add_agent(connection, ADA, "rdvsp", ["1"], NOW))
    token = database.write_now(lambda connection: issue_token(connection, agent, NOW, timedelta(days=30)))

    def is_good(after: timedelta) -> bool:
        return database.read_now(lambda connection: known_token(connection, token, NOW + after)) is not None

    assert is_good(timedelta(days=30) - timedelta(seconds=1))
    assert not is_good(timedelta(days=30))
    assert accounts(database)[0].tokens == Tokens(1, expires_at=NOW + timedelta(days=30))
    [later] = database.read_now(lambda connection: list_accounts(connection, NOW + timedelta(days=30)))
    assert later.tokens == Tokens()
    last = NOW + timedelta(days=30) + EXPIRED_KEPT_FOR
    for at, told in ((last - timedelta(seconds=1), NOW + timedelta(days=30)), (last, None)):
        database.write_now(partial(sweep, now=at))
        assert database.read_now(partial(expired_at, token=token, now=at)) == told
    assert database.read_now(lambda connection: connection.execute(select(agent_tokens)).all()) == []


def test_the_last_use_of_a_token_is_noted_once_a_minute(database: Database) -> None:
    token = add(database, "1")
    add(database, "1")

    def noted(at: datetime) -> bool:
        known = database.read_now(lambda connection: known_token(connection, token, at))
        assert known is not None
        if known.is_worth_noting(at):
            database.write_now(lambda connection: note_used(connection, known, at))
            return True
        return False

    seconds = (0, 1, 59, 60, 61, 120)
    assert [noted(NOW + timedelta(seconds=each)) for each in seconds] == [True, False, False, True, False, True]
    assert accounts(database)[0].tokens == Tokens(2, used_at=NOW + timedelta(minutes=2))


def test_an_agent_who_is_added_again_gets_more_organisations_and_a_further_token(database: Database) -> None:
    first = add(database, "1", "2")
    second = add(database, "2", "3", email="ADA@One.FR")
    add(database, "2", source="autre")
    assert accounts(database) == [
        Account(
            ADA,
            (
                *(
                    OrganisationReference(*key)
                    for key in (("autre", "2"), ("rdvsp", "1"), ("rdvsp", "2"), ("rdvsp", "3"))
                ),
            ),
            Tokens(3),
            None,
        )
    ]
    assert owner(database, first) == owner(database, second) == ADA


def test_a_revoked_agent_is_shut_out_and_comes_back_with_what_is_given_anew_alone(database: Database) -> None:
    former = add(database, "1", "2")
    other = add(database, "1", email="bob@two.fr")
    later = NOW + timedelta(days=1)
    assert revoke(database, "Ada@one.fr", later)
    assert owner(database, former) is None
    assert owner(database, other) == "bob@two.fr"
    assert accounts(database)[0] == Account(ADA, (), Tokens(), later)
    assert not revoke(database)
    new = add(database, "3")
    assert (owner(database, former), owner(database, new)) == (None, ADA)
    assert accounts(database)[0] == Account(ADA, (OrganisationReference("rdvsp", "3"),), Tokens(1), None)


@pytest.mark.parametrize("email", ["ada@one.fr", "nobody@one.fr"])
def test_who_is_unknown_or_revoked_is_not_found(database: Database, email: str) -> None:
    add(database, "1")
    revoke(database)
    assert database.read_now(lambda connection: find_agent(connection, email)) is None
    assert not revoke(database, email)


def test_where_an_agent_may_act(database: Database) -> None:
    add(database, "1")
    agent = database.read_now(lambda connection: find_agent(connection, ADA))
    assert agent is not None
    asked = [("rdvsp", "1"), ("rdvsp", "2"), ("autre", "1"), ("rdvsp", "")]
    answers = database.read_now(lambda connection: [may_act_in(connection, agent, *each) for each in asked])
    assert answers == [True, False, False, False]


def test_who_was_let_in_and_shut_out_is_in_the_audit(database: Database) -> None:
    add(database, "1")
    revoke(database)
    columns = (audit.c.act, audit.c.by, audit.c.way, audit.c.agent)
    rows = database.read_now(lambda connection: connection.execute(select(*columns).order_by(audit.c.id)).all())
    assert [tuple(row) for row in rows] == [
        ("agent_added", "system", "shell", ADA),
        ("agent_revoked", "system", "shell", ADA),
    ]
