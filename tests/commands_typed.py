"""Commands of smsbot as they are typed in a guide, in a unit of systemd, or in a container."""

from __future__ import annotations

import shlex
from typing import Any

import typer

from smsbot.cli.main import app


def unknown_in(typed: str) -> list[str]:
    """The parts of `typed` that smsbot does not know: the command, or options. `typed` is without the word smsbot."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(typed)
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return words[:1] or ["(nothing)"]
        command = command.commands[words.pop(0)]
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    return [word for word in words if word.startswith("--") and word not in known]
