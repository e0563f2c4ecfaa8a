"""From webhook in to SMS out at a steady 100 messages a second: `python -m benchmarks.latency`.

Whole conversations are started at that rate, even if the ones before are late. Each message is timed from when its
webhook should leave until the gateway has the answer. This is compared with a bare round trip to the gateway at the
same rate: the same form is posted over a kept connection, and answered.
"""

from __future__ import annotations

import argparse
import itertools
import socket
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from benchmarks import appointments, postgresql, servers
from benchmarks.conversations import LINES, write
from benchmarks.load import Conversations, Load
from benchmarks.outside import outside
from benchmarks.report import Figure, table

PER_SECOND = 100.0
TOGETHER = 64


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=30)
    print(table(measure(options.parse_args().seconds)))


def measure(seconds: int = 30) -> list[Figure]:
    messages = int(seconds * PER_SECOND)
    phones = [appointments.phone(number) for number in range(messages // len(LINES))]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        around = stack.enter_context(outside())
        sqlite, shared = f"sqlite:///{folder / 'smsbot.db'}", stack.enter_context(postgresql.database())
        appointments.fill(sqlite, len(phones))
        appointments.fill(shared, len(phones))
        alone = stack.enter_context(servers.service(sqlite, gateway_url=around.gateway_url))
        web = stack.enter_context(servers.service(shared, "--no-delivery", gateway_url=around.gateway_url))
        stack.enter_context(servers.delivery(shared, public_url=web.url, gateway_url=around.gateway_url))
        bare = _round_trips(around.gateway_url, messages)
        sids = itertools.count()
        figures = [Figure("a bare round trip to the gateway, 100 a second", _times(bare), "1")]
        for name, process in {"SQLite, one process": alone, "PostgreSQL, web and delivery": web}.items():
            order = Conversations(process.webhook, write(process.webhook, phones, sids), TOGETHER, PER_SECOND)
            load = around.do(order)
            if load.refused:
                raise RuntimeError(f"{name}: {load.refused} messages were not answered 200")
            p50, p99 = (load.quantile(share) / bare.quantile(share) for share in (0.5, 0.99))
            what = f"webhook in to SMS out, 100 a second: {name}"
            figures.append(Figure(what, _times(load), f"{p50:.0f} (p50), {p99:.0f} (p99)"))
    return figures


def _times(load: Load) -> str:
    return f"p50 {load.quantile(0.5):.1f} ms, p99 {load.quantile(0.99):.1f} ms"


def _round_trips(gateway_url: str, count: int) -> Load:
    parts = urlsplit(gateway_url)
    assert parts.hostname is not None
    assert parts.port is not None
    form = {"To": appointments.phone(0), "From": appointments.SENDER, "Body": "Pour annuler votre RDV, " * 5}
    content = urlencode(form).encode()
    request = b"POST /Messages.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(content) + content
    times = []
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        for number in range(count):
            time.sleep(max(began + number / PER_SECOND - time.perf_counter(), 0.0))
            sent = time.perf_counter()
            connection.sendall(request)
            connection.recv(65536)  # the answer is small and comes in one piece
            times.append((time.perf_counter() - sent) * 1000)
    return Load(PER_SECOND, tuple(times), 0)


if __name__ == "__main__":
    main()
