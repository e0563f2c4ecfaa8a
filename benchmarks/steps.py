"""Where the CPU of one message goes, from its webhook to the status callback: `python -m benchmarks.steps`.

One process serves and delivers, as `smsbot serve` does. Telephones converse with it, and the gateway reports the status
of each answer. The functions of each step are timed by the CPU of their thread. If a function calls one of another
step, that time counts for the other step only. The last line is the rest of the process's CPU. Timing costs about a
microsecond a call.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import inspect
import itertools
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
import uvicorn.protocols.http.httptools_impl as uvicorn_http
import uvloop
from aiohttp.client_proto import ResponseHandler

import smsbot.app as app
import smsbot.incoming.known as known
import smsbot.incoming.turn as turn
import smsbot.outbox.delivery as delivery
import smsbot.outbox.messages as messages
import smsbot.server as server
import smsbot.web.gateway_webhooks as webhooks
from benchmarks import appointments, postgresql, servers
from benchmarks.conversations import write
from benchmarks.load import Conversations, StatusCallbacks
from benchmarks.outside import Outside, outside
from smsbot import logs
from smsbot.app import Service
from smsbot.gateways.twilio import TwilioGateway
from smsbot.messages.sms import SmsTexts
from smsbot.server import listening_on, serving
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.group_commit import GroupCommit
from smsbot.store.prepared import Prepared

TOGETHER = 64


class Times:
    """Nanoseconds and calls of each step, over all threads."""

    def __init__(self) -> None:
        self.nanoseconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._of_thread = threading.local()

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Add the CPU of the block to `step`, without the CPU of other steps inside the block."""
        within: list[int] = self._of_thread.__dict__.setdefault("within", [])
        within.append(0)
        began = time.thread_time_ns()
        try:
            yield
        finally:
            took = time.thread_time_ns() - began
            self.nanoseconds[step] += took - within.pop()
            self.calls[step] += 1
            if within:
                within[-1] += took

    def wrap(self, owner: Any, name: str, step: str | Callable[[Any], str]) -> None:
        """Time the function or method `name` of `owner`. `step` may be a function of its first argument."""
        function = getattr(owner, name)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def timed_coroutine(*given: Any, **named: Any) -> Any:
                return await _Resumed(function(*given, **named), self, str(step))

            setattr(owner, name, timed_coroutine)
            return

        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            with self.of(step if isinstance(step, str) else step(given[0])):
                return function(*given, **named)

        setattr(owner, name, timed)

    def forget(self) -> None:
        self.nanoseconds.clear()
        self.calls.clear()


class _Resumed(Awaitable[Any]):
    """A coroutine. Each piece of it between two waits is timed."""

    def __init__(self, coroutine: Any, times: Times, step: str) -> None:
        self._coroutine, self._times, self._step = coroutine, times, step

    def __await__(self) -> Generator[Any, Any, Any]:
        given: Any = None
        error: BaseException | None = None
        while True:
            try:
                with self._times.of(self._step):
                    waits_for = self._coroutine.send(given) if error is None else self._coroutine.throw(error)
            except StopIteration as ended:
                return ended.value
            try:
                given, error = (yield waits_for), None
            except BaseException as thrown:  # noqa: BLE001 - it is passed on to the coroutine
                error = thrown


def wrap_all(times: Times) -> None:
    @functools.cache
    def reads_or_writes(prepared: Prepared) -> str:
        is_read = str(prepared._statement).lstrip().startswith(("SELECT", "WITH"))
        return "statements that read" if is_read else "statements that write"

    times.wrap(server._JoiningTransport, "_hand_over", "HTTP in: writing the answer")
    times.wrap(uvicorn_http.HttpToolsProtocol, "data_received", "HTTP in: uvicorn and Starlette")
    times.wrap(uvicorn_http.RequestResponseCycle, "run_asgi", "HTTP in: uvicorn and Starlette")
    times.wrap(TwilioGateway, "verify", "signature and parsing")
    times.wrap(TwilioGateway, "parse", "signature and parsing")
    times.wrap(TwilioGateway, "status", "signature and parsing")
    times.wrap(webhooks.GatewayWebhooks, "_take", "webhook and its log line")
    times.wrap(known, "in_one_journey", "statements that read")
    times.wrap(messages, "insert_together", "statements that write")
    for name in ("rows", "run", "run_all"):
        times.wrap(Prepared, name, reads_or_writes)
    times.wrap(sqlalchemy.Connection, "execute", "statements through SQLAlchemy")
    times.wrap(sqlalchemy.Connection, "exec_driver_sql", "begin and commit")
    times.wrap(sqlalchemy.Connection, "commit", "begin and commit")
    times.wrap(turn, "load_known", "rows to objects")
    times.wrap(turn, "step", "understanding, and the step")
    times.wrap(SmsTexts, "write", "rendering")
    times.wrap(turn.Turn, "take_together", "the rest of the turn")
    times.wrap(Database, "write_now", "transactions and their queue")
    times.wrap(GroupCommit, "_work_off", "transactions and their queue")
    times.wrap(delivery._ChannelRounds, "_round", "rounds of delivery")
    times.wrap(delivery, "settle", "settling")
    times.wrap(delivery, "claim_outgoing", "claiming")
    times.wrap(delivery._ChannelRounds, "_work_on", "sending: around the gateway")
    times.wrap(TwilioGateway, "send", "sending: HTTP with aiohttp")
    times.wrap(ResponseHandler, "data_received", "sending: HTTP with aiohttp")
    times.wrap(app, "record_statuses", "recording the status")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--conversations", type=int, default=1000)
    options.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    chosen = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = stack.enter_context(postgresql.database()) if chosen.postgresql else f"sqlite:///{folder / 'smsbot.db'}"
        appointments.fill(url, 2 * chosen.conversations)
        uvloop.run(_measure(url, stack.enter_context(outside()), chosen.conversations))


async def _measure(url: str, around: Outside, conversations: int) -> None:
    times = Times()
    wrap_all(times)
    listening = listening_on("127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    for name, value in servers.settings(url, address, around.gateway_url).items():
        os.environ[name] = value
    settings = ServiceSettings.load()
    database = Database(url)
    with Path(os.devnull).open("w") as nowhere, listening:
        logs.configure(stream=nowhere)
        service = Service(settings, database)
        async with serving(service, delivery=True) as running:
            serves = asyncio.create_task(running.serve(sockets=[listening]))
            sids = itertools.count()
            webhook = f"{address}/webhooks/twilio/sms"
            for is_counted in (False, True):
                first = conversations * is_counted
                phones = [appointments.phone(first + number) for number in range(conversations)]
                order = Conversations(webhook, write(webhook, phones, sids), TOGETHER)
                for what, each in (
                    ("messages", order),
                    ("status callbacks", StatusCallbacks(address, servers.AUTH_TOKEN, TOGETHER)),
                ):
                    times.forget()
                    began, cpu = time.perf_counter(), time.process_time_ns()
                    load = await asyncio.to_thread(around.do, each)
                    cpu, took = time.process_time_ns() - cpu, time.perf_counter() - began
                    if is_counted:
                        _print(what, times, len(load.milliseconds), cpu, took)
            running.should_exit = True
            await serves
    database.close()


def _print(what: str, times: Times, messages: int, cpu_nanoseconds: int, seconds: float) -> None:
    print(f"\n{messages} {what}, {messages / seconds:.0f} a second\n")
    print("| step | microseconds | calls |\n| --- | --- | --- |")
    for step, nanoseconds in times.nanoseconds.most_common():
        print(f"| {step} | {nanoseconds / messages / 1000:.0f} | {times.calls[step] / messages:.2f} |")
    rest = cpu_nanoseconds - times.nanoseconds.total()
    print(f"| the event loop, threads and the rest | {rest / messages / 1000:.0f} | |")
    print(f"| together | {cpu_nanoseconds / messages / 1000:.0f} | |")


if __name__ == "__main__":
    main()
