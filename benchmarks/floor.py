"""The floor: the least that any service must do for an incoming message and still not lose it.

A bare Starlette endpoint on uvicorn that checks the signature with Twilio's validator, parses the form and makes one
durable insert: `python -m benchmarks.floor PORT DATABASE AUTH_TOKEN PUBLIC_URL`.
"""

from __future__ import annotations

import sqlite3
import sys
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator


def application(database: str, auth_token: str, public_url: str) -> Starlette:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE incoming (id INTEGER PRIMARY KEY, sid TEXT UNIQUE, sender TEXT, recipient TEXT, body TEXT)"
    )
    validator = RequestValidator(auth_token)

    async def incoming(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        url = public_url + request.url.path
        if not validator.validate(url, form, request.headers.get("X-Twilio-Signature", "")):
            return Response(status_code=403)
        connection.execute(
            "INSERT INTO incoming (sid, sender, recipient, body) VALUES (?, ?, ?, ?)",
            (form["MessageSid"], form["From"], form["To"], form["Body"]),
        )
        return Response("<Response/>", media_type="text/xml")

    async def ready(_request: Request) -> Response:
        return Response("ready")

    return Starlette(routes=[Route("/webhooks/twilio/sms", incoming, methods=["POST"]), Route("/health/ready", ready)])


if __name__ == "__main__":
    uvicorn.run(application(*sys.argv[2:5]), port=int(sys.argv[1]), log_config=None, access_log=False)
