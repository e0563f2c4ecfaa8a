"""Commands on a database of the test's own, as a shell runs them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import typer
from typer.testing import CliRunner

from smsbot.store.database import Database
from tests.retention.people import World


@dataclass(frozen=True)
class Answer:
    """How a command ended: its exit status, and the lines that it wrote."""

    status: int
    told: list[str]
    complained: list[str]


@dataclass(frozen=True)
class Shell:
    """Runs commands of `app`; `world` is the database that they work on."""

    app: typer.Typer
    world: World

    def run(self, *arguments: str) -> Answer:
        result = CliRunner().invoke(self.app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout.splitlines(), result.stderr.splitlines())


@contextmanager
def shell_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch, *commands: Callable[..., None], group: typer.Typer | None = None
) -> Iterator[Shell]:
    """A shell with these commands, or with a group of them, on a database with a current schema."""
    monkeypatch.setenv("SMSBOT_DATABASE_URL", database_url)
    database = Database(database_url)
    try:
        yield Shell(_app_of(*commands, group=group), World(database))
    finally:
        database.close()


@functools.cache
def _app_of(*commands: Callable[..., None], group: typer.Typer | None) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(lambda: None)  # so that a single command keeps its name
    for command in commands:
        app.command()(command)
    if group is not None:
        app.add_typer(group)
    return app
