"""Rules that hold for every value: which messages have failed, how often one may try to sign in, what the script is."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from smsbot.agents.signing_in.sign_in_limits import Throttle
from smsbot.gateways.base import DeliveryStatus
from smsbot.outbox.delivery_status import fate_of, has_failed
from smsbot.outbox.messages import REFUSED, RESTING, SENDING, SENT, WAITING, WITHDRAWN
from smsbot.rules.rate_limit import RateLimit
from smsbot.store.database import Database
from smsbot.store.tables import agent_sessions, incoming_messages, outgoing_messages, sign_in_throttles
from tests.lines import every_line
from tests.web.console_site import NOW, Office

STATES = (WAITING, SENDING, SENT, REFUSED, RESTING)


def test_the_database_and_the_pages_agree_on_what_has_failed(database: Database) -> None:
    office = Office(database)
    for state, status, code in itertools.product(STATES, (None, *DeliveryStatus), (None, "30003", *WITHDRAWN)):
        if status is not None and state != SENT:
            continue  # only sent messages have a status
        if code in WITHDRAWN and state != REFUSED:
            continue  # only messages that are not sent yet can be withdrawn
        office.outgoing("x", state=state, delivery_status=status, error_code=code)
    columns = (outgoing_messages.c.state, outgoing_messages.c.delivery_status, outgoing_messages.c.error_code)
    rows = database.read_now(lambda c: c.execute(select(*columns, has_failed().label("failed"))).all())
    assert len(rows) > 20
    for row in rows:
        delivery = fate_of(row.state, row.delivery_status, row.error_code)
        assert delivery.fate.is_failure is bool(row.failed), row


@given(st.lists(st.integers(0, 300), max_size=40))
def test_never_more_tries_than_the_pace_allows(sqlite_database: Database, waits: list[int]) -> None:
    at_once, interval = 5, timedelta(seconds=60)
    limit, throttle = RateLimit.at_once(at_once, interval), Throttle("a secret")
    key = throttle.key_of_account("test", str(waits))
    now, admitted = NOW, []
    sqlite_database.write_now(lambda c: throttle.forget(c, key))
    for wait in waits:
        now += timedelta(seconds=wait)
        moment = now
        if sqlite_database.write_now(lambda c, at=moment: throttle.admit(c, {key: limit}, at)):  # type: ignore[misc]
            admitted.append(now)
    for first, last in itertools.combinations(range(len(admitted)), 2):
        passed = admitted[last] - admitted[first]
        assert last - first + 1 <= at_once + passed / interval
    assert len(admitted) >= min(len(waits), at_once)


@every_line(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("testclient", "testclient", True),
    ],
)
def test_which_network_addresses_are_one(one: str, other: str, same: bool) -> None:
    throttle = Throttle("a secret")
    assert (throttle.key_of_address("x", one) == throttle.key_of_address("x", other)) is same


def test_the_script_is_ours_and_kept_for_long(sqlite_database: Database) -> None:
    browser = Office(sqlite_database).at_desk()
    address = '"/agents/console.js?v='
    page = browser.get("/rdv").response.text
    assert page.count("<script") == page.count(f"<script src={address}") == 1
    response = browser.client.get("/agents/console.js")
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in response.headers["cache-control"]
    assert "{#" not in response.text
    assert response.text.startswith('"use strict";')


@pytest.mark.parametrize("path", ["", "/"])
def test_the_front_door(sqlite_database: Database, path: str) -> None:
    office = Office(sqlite_database)
    assert office.at_desk().get(path).path == "/rdv"
    assert office.visitor().get(path).heading == "Connexion"
    assert office.at_desk().get("/nulle-part").status == 404


def test_while_the_database_does_not_answer_every_page_says_so_in_french(sqlite_database: Database) -> None:
    office = Office(sqlite_database)
    browser = office.at_desk()
    message = office.incoming("je serai en retard")
    browser.get(f"/messages/{message}")
    browser.press("Je m’en occupe")
    tables = [incoming_messages, agent_sessions, sign_in_throttles]
    with sqlite_database.engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"ALTER TABLE {table.name} RENAME TO gone_{table.name}"))
    page = browser.press("Envoyer", texte="Nous vous attendons")
    assert (page.status, page.heading) == (503, "Service momentanément indisponible")
    assert "no-store" in page.response.headers["cache-control"]
    for path in ("/rdv", "/messages", "/messages/nombre", "/comptes", "/chiffres.csv"):
        assert browser.get(path).heading == "Service momentanément indisponible", path
    assert office.visitor().sign_in().status == 503
    with sqlite_database.engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"ALTER TABLE gone_{table.name} RENAME TO {table.name}"))
    answer = page.response.request
    assert browser.client.send(answer).url.path == "/agents/messages"  # reloading the page sends it
    assert [sent.body for sent in office.sent()] == ["Nous vous attendons"]
