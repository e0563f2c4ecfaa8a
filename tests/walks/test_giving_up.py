"""A process whose background work fails again and again ends with status 1 and one line that says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import pytest

from smsbot import app
from smsbot.notifications.reminders import Reminders
from smsbot.runtime import RestartPolicy, Supervisor
from tests import forked
from tests.walks.running import Service


def mistaken() -> None:
    """Put a mistake into the reminders, and let the supervisor give up before its usual ten minutes."""

    def due(*_arguments: object, **_options: object) -> None:
        raise ValueError("Sophie Dupont")

    policy = RestartPolicy(first_pause=0.01, longest_pause=0.05, failures=4, seconds=0.0)
    patch.object(Reminders, "due", due).start()
    patch.object(app, "Supervisor", partial(Supervisor, policy)).start()


@pytest.mark.parametrize("command", ["serve", "deliver"])
def test_it_ends_rather_than_serve_without_reminders(
    make_service: Callable[..., Service], migrated_postgresql_url: str, command: str
) -> None:
    service = make_service(database_url=migrated_postgresql_url)
    options = ["--port", str(service.port)] if command == "serve" else []
    done = forked.finished((command, *options), service.environment, service.folder, 120, before=mistaken)
    assert done.returncode == 1
    *logged, last = done.stderr.splitlines()
    assert last == "smsbot ended by itself, because its work reminders failed again and again: the log says why."
    failures = [entry for entry in map(json.loads, logged) if entry["event"] == "work failed"]
    assert [(entry["work"], entry["error"]) for entry in failures] == [("reminders", "ValueError")] * 4
    assert "Traceback" not in done.stderr
    assert "Sophie" not in done.stderr
