"""Does the work of `smsbot rdvsp …`: sign in, set up, sync, show the state."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import structlog

from smsbot.app import Service
from smsbot.appointments.intake import Feed, IntakeKind, last_words_heard
from smsbot.cli.common import CommandFailed, local_time, ready_database
from smsbot.connected.client import RdvspApi
from smsbot.connected.connections import EmailAndPassword
from smsbot.connected.setup import set_webhooks_up
from smsbot.connected.source_login import LOGIN_LASTS, BegunLogin, SourceLogins
from smsbot.connected.source_state import SourceState, source_states
from smsbot.connected.sync import Sync, SyncReport
from smsbot.model import DEFAULT_SOURCE
from smsbot.settings import ServiceSettings

LOOKED_EVERY_SECONDS = 0.5
_BAR = 30


def login(source: str | None) -> None:
    """Print the address where an agent consents, and wait until one has. Raises `Problem`, as the others do."""
    with _service() as service:
        _run(_login(service, _one(service, source)))


def setup(source: str | None) -> None:
    """Check what the account may see, register the webhook if it is missing, and sync. None means all sources."""
    with _service() as service:
        for name in _some(service, source):
            _run(_setup(service, name))


def sync(source: str | None) -> None:
    """Read all coming appointments. None means of all sources."""
    with _service() as service:
        for name in _some(service, source):
            _run(_sync(service, name))


def status(source: str | None) -> None:
    """Print the state. Raises `CommandFailed` if a source is not signed in or has refused the last call."""
    with _service() as service:
        now = datetime.now(UTC)
        names = _some(service, source)
        states, heard = service.database.read_now(
            lambda connection: (source_states(connection, names, now), last_words_heard(connection))
        )
        for name, state in states.items():
            for line in _lines(service, name, state, heard.get((name, Feed.WEBHOOK))):
                print(line)
        troubled = [name for name, state in states.items() if not state.is_well]
        if troubled:
            raise CommandFailed("; ".join(states[name].problem or _not_signed_in(service, name) for name in troubled))


@contextmanager
def _service() -> Iterator[Service]:
    settings = ServiceSettings.load()
    logging.disable()  # the results are printed instead
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with ready_database(settings) as database:
        service = Service(settings, database)
        if not service.connections:
            raise CommandFailed(
                "No source is connected: set SMSBOT_RDVSP_URL, or url of a source in smsbot.toml, and the settings to "
                "sign in there."
            )
        yield service


def _some(service: Service, source: str | None) -> list[str]:
    return list(service.connections) if source is None else [_one(service, source)]


def _one(service: Service, source: str | None) -> str:
    names = list(service.connections)
    if source is None:
        source = DEFAULT_SOURCE if DEFAULT_SOURCE in names or len(names) > 1 else names[0]
    if source not in names:
        raise CommandFailed(f"The source {source} is not connected: --source is one of {', '.join(names)}.")
    return source


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def _login(service: Service, name: str) -> None:
    async with service.sources() as sources:
        api = sources[name]
        if isinstance(api.connection.sign_in, EmailAndPassword):
            account = await api.account()
            print(f"Signed in to {api.connection.url} as {account.told}, with the e-mail address and password.")
            return
        logins = service.logins(sources)
        begun = await logins.begin(name)
        print(begun.address, flush=True)
        await _wait_for(logins, begun)
        now = service.clock()
        states = await service.database.read(lambda connection: source_states(connection, [name], now))
        print(f"Signed in to {api.connection.url} as {states[name].account}.")


async def _wait_for(logins: SourceLogins, begun: BegunLogin) -> None:
    try:
        async with asyncio.timeout(LOGIN_LASTS.total_seconds()):
            while not await logins.is_finished(begun):
                await asyncio.sleep(LOOKED_EVERY_SECONDS)
    except TimeoutError:
        raise CommandFailed(
            f"Nobody has come back within {LOGIN_LASTS.total_seconds() / 60:.0f} minutes: run the login again. If RDV "
            "Service Public showed an error instead of asking for consent, write to its team with the client id and "
            f"the redirect address {logins.redirect_uri}; smsbot serve must be reachable there."
        ) from None


async def _setup(service: Service, name: str) -> None:
    secret = service.webhook_secrets.get(name)
    if secret is None:
        raise CommandFailed(
            "SMSBOT_RDVSP_WEBHOOK_SECRET is missing: RDV Service Public's webhook needs one. Set it in the "
            "environment or in .env, restart smsbot serve, and run this again."
        )
    async with service.sources() as sources:
        api = sources[name]
        account = await api.account()
        print(f"Signed in to {api.connection.url} as {account.told}.")
        path = "/webhooks/rdvsp" if name == DEFAULT_SOURCE else f"/webhooks/rdvsp/{name}"
        problems, organisations = [], 0
        async for each in set_webhooks_up(api, f"{service.settings.public_url}{path}", secret):
            print(each.sentence)
            organisations += 1
            problems += [each.organisation.name] if not each.is_well else []
        if not organisations:
            raise CommandFailed(
                f"{account.told} sees no organisation there: ask an administrator of each organisation to add this "
                "agent, as secretary or administrator."
            )
        await _read_everything(service, api)
        if problems:
            raise CommandFailed(
                f"The webhook of {', '.join(problems)} is not right: see above what to do, then run this again. Until "
                "then their appointments are read only by each sync."
            )


async def _sync(service: Service, name: str) -> None:
    async with service.sources() as sources:
        await _read_everything(service, sources[name])


async def _read_everything(service: Service, api: RdvspApi) -> None:
    report = await Sync(api, service.database, service.clock, _progress_bar(api.connection.source)).run()
    kinds = report.kinds
    print(
        f"{report.read} coming appointments read from {api.connection.source}: {kinds[IntakeKind.NEW]} new, "
        f"{kinds[IntakeKind.CHANGED]} changed, {kinds[IntakeKind.UNCHANGED]} unchanged, "
        f"{kinds[IntakeKind.IGNORED]} destroyed, or older than what is stored."
    )
    if kinds[IntakeKind.REFUSED]:
        print(f"{kinds[IntakeKind.REFUSED]} refused: they are new and have no organisation.")
    if report.unreadable:
        print(f"{report.unreadable} could not be read; the log of smsbot serve says why at its next sync.")
    if report.to_confirm:
        print(f"{report.to_confirm} were not shown; smsbot serve asks for them by their ids.")


def _progress_bar(source: str) -> Callable[[SyncReport], None]:
    """Shows on stderr how far a sync is: a bar on a terminal, otherwise a line for each tenth."""
    tenths = -1

    def tell(report: SyncReport) -> None:
        nonlocal tenths
        if report.trouble is not None:
            print(f"{chr(10) if sys.stderr.isatty() else ''}{report.trouble}", file=sys.stderr, flush=True)
            return
        told = f"{source}: {report.read} appointments, {report.share:4.0%}"
        if sys.stderr.isatty():
            done = round(report.share * _BAR)
            print(f"\r{told} [{'#' * done}{'.' * (_BAR - done)}]", end="", file=sys.stderr, flush=True)
            if report.is_finished:
                print(file=sys.stderr)
        elif int(report.share * 10) > tenths:
            tenths = int(report.share * 10)
            print(told, file=sys.stderr, flush=True)

    return tell


def _lines(service: Service, name: str, state: SourceState, webhook_at: datetime | None) -> Iterator[str]:
    connection = service.connections[name]
    yield f"{name}: {connection.url}"
    if state.is_signed_in:
        by = "e-mail address and password" if isinstance(connection.sign_in, EmailAndPassword) else "OAuth"
        account = f" as {state.account}" if state.account else ""
        yield f"  signed in by {by}{account}, until {_told(state.expires_at)}; renewed before"
    else:
        yield "  not signed in"
    yield f"  last webhook: {_told(webhook_at)}"
    yield f"  last sync: {_told(state.synced_at)}"
    yield f"  to be read again: {state.to_read}"
    waiting = f", the oldest since {_told(state.waiting_since)}" if state.waiting else ""
    yield f"  cancellations waiting: {state.waiting}{waiting}"
    yield f"  cancellations refused in the last 24 hours: {state.refused}"
    if state.problem is not None:
        yield f"  refused since {_told(state.problem_at)}: {state.problem}"


def _not_signed_in(service: Service, name: str) -> str:
    if isinstance(service.connections[name].sign_in, EmailAndPassword):
        return f"Nobody is signed in to {name} yet: smsbot serve signs in with its first call, or smsbot rdvsp login."
    return f"Nobody is signed in to {name}: run smsbot rdvsp login --source {name}."


def _told(moment: datetime | None) -> str:
    return "never" if moment is None else local_time(moment)
