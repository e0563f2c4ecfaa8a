"""The API under `/api/v1`, JSON over HTTP, described by `/api/openapi.json`."""

from smsbot.web.api.endpoints import Api
from smsbot.web.api.request_limits import RequestLimits

__all__ = ["Api", "RequestLimits"]
