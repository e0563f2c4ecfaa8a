"""The API under `/api/v1`, JSON over HTTP, described by `/api/openapi.json`.

- A request: `endpoints` has the routes, `callers` finds out whose token it is, `request_limits` limits how many
  requests a token may make, `reading_requests` reads query and body, `answering_requests` makes answers and errors.
- The endpoints: `appointment_acts`, `batch_acts`, `message_acts`, `list_endpoints`, `webhook_endpoints`.
- The bodies of requests: `inputs`, whose values are of the kinds in `input_kinds`.
- The answers: `resources`. An answer that only one module of endpoints gives is in that module.
- The OpenAPI document: `openapi`, made from `described_paths`, `examples` and the pieces in `describing`.
"""

from smsbot.web.api.endpoints import Api
from smsbot.web.api.request_limits import RequestLimits

__all__ = ["Api", "RequestLimits"]
