"""Whether the service is alive, and whether it can serve."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.store import schema
from smsbot.store.database import Database


@dataclass(frozen=True, slots=True)
class Health:
    """`/health/live`: the process answers. `/health/ready`: the database does too, and its schema is this version's."""

    database: Database

    def routes(self) -> list[Route]:
        return [
            Route("/health/live", self.live, methods=["GET"]),
            Route("/health/ready", self.ready, methods=["GET"]),
        ]

    async def live(self, _request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        try:
            current = await self.database.read(lambda connection: schema.is_current(connection))
        except SQLAlchemyError:
            return JSONResponse({"status": "unready", "reason": "the database cannot be reached"}, status_code=503)
        if not current:
            return JSONResponse(
                {"status": "unready", "reason": "the schema is outdated: run smsbot migrate"}, status_code=503
            )
        return JSONResponse({"status": "ready"})
