"""A process whose background work fails again and again ends with status 1 and one line that says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.walks.running import Service

# The real command, with a mistake in the reminders and less patience than the ten minutes of every day.
MISTAKEN = """
import sys
from smsbot import app
from smsbot.cli.main import main
from smsbot.notifications.reminders import Reminders
from smsbot.runtime import RestartPolicy, Supervisor

def mistaken(*_arguments, **_options):
    raise ValueError("Sophie Dupont")

Reminders.due = mistaken
app.Supervisor = lambda: Supervisor(RestartPolicy(first_pause=0.01, longest_pause=0.05, failures=4, seconds=0.0))
sys.argv[0] = "smsbot"
main()
"""


@pytest.mark.parametrize("command", ["serve", "deliver"])
def test_it_ends_rather_than_serve_without_reminders(
    make_service: Callable[..., Service], migrated_postgresql_url: str, command: str
) -> None:
    service = make_service(database_url=migrated_postgresql_url)
    options = ["--port", str(service.port)] if command == "serve" else []
    done = subprocess.run(
        [sys.executable, "-c", MISTAKEN, command, *options],
        cwd=service.folder,
        env=service.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    *logged, last = done.stderr.splitlines()
    assert last == "smsbot ended by itself, because its work reminders failed again and again: the log says why."
    failures = [entry for entry in map(json.loads, logged) if entry["event"] == "work failed"]
    assert [(entry["work"], entry["error"]) for entry in failures] == [("reminders", "ValueError")] * 4
    assert "Traceback" not in done.stderr
    assert "Sophie" not in done.stderr
