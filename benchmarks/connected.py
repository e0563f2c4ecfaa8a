"""From the yes at the webhook to "annulé" at the gateway, connected, at 20 a second: `python -m benchmarks.connected`.

RDV Service Public's stand-in runs in a process of its own. It answers each cancellation after a while
(`--answers-after`) and posts its webhooks. Every telephone has asked and given its letters before. Then each telephone
says yes, at a steady rate. Measured is the time from when the webhook of the yes should leave until the gateway has
"annulé", beside the time that the stand-in itself took to answer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import appointments, postgresql, servers
from benchmarks.load import Conversation, Conversations, Load, SmsRequests
from benchmarks.outside import outside
from benchmarks.report import Figure, table
from benchmarks.spawned import spawned
from benchmarks.sync import PASSWORD, api_to
from smsbot.connected.sync import Sync
from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.store import schema
from smsbot.store.database import Database

PER_SECOND = 20.0
WEBHOOK_SECRET = "a-webhook-secret-for-benchmarks"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    # All telephones connect at the beginning, and the service closes connections that were idle for ten seconds.
    options.add_argument("--seconds", type=int, default=8, choices=range(1, 10))
    options.add_argument("--answers-after", type=float, default=0.3, help="seconds that the stand-in takes to answer")
    given = options.parse_args()
    print(table(measure(given.seconds, given.answers_after)))


def measure(seconds: int = 8, answers_after: float = 0.3) -> list[Figure]:
    count = int(seconds * PER_SECOND)
    phones = [appointments.phone(number) for number in range(count)]
    figures = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        databases = {
            "SQLite, one process": f"sqlite:///{folder / 'smsbot.db'}",
            "PostgreSQL, web and delivery": stack.enter_context(postgresql.database()),
        }
        for name, url in databases.items():
            with ExitStack() as running:
                source = running.enter_context(_source(count, answers_after))
                _sync(url, source.url)
                settings = {
                    "SMSBOT_RDVSP_URL": source.url,
                    "SMSBOT_RDVSP_EMAIL": "sms@example.fr",
                    "SMSBOT_RDVSP_PASSWORD": PASSWORD,
                    "SMSBOT_RDVSP_SYNC_MINUTES": "0",
                    "SMSBOT_RDVSP_PATIENCE_SECONDS": "300",
                    "SMSBOT_RDVSP_WEBHOOK_SECRET": WEBHOOK_SECRET,
                }
                alone = "SQLite" in name
                options = () if alone else ("--no-delivery",)
                web = running.enter_context(servers.service(url, *options, gateway_url=around.gateway_url, **settings))
                if not alone:
                    running.enter_context(
                        servers.delivery(url, public_url=web.url, gateway_url=around.gateway_url, **settings)
                    )
                source.post_to(f"{web.url}/webhooks/rdvsp")
                requests, sids = SmsRequests(web.webhook, servers.AUTH_TOKEN), itertools.count()

                def order(line: str, per_second: float | None, of: SmsRequests, ids: Iterator[int]) -> Conversations:
                    lines = [Conversation(phone, [of.make(f"SM{next(ids):032x}", phone, line)]) for phone in phones]
                    return Conversations(of.url, lines, len(lines), per_second)  # a kept connection would be cut off

                stranger = appointments.phone(99_999_999)
                warming_up = [Conversation(stranger, [requests.make(f"SM{next(sids):032x}", stranger, "bonjour")])]
                around.do(Conversations(web.webhook, warming_up, 1))  # when it is answered, `deliver` is running
                around.do(order("ANNULER DUP", None, requests, sids))
                load = around.do(order("OUI", PER_SECOND, requests, sids))
                if load.refused:
                    raise RuntimeError(f"{name}: {load.refused} messages were not answered 200")
                there = Load(PER_SECOND, tuple(source.milliseconds()), 0)
                if len(there.milliseconds) != count:
                    raise RuntimeError(f"{name}: {len(there.milliseconds)} of {count} were cancelled there")
                ours = [load.quantile(share) - there.quantile(share) for share in (0.5, 0.99)]
                figures += [
                    Figure(f"RDV Service Public's stand-in answers, 20 a second: {name}", _times(there), "1"),
                    Figure(
                        f"yes in to annulé out, 20 a second: {name}",
                        _times(load),
                        f"{load.quantile(0.5) / there.quantile(0.5):.2f} (p50), "
                        f"{ours[0]:.0f} and {ours[1]:.0f} ms above it",
                    ),
                ]
    return figures


def _times(load: Load) -> str:
    return f"p50 {load.quantile(0.5):.0f} ms, p99 {load.quantile(0.99):.0f} ms"


def _sync(database_url: str, source_url: str) -> None:
    """Read all appointments of the stand-in."""
    with closing(Database(database_url)) as database:
        schema.upgrade(database)

        async def read() -> None:
            async with api_to(database, source_url) as api:
                await Sync(api, database, lambda: datetime.now(UTC)).run()

        asyncio.run(read())


@dataclass(frozen=True, slots=True)
class _Source:
    """The process of the stand-in."""

    url: str
    pipe: Connection[Any, Any]

    def post_to(self, webhook: str) -> None:
        """Post the webhooks of all changes to this address from now on."""
        self.pipe.send(webhook)
        self.pipe.recv()

    def milliseconds(self) -> list[float]:
        """How long each cancellation took there, in milliseconds."""
        self.pipe.send(None)
        times: list[float] = self.pipe.recv()
        return times


@contextmanager
def _source(count: int, answers_after: float) -> Iterator[_Source]:
    with spawned(_stand_in, count, answers_after) as pipe:
        yield _Source(pipe.recv(), pipe)


def _stand_in(pipe: Connection[Any, Any], count: int, answers_after: float) -> None:
    with RdvspStandIn(password=PASSWORD, is_silenced=True) as source:
        starts_at = datetime.now(UTC) + timedelta(days=3)
        for number in range(count):
            user = source.agenda.add_user(phone_number_formatted=appointments.phone(number), email=None)
            source.agenda.add(user, starts_at=starts_at + timedelta(minutes=number), quietly=True)
        source.fail(StandInFault(hangs_seconds=answers_after), times=count, on="participations")
        pipe.send(source.url)
        while True:
            try:
                webhook = pipe.recv()
            except EOFError:
                return
            if webhook is None:
                pipe.send([call.seconds * 1000 for call in source.calls_of("participations")])
            else:
                source.subscribe(webhook, WEBHOOK_SECRET)
                pipe.send(True)


if __name__ == "__main__":
    main()
