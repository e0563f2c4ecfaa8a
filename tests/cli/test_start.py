"""A command loads nothing at its start that only the service needs.

Otherwise each command would start a second later.
"""

from __future__ import annotations

import subprocess
import sys
from copy import copy
from importlib.metadata import version
from typing import get_args

from typer.testing import CliRunner

from smsbot.cli.common import tell_whole_sentences
from smsbot.cli.main import QuestionName, app
from smsbot.cli.outbox_commands import StateName
from smsbot.outbox.operator_actions import MessageState
from smsbot.understanding.explaining import Question

HEAVY = ("aiohttp", "alembic", "asyncio", "babel", "jinja2", "psycopg", "pydantic", "sqlalchemy", "starlette")


def test_the_help_of_every_command_loads_nothing_that_only_the_work_needs() -> None:
    program = f"import sys, smsbot.cli.main; print(*[name for name in {HEAVY} if name in sys.modules])"
    started = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert started.stdout.split() == []


def test_the_list_of_commands_says_each_whole() -> None:
    told_whole = copy(app)  # the runner caches what it has built of the other app
    tell_whole_sentences(told_whole)
    for group in ([], ["agent"], ["gateway"], ["outbox"], ["rdvsp"]):
        told = CliRunner().invoke(told_whole, [*group, "--help"], env={"COLUMNS": "80"}).stdout
        assert "Commands:" in told
        assert "..." not in told.partition("Commands:")[2]


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.stdout) == (0, f"smsbot {version('smsbot')}\n")


def test_the_choices_of_an_option_are_those_of_the_room_behind_it() -> None:
    assert get_args(StateName) == tuple(MessageState)
    assert get_args(QuestionName) == tuple(Question)
