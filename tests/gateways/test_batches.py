"""Webhooks with several messages, from the endpoint to the database: readable messages are committed before a 200."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from structlog.testing import capture_logs

from smsbot.app import Service
from smsbot.incoming.receiving import Reception
from smsbot.incoming.turn import TurnOutcome
from smsbot.outbox.outcomes import record_statuses
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, outgoing_messages
from smsbot.store.together import Together
from smsbot.web.gateway_webhooks import GatewayWebhooks
from tests.gateways.test_described import described

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
TABLES: dict[str, Any] = {
    "send": {"url": "https://api.example.fr", "json": {"to": "{recipient}", "text": "{text}", "id": "{id}"}},
    "webhooks": {"format": "json", "authentication": {"kind": "header", "name": "X-Token", "secret": "{hook}"}},
    "incoming": {"each": "all", "sender": "from", "recipient": "to", "text": "text", "id": "id"},
    "status": {"each": "all", "status": "state", "reference": "ours", "words": {"ok": "delivered"}},
}


def message(number: int, **other: str) -> dict[str, str]:
    return {"from": f"3361234567{number}", "to": "36105", "text": "bonjour", "id": str(number)} | other


class Town:
    def __init__(self, database: Database) -> None:
        self.database = database
        settings = ServiceSettings.exactly(
            secret_key="a secret of the tests, of 32 bytes or more", sender="36105", mail_from="rdv@example.fr"
        )
        service = Service(settings, database, clock=lambda: NOW)
        statuses = Together(database, record_statuses, key=lambda reported: reported.its_id)
        webhooks = GatewayWebhooks(described(**TABLES), service.joining, statuses, lambda: NOW)
        self.site = Starlette(routes=webhooks.routes())

    async def post(self, these: Sequence[Any], kind: str = "sms") -> int:
        transport = httpx.ASGITransport(self.site, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            address, body = f"/webhooks/agregat/{kind}", json.dumps({"all": these})
            return (await client.post(address, content=body, headers={"x-token": "hook-0123"})).status_code

    def received(self) -> list[str]:
        column = incoming_messages.c.gateway_message_id
        query = select(column).order_by(column)
        return list(self.database.read_now(lambda connection: connection.execute(query).scalars().all()))


async def test_all_are_handled_once(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    assert await town.post([message(1), message(2), message(1)]) == 200
    assert await town.post([message(2), message(3)]) == 200  # some of them were handled before
    assert town.received() == ["1", "2", "3"]


async def test_one_that_cannot_be_read_holds_up_no_other(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    unreadable: list[Any] = [{}, message(4, **{"from": "x"}), message(4, to=""), 7, None, [], "x"]
    with capture_logs() as logs:
        assert await town.post([message(1), *unreadable, message(2)]) == 200
    assert town.received() == ["1", "2"]
    told = [log["log_level"] for log in logs if log["event"] == "part of a webhook unreadable"]
    assert told == ["warning"] * len(unreadable)


async def test_where_none_can_be_read_it_is_refused(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    with capture_logs() as logs:
        assert await town.post([{}, {}]) == 400
        assert await town.post([]) == 200, "there is nothing in it to be repeated"
    assert [log["reason"] for log in logs if log["event"] == "webhook refused"] == ["from is missing."]


async def test_where_one_cannot_be_stored_the_webhook_comes_again(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(sqlite_database)
    usual = Reception.receive

    async def fails_for_two(reception: Reception, arrived: Any) -> TurnOutcome | None:
        if arrived.message.gateway_message_id == "2":
            raise OperationalError("", {}, Exception("disk full"))
        return await usual(reception, arrived)

    with monkeypatch.context() as broken:
        broken.setattr(Reception, "receive", fails_for_two)
        assert await town.post([message(1), message(2), message(3)]) >= 500
    assert town.received() == ["1", "3"]
    assert await town.post([message(1), message(2), message(3)]) == 200
    assert town.received() == ["1", "2", "3"]


async def test_statuses_come_together_too(sqlite_database: Database) -> None:
    town = Town(sqlite_database)
    await town.post([message(1), message(2)])
    ids = sqlite_database.read_now(
        lambda connection: connection.execute(select(outgoing_messages.c.id)).scalars().all()
    )
    assert len(ids) == 2
    await sqlite_database.write(lambda connection: connection.execute(outgoing_messages.update().values(attempts=1)))
    these = [{"ours": str(ids[0]), "state": "ok"}, {"state": "ok"}, {"ours": str(ids[1]), "state": "ok"}]
    assert await town.post(these, "status") == 200
    column = outgoing_messages.c.delivery_status
    found = sqlite_database.read_now(lambda connection: connection.execute(select(column)).scalars().all())
    assert found == ["delivered", "delivered"]
