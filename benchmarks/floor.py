"""The floor: the least that any service must do to take an incoming message and not lose it.

It is a bare Starlette endpoint on uvicorn. It checks the signature with Twilio's validator, parses the form and makes
one durable insert. `DATABASE` is a SQLite file, or a PostgreSQL database that is used through psycopg: `python -m
benchmarks.floor PORT DATABASE AUTH_TOKEN PUBLIC_URL`.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from urllib.parse import parse_qsl

import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.request_validator import RequestValidator

Insert = Callable[[tuple[str, str, str, str]], object]
"""Inserts one message: its id, sender, recipient and text. The message is committed when it returns."""


def into_sqlite(database: str) -> Insert:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE incoming (id INTEGER PRIMARY KEY, sid TEXT UNIQUE, sender TEXT, recipient TEXT, body TEXT)"
    )
    statement = "INSERT INTO incoming (sid, sender, recipient, body) VALUES (?, ?, ?, ?)"
    return lambda message: connection.execute(statement, message)


def into_postgresql(database: str) -> Insert:
    connection = psycopg.connect(database, autocommit=True)
    connection.execute(
        "CREATE TABLE floor (id bigserial PRIMARY KEY, sid text UNIQUE, sender text, recipient text, body text)"
    )
    statement = "INSERT INTO floor (sid, sender, recipient, body) VALUES (%s, %s, %s, %s)"
    return lambda message: connection.execute(statement, message, prepare=True)


def application(database: str, auth_token: str, public_url: str) -> Starlette:
    insert = into_postgresql(database) if database.startswith("postgresql") else into_sqlite(database)
    validator = RequestValidator(auth_token)

    async def incoming(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        url = public_url + request.url.path
        if not validator.validate(url, form, request.headers.get("X-Twilio-Signature", "")):
            return Response(status_code=403)
        insert((form["MessageSid"], form["From"], form["To"], form["Body"]))
        return Response("<Response/>", media_type="text/xml")

    async def ready(_request: Request) -> Response:
        return Response("ready")

    return Starlette(routes=[Route("/webhooks/twilio/sms", incoming, methods=["POST"]), Route("/health/ready", ready)])


if __name__ == "__main__":
    uvicorn.run(application(*sys.argv[2:5]), port=int(sys.argv[1]), log_config=None, access_log=False)
