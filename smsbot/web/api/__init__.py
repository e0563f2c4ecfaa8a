"""The agents' API under `/api/v1`, JSON over HTTP, described by `/api/openapi.json`."""

from smsbot.web.api.routes import Api

__all__ = ["Api"]
