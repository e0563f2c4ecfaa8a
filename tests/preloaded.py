"""What smsbot's commands load, at the start or when they run; loaded once, before they are forked (`forked.py`)."""

from __future__ import annotations

import gc

import twilio.rest.api  # noqa: F401
import uvloop  # noqa: F401

import smsbot.cli.main
import smsbot.cli.serve_commands  # noqa: F401

gc.collect()
gc.freeze()  # a forked process need not look through all this again
