"""The agents' console: signing in, the list of appointments, one appointment, the inbox, the figures."""

from smsbot.web.console.routing import Console

__all__ = ["Console"]
