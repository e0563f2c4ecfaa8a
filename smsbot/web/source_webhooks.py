"""What a source of appointments posts: RDV Service Public's webhook, one endpoint for each instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.appointments.model import DEFAULT_SOURCE
from smsbot.sources.rdvsp import MalformedPayload, parse_webhook, verify_signature
from smsbot.store.database import Database
from smsbot.web.bodies import read_body

MOST_BYTES = 2 * 1024 * 1024
