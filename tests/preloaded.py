"""What smsbot's commands load, at the start or when they run; loaded once, before they are forked (`forked.py`)."""

from __future__ import annotations

import gc

import anyio._backends._asyncio  # noqa: F401
import httpcore  # noqa: F401
import twilio.rest.api  # noqa: F401
import uvicorn.lifespan.off  # noqa: F401
import uvloop  # noqa: F401

import smsbot.cli.main
import smsbot.cli.serve_commands
import smsbot.demo.play  # noqa: F401
from smsbot.agents.passwords import Hashing
from smsbot.messages.templates import template_environment

# Of what a start then still costs, these are half.
Hashing()
_environment = template_environment()
for _name in _environment.list_templates(extensions=("txt", "html")):
    _environment.get_template(_name)

gc.collect()
gc.freeze()  # a forked process need not look through all this again
