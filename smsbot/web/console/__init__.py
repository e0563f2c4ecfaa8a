"""The agents' console: signing in, the day, an appointment, the inbox, the figures."""

from smsbot.web.console.alerts import keep_alerting
from smsbot.web.console.console import Console

__all__ = ["Console", "keep_alerting"]
