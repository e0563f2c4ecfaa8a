"""A replay of RDV Service Public's webhooks while people write: `python -m benchmarks.flood`.

Whenever somebody registers or changes an endpoint there, RDV Service Public posts all records again as `created`, as
fast as they are taken. Meanwhile conversations run at a steady rate. Each message is timed from its webhook until the
gateway has its SMS: before, during and after each replay. In the first replay all records are new, in the second all
are known. The benchmark also measures how long the replay's own webhooks wait for their answer, which comes once the
record is committed. Nobody may be notified, and no record may be missing.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select

from benchmarks import appointments, postgresql, servers
from benchmarks.conversations import LINES, write
from benchmarks.gateway import Gateway
from benchmarks.load import Conversation, Conversations, Lane, Load, Webhooks
from benchmarks.outside import outside
from benchmarks.report import Figure, table
from smsbot.store import tables
from smsbot.store.database import Database

SECRET = "a-secret-for-benchmarks"
PER_SECOND = 50.0
CONNECTIONS = 16  # on which the replay posts
TOGETHER = 32  # conversations at the same time
SLOWEST_REPLAY = 100  # records a second: enough conversations are prepared for a replay as slow as this
QUIET_SECONDS = 15
DAYS_PAST = 80  # less than SMSBOT_RETENTION_DAYS, because older records are refused


@dataclass(frozen=True, slots=True)
class Flood:
    """The order: run the replay, and conversations as long as it lasts. The result has the load of each."""

    replay: Webhooks
    conversations: Conversations

    async def carry_out(self, gateway: Gateway) -> tuple[Load, Load]:
        flooding = asyncio.create_task(self.replay.carry_out(gateway))
        while_it_lasts = itertools.takewhile(lambda _: not flooding.done(), self.conversations.conversations)
        asked = self.conversations
        talking = Conversations(asked.url, _Lazy(while_it_lasts), asked.together, asked.per_second)
        turns = await talking.carry_out(gateway)
        return await flooding, turns


class _Lazy(Sequence[Conversation]):
    """Conversations that are made one by one when they are needed."""

    def __init__(self, conversations: Iterator[Conversation]) -> None:
        self._conversations = conversations

    def __iter__(self) -> Iterator[Conversation]:
        return self._conversations

    def __len__(self) -> int:
        raise TypeError("nobody knows how many there will be")

    def __getitem__(self, index: Any) -> Any:
        raise TypeError("they are taken one by one")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=50_000)
    print(table(measure(options.parse_args().records)))


def measure(records: int = 50_000) -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        sqlite, shared = f"sqlite:///{folder / 'smsbot.db'}", stack.enter_context(postgresql.database())
        quiet = int(QUIET_SECONDS * PER_SECOND) // len(LINES)
        during = int(records / SLOWEST_REPLAY * PER_SECOND) // len(LINES)
        talking = 3 * quiet + 2 * during
        figures: list[Figure] = []
        for engine, url in {"SQLite": sqlite, "PostgreSQL": shared}.items():
            appointments.fill(url, talking)
            settings = {"SMSBOT_RDVSP_WEBHOOK_SECRET": SECRET}
            process = stack.enter_context(servers.service(url, gateway_url=around.gateway_url, **settings))
            phones, sids = map(appointments.phone, range(talking)), itertools.count()
            alone = around.do(_conversations(process, list(itertools.islice(phones, quiet)), sids))
            replay = Webhooks(_lanes(process.url, records))
            for known in ("unknown", "known"):
                flood, turns = around.do(
                    Flood(replay, _conversations(process, list(itertools.islice(phones, during)), sids))
                )
                before, alone = alone, around.do(_conversations(process, list(itertools.islice(phones, quiet)), sids))
                _check(flood, turns, before, alone)
                slower = " and ".join(
                    f"{2 * turns.quantile(share) / (before.quantile(share) + alone.quantile(share)):.1f}"
                    for share in (0.5, 0.99)
                )
                rate = f"{flood.per_second:.0f} a second"
                figures += (
                    Figure(f"{engine}: turns before it", _times(before), "1"),
                    Figure(f"{engine}: replay of {records:,} {known}", f"{rate}; {_times(flood)}", ""),
                    Figure(f"{engine}: turns during it", _times(turns), f"{slower} (p50, p99)"),
                    Figure(f"{engine}: turns after it", _times(alone), "1"),
                )
                print(*figures[-4:], sep="\n")
            _check_that_nothing_is_missing(url, talking + records)
        return figures


def _conversations(process: servers.Running, phones: list[str], sids: Iterator[int]) -> Conversations:
    return Conversations(process.webhook, write(process.webhook, phones, sids), TOGETHER, PER_SECOND)


def _lanes(url: str, records: int) -> list[Lane]:
    now = datetime.now(UTC)
    requests = [_request(url, number, now) for number in range(records)]
    return [Lane(url, requests[number::CONNECTIONS]) for number in range(CONNECTIONS)]


def _request(url: str, number: int, now: datetime) -> bytes:
    """A record of the last months or of the coming ones, as RDV Service Public replays it."""
    starts_at = now + timedelta(days=number % 400 - DAYS_PAST, minutes=number % 480)
    user = {
        "id": number,
        "first_name": "Sophie",
        "last_name": "Dupont",
        "birth_name": None,
        "email": f"sophie.{number}@example.org",
        "phone_number": f"07 {number:08d}",
        "phone_number_formatted": f"+337{number:08d}",
        "notify_by_sms": True,
        "notify_by_email": True,
        "responsible_id": None,
        "responsible": None,
    }
    wished = {"send_lifecycle_notifications": True, "send_reminder_notification": True}
    data = {
        "id": 10_000_000 + number,
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
        "status": "unknown" if starts_at > now else "seen",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(minutes=30)).isoformat(),
        "created_at": (min(starts_at, now) - timedelta(days=40)).isoformat(),  # news of today would be told
        "address": "1 place de la Mairie, 62000 Arras",
        "collectif": False,
        "organisation": {"id": 12, "name": "MDS Arras Sud", "phone_number": "3949", "verticale": "rdv_solidarites"},
        "motif": {"id": 77, "location_type": "public_office", "bookable_by": "everyone", "service_id": 5},
        "lieu": {"id": 9, "name": "Mairie d'Arras", "address": "1 place de la Mairie", "phone_number": None},
        "agents": [{"id": 1, "email": "agent@example.org"}],
        "participations": [{"id": 20_000_000 + number, "status": "unknown", "user": user, **wished}],
    }
    meta = {"model": "Rdv", "event": "created", "event_occurred_at": now.isoformat()}
    body = json.dumps({"data": data, "meta": {**meta, "payload_computed_at": now.isoformat()}}).encode()
    head = (
        f"POST /webhooks/rdvsp HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Type: application/json\r\n"
        f"X-Lapin-Signature: {hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _check(*loads: Load) -> None:
    if any(load.refused for load in loads):
        raise RuntimeError("a webhook was not answered 200")


def _check_that_nothing_is_missing(url: str, records: int) -> None:
    database = Database(url)
    sent = tables.outgoing_messages
    try:
        there = database.read_now(
            lambda connection: connection.execute(select(func.count()).select_from(tables.appointments)).scalar_one()
        )
        notified = database.read_now(
            lambda connection: connection.execute(
                select(func.count()).select_from(sent).where(sent.c.kind == "notification")
            ).scalar_one()
        )
    finally:
        database.close()
    if (there, notified) != (records, 0):
        raise RuntimeError(f"{there} appointments of {records} are there, and {notified} notifications")


def _times(load: Load) -> str:
    return f"p50 {load.quantile(0.5):.1f} ms, p99 {load.quantile(0.99):.1f} ms, max {max(load.milliseconds):.0f} ms"


if __name__ == "__main__":
    main()
