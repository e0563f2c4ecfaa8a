"""The agents' API under `/api/v1`, JSON over HTTP, described by `/api/openapi.json`."""

from smsbot.web.api.endpoints import Api

__all__ = ["Api"]
