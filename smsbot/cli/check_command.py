"""`smsbot check`: checks the installation before anybody gets a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from smsbot.cli.common import CommandFailed, one_clear_line

if TYPE_CHECKING:
    from smsbot.app import Service
    from smsbot.checks import CheckFinding

app = typer.Typer()


@app.command()
def check(
    offline: Annotated[bool, typer.Option("--offline", help="Do not use the network.")] = False,
    mail_to: Annotated[
        str | None, typer.Option("--mail-to", metavar="ADDRESS", help="Send a test message to this address.")
    ] = None,
) -> None:
    """Check the installation before anybody gets a message, and say what to do.

    One line for each thing: ok, warning or wrong. It checks settings, smsbot.toml, the database, the disk and the
    clock; then it asks the service's own address, the gateways, the mail server and the sources. Nothing is changed and
    no usager gets a message. Exit status 1 if something would fail.
    """
    from smsbot.checks import Level

    with one_clear_line():
        bad = 0
        for finding in _findings(offline, mail_to):
            print(finding, flush=True)
            bad += finding.level is Level.WRONG
        if bad:
            raise CommandFailed(f"{bad} would fail: repair what is marked wrong above, and run smsbot check again.")


def _findings(offline: bool, mail_to: str | None) -> Iterator[CheckFinding]:
    import asyncio
    import logging

    import structlog

    from smsbot.app import Service
    from smsbot.checks import Level
    from smsbot.checks.findings import well, wrong
    from smsbot.checks.installation import look_at_database, look_at_installation, look_at_names
    from smsbot.checks.peers import look_at_sources
    from smsbot.cli.common import sqlite_file
    from smsbot.policy import Policy
    from smsbot.problem import Problem
    from smsbot.settings import ServiceSettings
    from smsbot.store.database import Database

    logging.disable()  # the findings are printed instead
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        settings = ServiceSettings.load()
    except Problem as problem:
        yield from (wrong("settings", sentence) for sentence in problem.sentences)
        yield from look_at_names()
        return
    try:
        policy = Policy.load(settings.config, settings.usual_sender)
    except Problem as problem:
        yield from (wrong("smsbot.toml", sentence) for sentence in problem.sentences)
        yield from look_at_names()
        return
    file = sqlite_file(settings)
    yield from look_at_installation(settings, policy, file)
    at_database = list(look_at_database(settings.database_url, file, policy))
    yield from at_database
    with closing(Database(settings.database_url)) as database:
        service = Service(settings, database)
        try:
            names = list(service.connections)
            _ = service.webhook_secrets
        except Problem as problem:
            yield from (wrong("settings", sentence) for sentence in problem.sentences)
            return
        yield from asyncio.run(_gateways(service))
        if not names:
            yield well("source", "none is connected: this database is the source of truth")
        elif all(found.level is Level.WELL for found in at_database) and (file is None or file.exists()):
            yield from look_at_sources(service)
        if not offline:
            yield from asyncio.run(_asked(service, mail_to))


async def _gateways(service: Service) -> list[CheckFinding]:
    """Whether every gateway in use can be opened. The network is not used."""
    from smsbot.checks.findings import well, wrong
    from smsbot.gateways.opening_gateways import open_gateways
    from smsbot.problem import Problem

    try:
        async with open_gateways(service.settings, service.policy) as gateways:
            return [well("gateways", ", ".join(gateways.all))]
    except Problem as problem:
        return [wrong("gateways", sentence) for sentence in problem.sentences]


async def _asked(service: Service, mail_to: str | None) -> list[CheckFinding]:
    from smsbot.checks.peers import look_at_peers

    return [finding async for finding in look_at_peers(service, mail_to=mail_to)]
