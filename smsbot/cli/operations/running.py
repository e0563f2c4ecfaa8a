"""`smsbot serve` and `smsbot deliver`: the processes that run until they are told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import structlog
import uvicorn

from smsbot import logs
from smsbot.app import Service, delivering, page_maker, policy_of
from smsbot.checks import Level
from smsbot.checks.installation import look_at_installation
from smsbot.cli.common import CommandFailed, alone_on, ready_database, sqlite_file
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.policy import Policy
from smsbot.process_apart import ProcessApart, answer_questions
from smsbot.server import listening_on, serving
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database

logger = structlog.get_logger(__name__)


def serve(settings: ServiceSettings, host: str, port: int, *, delivery: bool) -> None:
    """Serve until a signal says to stop, then finish the work that has begun.

    Raises `AlreadyServed` if another process serves this SQLite file, and `CommandFailed` if the port cannot be used or
    background work was given up.
    """
    logs.configure(settings.log_level, settings.log_format)
    logs.follow_cases(settings.secret_key.get_secret_value())
    policy = policy_of(settings)
    with (
        _pages_apart(partial(_make_pages, settings, policy)) as pages_by,
        alone_on(sqlite_file(settings)),
        ready_database(settings, make=True) as database,
    ):
        service = Service(settings, database, policy=policy, pages_by=pages_by)
        _warn(service)
        _say_whose_word_counts(service)
        if database.is_sqlite and not delivery:
            logger.warning(
                "with SQLite no other process can deliver: no message is sent, no reminder is written and nothing is "
                "erased until smsbot serve runs without --no-delivery"
            )
        run_to_the_end(_serve(service, host, port, delivery=delivery))
        _fail_where_given_up(service)


@contextmanager
def _pages_apart(make_pages: Callable[[socket.socket], None]) -> Iterator[ProcessApart | None]:
    """The process that makes the console's pages, while the block runs; None if it cannot be made."""
    pages_by = ProcessApart.forked("smsbot-pages", make_pages)
    try:
        yield pages_by
    finally:
        if pages_by is not None:
            pages_by.close()


def _make_pages(settings: ServiceSettings, policy: Policy, line: socket.socket) -> None:
    """Run in the second process: make pages for the process at the other end of `line`, until it is closed."""
    with closing(Database(settings.database_url)) as database:
        run_to_the_end(answer_questions(line, page_maker(Service(settings, database, policy=policy))))


def _say_whose_word_counts(service: Service) -> None:
    engine = service.database.url.get_backend_name()
    for connection in service.connections.values():
        logger.info(
            "connected: RDV Service Public is the source of truth for its appointments, and they are cancelled there",
            source=connection.source,
            url=connection.url,
            notifies=connection.notifies,
        )
    if not service.connections:
        logger.info(
            "on its own: smsbot's database is the source of truth, and a cancellation made here stands", engine=engine
        )


def deliver(settings: ServiceSettings) -> None:
    """Only deliver, until a signal says to stop. Raises `CommandFailed` for SQLite, or if work was given up."""
    logs.configure(settings.log_level, settings.log_format)
    logs.follow_cases(settings.secret_key.get_secret_value())
    if sqlite_file(settings) is not None:
        raise CommandFailed(
            "smsbot deliver needs PostgreSQL in SMSBOT_DATABASE_URL: with SQLite, smsbot serve delivers itself."
        )
    with ready_database(settings) as database:
        service = Service(settings, database)
        _warn(service)
        run_to_the_end(_deliver(service))
        _fail_where_given_up(service)


def _warn(service: Service) -> None:
    """Log the problems that `smsbot check` finds without the network, one line for each."""
    for finding in look_at_installation(service.settings, service.policy, sqlite_file(service.settings)):
        if finding.level is not Level.WELL:
            logger.warning(finding.sentence, about=finding.subject)


async def _serve(service: Service, host: str, port: int, *, delivery: bool) -> None:
    with listen(host, port) as listening:
        async with serving(service, delivery=delivery) as server:
            _spare_what_is_there()
            logger.info("listening", host=host, port=listening.getsockname()[1], delivery=delivery)
            await serve_until_told(server, listening)
        if service.pages_apart is not None:
            service.pages_apart.process.close()  # before the database, so that this process closes the file last


_MADE_BEFORE_A_COLLECTION = 10_000
"""How many more objects are made than freed before a collection. A transaction for 64 messages makes half as many, and
frees them at its end. With Python's default of 700, the collector looked at each of them several times, which took 4 %
of the time of a turn."""


def _spare_what_is_there() -> None:
    """Keep the garbage collector away from the objects made so far, which live as long as the process, and from the
    objects of one transaction.

    A full collection with the objects made so far would take a tenth of a second, in which nobody gets an answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE_BEFORE_A_COLLECTION)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `CommandFailed` if the address or port cannot be used."""
    try:
        return listening_on(host, port)
    except OSError as error:
        raise CommandFailed(
            f"Nothing can listen on {host} port {port} ({error.strerror or error}): choose another --host or --port."
        ) from None


async def serve_until_told(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve until a signal says to stop, or the server is told to exit.

    At these signals uvicorn stops, and then raises them again for the handlers that were there before. With our
    handlers nothing more happens, and the work that has begun is finished. Without them the process would die at once.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _already_stopping)
    await server.serve(sockets=[listening])


def _already_stopping() -> None:
    logger.info("stopping: work that has begun is finished first")


async def _deliver(service: Service) -> None:
    stop = asyncio.Event()
    service.supervisor.when_given_up(stop.set)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with (
        open_gateways(service.settings, service.policy) as gateways,
        service.sources() as sources,
        delivering(service, gateways, sources),
    ):
        _spare_what_is_there()
        logger.info("delivering")
        await stop.wait()


def _fail_where_given_up(service: Service) -> None:
    if service.supervisor.given_up is not None:
        raise CommandFailed(
            f"smsbot ended by itself, because its work {service.supervisor.given_up} failed again and again: "
            "the log says why."
        )


def run_to_the_end(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` with an event loop and garbage collector settings that suit a service."""
    gc.set_threshold(20_000, 20, 20)  # a turn makes hundreds of small objects and leaves none
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(main)


def _event_loop() -> asyncio.AbstractEventLoop:
    """uvloop if it is installed, which it is not on Windows; otherwise asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
