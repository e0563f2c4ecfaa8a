"""Webhooks: another system is told of everything, even after an outage; and addresses to which no request goes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smsbot.agents.account_changes import revoke_agent
from smsbot.demo.stand_ins.http_stand_in import HttpStandIn, StandInFault
from smsbot.gateways.base import SendError, SendLater, SendRefused
from smsbot.outbox.claim import Capacity, claim_outgoing
from smsbot.outbox.messages import ClaimedMessage
from smsbot.outbox.outcomes import Outcome, Sent, settle
from smsbot.outbox.pacing import after_failure
from smsbot.outbox.transports import Transport
from smsbot.sealing import Seal
from smsbot.store.database import Database
from smsbot.store.tables import event_subscriptions, outgoing_messages
from smsbot.subscriptions.publishing import publish
from smsbot.subscriptions.webhook_addresses import WebhookAddresses
from smsbot.subscriptions.webhook_signature import new_secret, signed_headers, signing_key
from smsbot.subscriptions.webhook_transport import webhook_transport
from tests.lines import every_line
from tests.web.api.office import ADA, BOB, NOW, Office, problem

HERE = WebhookAddresses(private_allowed=True)


class Agenda(HttpStandIn):
    """Another system. It sends us appointments, and keeps their state by the events that it gets."""

    def __init__(self, office: Office) -> None:
        super().__init__("agenda")
        self.office = office
        self.secret = ""
        self.statuses: dict[str, str] = {}
        self.received: list[dict[str, Any]] = []
        self.seen: set[str] = set()

    def routes(self) -> Sequence[Route]:
        return [Route("/smsbot", self.hear, methods=["POST"])]

    async def feed(self, *external_ids: str) -> None:
        for external_id in external_ids:
            made = await self.office.made(external_id)
            self.statuses[external_id] = made["participations"][0]["status"]

    async def register(self, **more: Any) -> dict[str, Any]:
        body = {"url": f"{self.url}/smsbot", **more}
        response = await self.office.call("POST", "/webhooks", under="", json=body)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        self.secret = made["secret"]
        return made

    async def hear(self, request: Request) -> Response:
        if fault := self._fault_for("event"):
            return fault.answer or Response(status_code=500)
        body = await request.body()
        name, sent_at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{name}.{sent_at}.".encode() + body, hashlib.sha256)
        if f"v1,{base64.b64encode(digest).decode()}" not in request.headers["webhook-signature"].split(" "):
            return Response(status_code=401)
        event = json.loads(body)
        self.received.append(event)
        if name not in self.seen and event["data"]["participation"]:
            self.statuses[event["data"]["appointment"]["external_id"]] = event["data"]["participation"]["status"]
        self.seen.add(name)
        return Response(status_code=204)

    async def what_is_so(self) -> dict[str, str]:
        listed = (await self.office.get()).json()["appointments"]
        return {each["external_id"]: each["participations"][0]["status"] for each in listed}


@asynccontextmanager
async def second_system(database: Database) -> AsyncIterator[tuple[Agenda, Transport]]:
    office = Office(database, webhook_addresses=HERE)
    transport = webhook_transport(database, HERE, office.seal, lambda: office.now)
    async with office.client, transport as by_webhook:
        agenda = Agenda(office).start()
        try:
            yield agenda, by_webhook
        finally:
            agenda.stop()


async def deliver(agenda: Agenda, transport: Transport) -> int:
    """Do one round of delivery, at the time of the test. Returns how many events it has tried to send."""
    database, now = agenda.office.database, agenda.office.now
    while await database.write(lambda connection: publish(connection, now)):
        pass
    room = Capacity(transport.slots, {}, 0, transport.rate, lambda: 0.0)
    lease = now + timedelta(seconds=30)
    claimed = await database.write(
        lambda connection: claim_outgoing(connection, "webhook", now, room, lease=lease, doubt_lease=lease)
    )

    async def outcome(message: ClaimedMessage) -> Outcome:
        try:
            return Sent(message.id, message.attempt, await transport.send(message))
        except (SendLater, SendRefused) as error:
            return after_failure(message, error, now, lambda: 0.99)

    outcomes = [await outcome(message) for message in claimed.messages]
    await database.write(lambda connection: settle(connection, outcomes, now))
    return len(outcomes)


async def deliver_all(agenda: Agenda, transport: Transport) -> None:
    while await deliver(agenda, transport):
        pass


@pytest.mark.anyio
async def test_a_second_system_that_was_down_for_an_hour_ends_with_the_same_state(database: Database) -> None:
    async with second_system(database) as (agenda, transport):
        office = agenda.office
        await agenda.register()
        await agenda.feed("1", "2", "3")
        await office.cancel("1")
        await deliver_all(agenda, transport)
        assert agenda.statuses == {"1": "revoked", "2": "unknown", "3": "unknown"}
        agenda.fail(StandInFault(status=503), times=10_000)
        await office.cancel("2", hold_seconds=20)
        await office.call("POST", "/2/take-back")
        await office.cancel("2", reason="usager_request")
        await office.cancel("3", hold_seconds=20)
        await office.call("POST", "/3/take-back")
        tries = 0
        for _ in range(60):
            tries += await deliver(agenda, transport)
            office.now += timedelta(minutes=1)
        assert 10 < tries < 40  # the pauses grow
        assert (await office.call("GET", "/webhooks", under="")).json()["webhooks"][0]["waiting"] == 5
        agenda.recover()
        for _ in range(25):
            await deliver_all(agenda, transport)
            office.now += timedelta(minutes=1)
        assert agenda.statuses == await agenda.what_is_so() == {"1": "revoked", "2": "excused", "3": "unknown"}
        told = [(each["data"]["appointment"]["external_id"], each["type"]) for each in agenda.received]
        assert [kind for name, kind in told if name == "2"] == [
            "appointment.cancelled",
            "appointment.cancellation_taken_back",
            "appointment.cancelled",
        ]
        listed = await office.call("GET", "/events", under="")
        asked = listed.json()["events"]
        assert sorted(agenda.seen) == sorted(each["id"] for each in asked)
        again = await office.call("POST", "/webhooks/webhook-1/replay", under="", json={"since": NOW.isoformat()})
        assert (again.status_code, again.json()) == (202, {"events": len(asked)})
        agenda.received.clear()
        await deliver_all(agenda, transport)
        assert sorted(each["id"] for each in agenda.received) == sorted(agenda.seen)
        assert agenda.statuses == await agenda.what_is_so()


async def problem_of_sending(agenda: Agenda, transport: Transport) -> SendError:
    """Send the only event that waits, and return the error."""
    database = agenda.office.database
    await database.write(lambda connection: publish(connection, NOW))
    room = Capacity(1, {}, 0, lambda _: None, lambda: 0.0)
    claimed = await database.write(
        lambda connection: claim_outgoing(connection, "webhook", NOW, room, lease=NOW, doubt_lease=NOW)
    )
    with pytest.raises(SendError) as raised:
        await transport.send(claimed.messages[0])
    return raised.value


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "code", "for_good"),
    [(302, "302", False), (500, "500", False), (429, "429", False), (410, "410", True), (401, "401", False)],
)
async def test_any_answer_but_success_is_a_failure(
    sqlite_database: Database, answer: int, code: str, for_good: bool
) -> None:
    async with second_system(sqlite_database) as (agenda, transport):
        await agenda.register()
        await agenda.feed("1")
        await agenda.office.cancel("1")
        agenda.fail(StandInFault(status=answer, retry_after=7))
        error = await problem_of_sending(agenda, transport)
        assert (error.code, isinstance(error, SendRefused)) == (code, for_good)
        assert agenda.received == []
        if isinstance(error, SendLater):
            assert error.retry_after == 7


@pytest.mark.anyio
async def test_a_receiver_that_knows_either_secret_loses_nothing_while_they_change(database: Database) -> None:
    async with second_system(database) as (agenda, transport):
        office, before = agenda.office, (await agenda.register())["secret"]
        await agenda.feed("1", "2", "3")
        rotated = await office.call("POST", "/webhooks/webhook-1/rotate", under="")
        assert rotated.status_code == 200
        after = rotated.json()["secret"]
        assert before != after
        assert rotated.json()["old_secret_until"] == "2026-05-05T10:00:00Z"
        assert rotated.headers["cache-control"] == "no-store"
        for name, known in (("1", before), ("2", after)):
            agenda.secret = known
            await office.cancel(name)
            await deliver_all(agenda, transport)
        assert agenda.statuses == {"1": "revoked", "2": "revoked", "3": "unknown"}
        office.now += timedelta(days=1)
        agenda.secret = before
        await office.cancel("3")
        await deliver_all(agenda, transport)
        assert agenda.statuses["3"] == "unknown"
        problem(await office.call("POST", "/webhooks/webhook-1/rotate", under="", agent=BOB), 404)
        stored = office.database.read_now(lambda connection: connection.execute(select(event_subscriptions)).one())
        assert not {before, after} & set(map(str, stored))


@pytest.mark.anyio
async def test_a_receiver_that_wants_no_more_is_told_nothing_more(database: Database) -> None:
    async with second_system(database) as (agenda, transport):
        office = agenda.office
        await agenda.register()
        await agenda.feed("1", "2", "3")
        for name in ("1", "2"):
            await office.cancel(name)
        agenda.fail(StandInFault(status=410))
        await deliver_all(agenda, transport)
        agenda.recover()
        await office.cancel("3")
        await deliver_all(agenda, transport)
        assert agenda.received == []
        read = (await office.call("GET", "/webhooks/webhook-1", under="")).json()
        assert (read["ended_at"], read["waiting"], read["resting"]) == ("2026-05-04T10:00:00Z", 0, 0)
        await agenda.register()
        await office.call("POST", "/webhooks/webhook-2/replay", under="", json={"since": NOW.isoformat()})
        await deliver_all(agenda, transport)
        assert len(agenda.received) == 3


@pytest.mark.anyio
async def test_what_leads_into_a_private_network_is_not_called(sqlite_database: Database) -> None:
    async with second_system(sqlite_database) as (agenda, _):
        office = agenda.office
        await agenda.register()
        await agenda.feed("1")
        await office.cancel("1")
        for url in (f"{agenda.url}/smsbot", "https://localhost/smsbot", "https://127.0.0.1/"):
            moved = update(event_subscriptions).values(url=url)
            office.database.write_now(lambda connection, moved=moved: connection.execute(moved))  # type: ignore[misc]
            with pytest.raises(SendRefused):
                await WebhookAddresses().target(url)
        with pytest.raises((SendLater, SendRefused)):  # the name can be resolved, and leads to this machine
            await WebhookAddresses().target("https://localhost.localdomain/")
        assert agenda.received == []


@pytest.mark.anyio
async def test_with_another_secret_key_or_after_a_revocation_nothing_is_told(sqlite_database: Database) -> None:
    async with second_system(sqlite_database) as (agenda, _):
        office = agenda.office
        await agenda.register()
        await agenda.feed("1")
        await office.cancel("1")
        other = Seal("another secret of the tests, of 32 bytes", "secrets of webhooks")
        async with webhook_transport(office.database, HERE, other, lambda: NOW) as unable:
            assert (await problem_of_sending(agenda, unable)).code == "secret"
        office.database.write_now(lambda connection: revoke_agent(connection, ADA, NOW))
        row = select(outgoing_messages).where(outgoing_messages.c.channel == "webhook")
        kept = office.database.read_now(lambda connection: connection.execute(row).one())
        assert "Dupont" not in str(kept)
        assert kept.body == "1"
        assert office.database.read_now(lambda connection: connection.execute(select(event_subscriptions)).all()) == []
        assert agenda.received == []


@pytest.mark.anyio
async def test_a_webhook_is_its_agents_alone_and_ends_when_it_is_deleted(office: Office) -> None:
    given = new_secret()
    body = {"url": "https://agenda.example.fr/smsbot", "secret": given, "types": ["usager.stopped"]}
    response = await office.call("POST", "/webhooks", under="", json=body)
    assert response.status_code == 201
    made = response.json()
    assert (made["secret"], made["types"]) == (given, ["usager.stopped"])
    assert response.headers["location"].endswith(f"/api/v1/webhooks/{made['id']}")
    read = await office.call("GET", f"/webhooks/{made['id']}", under="")
    assert read.json() == {name: value for name, value in made.items() if name != "secret"}
    stored = office.database.read_now(lambda connection: connection.execute(select(event_subscriptions)).one())
    assert given not in str(stored)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        since = {"json": {"since": NOW.isoformat()}} if path else {}
        problem(await office.call(method, f"/webhooks/{made['id']}{path}", under="", agent=BOB, **since), 404)
    await office.made("1")
    await office.cancel("1")  # this webhook is only told of STOP
    office.database.write_now(lambda connection: publish(connection, NOW))
    waiting = select(outgoing_messages.c.id).where(outgoing_messages.c.channel == "webhook")
    assert office.database.read_now(lambda connection: connection.execute(waiting).all()) == []
    assert (await office.call("DELETE", f"/webhooks/{made['id']}", under="")).status_code == 204
    problem(await office.call("GET", f"/webhooks/{made['id']}", under=""), 404)
    assert (await office.call("GET", "/webhooks", under="")).json() == {"webhooks": []}


@pytest.mark.anyio
async def test_addresses_and_secrets_that_are_refused(small_office: Office) -> None:
    for body in (
        {"url": "http://agenda.example.fr/"},
        {"url": "https://10.0.0.1/"},
        {"url": "https://agenda.example.fr/", "secret": "whsec_short"},
        {"url": "https://agenda.example.fr/", "types": ["no.such"]},
    ):
        details = problem(await small_office.call("POST", "/webhooks", under="", json=body), 422)
        assert details["errors"]
    assert (await small_office.call("GET", "/webhooks", under="")).json() == {"webhooks": []}


@every_line(
    "url",
    [
        "http://agenda.example.fr/",
        "ftp://agenda.example.fr/",
        "https://",
        "agenda.example.fr",
        "https://user:pass@agenda.example.fr/",
        "https://agenda.example.fr/#part",
        "https://agenda.example.fr:99999/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://224.0.0.1/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        f"https://agenda.example.fr/{'x' * 2000}",
        "https://agenda.example.fr/\n",
    ],
)
def test_an_address_that_is_never_called(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        WebhookAddresses().check(url)


def test_a_name_that_leads_inside_is_refused_when_it_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def addresses(_loop: object, _host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (each, port)) for each in ("93.184.215.14", "10.0.0.1")]

    async def look_up() -> None:
        monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", addresses)
        with pytest.raises(SendLater) as raised:
            await WebhookAddresses().target("https://agenda.example.fr/")
        assert raised.value.code == "private-network"
        target = await HERE.target("https://agenda.example.fr/a?b=c")
        assert target.url == "https://93.184.215.14:443/a?b=c"
        assert target.authority == "agenda.example.fr"

    asyncio.run(look_up())


def test_the_example_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = NOW.fromtimestamp(1614265330, NOW.tzinfo)
    headers = signed_headers((secret,), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    for wrong in ("", "whsec_", "whsec_YWJj", secret.removeprefix("whsec_"), f"{secret}!", "whsec_" + "A" * 120):
        with pytest.raises(ValueError, match="whsec_"):
            signing_key(wrong)
