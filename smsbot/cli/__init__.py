"""The command line: `smsbot …`. Each command is a thin layer over the rooms that do the work.

`main` is the entry point, and has the commands that run the service. The modules named `*_command` or `*_commands` have
the others with their options: `check_command`, `figures_command`, `retention_commands`, `backup_command`,
`agent_commands` with `agent_file_commands`, `token_commands`, `outbox_commands`, `gateway_commands`, `cancel_command`,
`rdvsp_commands`. They load what the work needs when it is done, so that `--help` answers at once; `common` is what they
share.

What takes more than some lines is done in `serve_commands`, `sandbox_command`, `import_command`, `cancelling`,
`rdvsp_operations`, `gateway_trials` and `webhook_replay`.
"""

from smsbot.cli.main import main

__all__ = ["main"]
