"""The command line: `smsbot …`. Each command is a thin layer over the rooms that do the work."""

from smsbot.cli.main import main

__all__ = ["main"]
