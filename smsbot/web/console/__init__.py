"""The agents' console: signing in, the day, an appointment, the inbox, the figures."""

from smsbot.web.console.routing import Console

__all__ = ["Console"]
