"""What can be known of an installation before anybody is written to: `smsbot check`.

`installation` looks at settings, files and time zones, and `smsbot serve` says its warnings at start.
`database_check` looks at the database. `peers` asks our own public address, the gateways and the mail server, with
`gateway_accounts` for what Twilio and Vonage know of our account; `webhook_trial` calls our webhooks as the gateways
would. Each finding (`findings`) is one line with what to do. Nothing is sent to an usager and nothing
is changed.
"""

from smsbot.checks.findings import CheckFinding, Level

__all__ = ["CheckFinding", "Level"]
