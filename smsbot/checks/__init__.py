"""Checks an installation before anybody gets a message: `smsbot check`.

`installation` looks at settings, files, time zones and the database; `smsbot serve` shows its warnings at start.
`peers` asks our own public address, the gateways, the mail server and the sources, with `gateway_accounts` for our
accounts at Twilio and Vonage. `webhook_trial` calls our webhooks as the gateways would. Each finding (`findings`) is
one line that says what to do. No usager gets a message, and nothing is changed.
"""

from smsbot.checks.findings import CheckFinding, Level

__all__ = ["CheckFinding", "Level"]
