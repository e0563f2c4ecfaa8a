"""A reminder to 100,000 appointments that are due at the same moment: `python -m benchmarks.notification`.

One process writes the messages and delivers them, on SQLite. The gateway answers at once, and no rate is set. The speed
is compared with that of a bare aiohttp client that posts to the same gateway, as many requests at a time. The memory of
the process is measured when a fifth of the messages has left; the most from then on is reported, too.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import uvloop

from benchmarks import appointments, servers
from benchmarks.gateway import Gateway
from benchmarks.outside import outside
from benchmarks.report import Figure, table

AT_ONCE = 64
BARE = 10_000


@dataclass(frozen=True, slots=True)
class Taken:
    """How many messages the gateway has taken so far."""

    async def carry_out(self, gateway: Gateway) -> int:
        return gateway.taken


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--appointments", type=int, default=100_000)
    print(table(measure(options.parse_args().appointments)))


def measure(count: int = 100_000) -> list[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        bare = uvloop.run(_post(around.gateway_url, BARE))
        before = around.do(Taken())
        sqlite = f"sqlite:///{folder / 'smsbot.db'}"
        appointments.fill(sqlite, count, starts_in=timedelta(hours=40))
        service = stack.enter_context(servers.service(sqlite, gateway_url=around.gateway_url, SMSBOT_QUIET_HOURS="off"))
        began, memory = time.perf_counter(), []
        while (taken := around.do(Taken()) - before) < count:
            if taken >= count / 5:
                memory.append(service.resident_megabytes())
            time.sleep(0.2)
        per_second = count / (time.perf_counter() - began)
    what = f"a reminder to {count:,} appointments"
    return [
        Figure("a bare aiohttp client to the gateway", f"{bare:.0f} a second", "1.00"),
        Figure(what, f"{per_second:.0f} a second", f"{per_second / bare:.2f}"),
        Figure(
            "its memory after a fifth, and at most since",
            f"{memory[0]:.0f} MB, {max(memory):.0f} MB",
            f"{max(memory) / memory[0]:.2f}",
        ),
    ]


async def _post(gateway_url: str, count: int) -> float:
    """Messages per second of a client that does nothing else."""
    form = {"To": appointments.phone(0), "From": appointments.SENDER, "Body": "Rappel : votre RDV du jeudi " * 5}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def lane() -> None:
            for _ in range(count // AT_ONCE):
                async with session.post(f"{gateway_url}/Messages.json", data=form) as answer:
                    await answer.json()

        began = time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
        return AT_ONCE * (count // AT_ONCE) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
