"""The command line: `smsbot …`. Each command is a thin layer over the rooms that do the work.

`main` is the entry point. The modules named `*_command` or `*_commands` have the commands and their options, and load
what the work needs when it is done; what takes more than some lines is in a module of its own beside them.
"""

from smsbot.cli.main import main

__all__ = ["main"]
