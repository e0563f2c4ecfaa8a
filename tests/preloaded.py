"""Loads once all modules that smsbot's commands load, before the commands are forked (`forked.py`)."""

from __future__ import annotations

import gc

import anyio._backends._asyncio  # noqa: F401
import httpcore  # noqa: F401
import twilio.rest.api  # noqa: F401
import uvicorn.lifespan.off  # noqa: F401
import uvloop  # noqa: F401

import smsbot.cli.main
import smsbot.cli.operations.running
import smsbot.demo.play  # noqa: F401
from smsbot.agents.signing_in.passwords import Hashing
from smsbot.messages.templates import template_environment
from tests.compiled_templates import keep_compiled

# These are half of what a start still costs.
Hashing()
keep_compiled()
_environment = template_environment()
for _name in _environment.list_templates(extensions=("txt", "html")):
    _environment.get_template(_name)

gc.collect()
gc.freeze()  # so that garbage collections in a forked process do not search all this
