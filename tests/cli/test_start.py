"""How a command starts: with nothing loaded that only the service needs, or each command would begin a second later."""

from __future__ import annotations

import subprocess
import sys

OF_THE_SERVICE = ("aiohttp", "babel", "icalendar", "jinja2", "starlette", "uvicorn")


def test_the_commands_load_nothing_that_only_the_service_needs() -> None:
    program = f"import sys, smsbot.cli.main; print(*[name for name in {OF_THE_SERVICE} if name in sys.modules])"
    started = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert started.stdout.split() == []
