"""The command line: `smsbot …`. Each command is a thin layer over the rooms that do the work.

`main` is the entry point, and has the commands that run the service. The modules named `*_command` or `*_commands` have
the other commands with their options: `check_command`, `figures_command`, `retention_commands`, `backup_command`,
`agent_commands` with `agent_file_commands`, `token_commands`, `outbox_commands`, `gateway_commands`, `cancel_command`,
`rdvsp_commands`. They import the rooms that they need only when a command runs, so that `--help` answers at once.
`common` is what they share.

`serve_commands`, `sandbox_command`, `import_command`, `cancelling`, `rdvsp_operations`, `gateway_trials` and
`webhook_replay` do the work of commands that need more than some lines.
"""

from smsbot.cli.main import main

__all__ = ["main"]
