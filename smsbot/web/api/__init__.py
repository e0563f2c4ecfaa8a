"""The API under `/api/v1`, JSON over HTTP, described by `/api/openapi.json`.

- A request: `endpoints` has the routes, `callers` says whose token it is, `request_limits` how many it may make,
  `reading_requests` reads query and body, `problems` are the errors.
- What is done: `appointment_acts`, `batch_acts`, `message_acts`, `list_endpoints`, `webhook_endpoints`.
- What is sent: `inputs`, made of `input_kinds`. What is answered (`json_answers`): `resources`, `batch_resources`,
  `listed_resources`.
- The document: `openapi`, from `described_paths`, `operations`, `examples` and the pieces in `describing`.
"""

from smsbot.web.api.endpoints import Api
from smsbot.web.api.request_limits import RequestLimits

__all__ = ["Api", "RequestLimits"]
