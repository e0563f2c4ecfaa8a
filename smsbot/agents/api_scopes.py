"""What a service account may do through the API. Agents' own tokens may do everything that is done there."""

from __future__ import annotations

from enum import StrEnum


class ApiScope(StrEnum):
    """One kind of thing that may be done, always only in the organisations of the account."""

    APPOINTMENTS_READ = "appointments:read"
    APPOINTMENTS_WRITE = "appointments:write"  # feed, cancel, take back, batches
    MESSAGES_READ = "messages:read"  # what usagers wrote, and what was sent to them
    MESSAGES_WRITE = "messages:write"  # answer, done, hand over, put off, note
    EVENTS_READ = "events:read"
    WEBHOOKS_WRITE = "webhooks:write"  # register addresses, which are told of all events; list and delete them
    ORGANISATIONS_READ = "organisations:read"
    STOP_LIST_READ = "stop-list:read"
