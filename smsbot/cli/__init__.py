"""The command line: `smsbot …`. Each command is a thin layer over the rooms that do the work.

`main` is the entry point, and has the commands that run the service. The modules named `*_command` or `*_commands` have
the other commands with their options: `check_command`, `figures_command`, `retention_commands`, `backup_command`,
`agent_commands` with `agent_file_commands`, `token_commands`, `outbox_commands`, `gateway_commands`, `cancel_command`,
`rdvsp_commands`. They import what they need only when a command runs, so that `--help` answers at once: the rooms, and
`operations/`, which does the work of commands that need more than some lines. `common` is what they share.
"""

from smsbot.cli.main import main

__all__ = ["main"]
