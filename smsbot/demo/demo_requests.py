"""Reads what the demo's page and integrators post to the demo: small JSON documents, which are checked."""

from __future__ import annotations

from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from smsbot.demo.stage import Stage, StagePlan
from smsbot.http_headers import media_type
from smsbot.web.forms import read_body

_MOST_BYTES = 16 * 1024


class Playhouse(Protocol):
    """The place where a stage is set."""

    @property
    def plan(self) -> StagePlan:
        """The plan of the stage that is set or being set."""

    @property
    def stage(self) -> Stage | None:
        """The stage that is set; None while it is being set."""

    async def on_stage(self) -> Stage:
        """Wait for the stage, and return it."""

    async def set_anew(self, *, connected: bool) -> Stage:
        """Set the stage again as it was at the beginning, and return it."""


class PostedDocument(BaseModel):
    """The base of the documents that may be posted. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


D = TypeVar("D", bound=PostedDocument)


async def read_document(request: Request, kind: type[D]) -> D:
    """The document in the body. Raises HTTP errors: 415 if it is not JSON, 413 if it is too long, 422 if it is wrong.

    A page of another site cannot send this content type without asking first (Fetch, "CORS-safelisted request-header").
    """
    if media_type(request.headers.get("content-type")) != "application/json":
        raise HTTPException(415, "The body is not application/json.")
    try:
        return kind.model_validate_json(await read_body(request, _MOST_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "The body"
        raise HTTPException(422, f"{where}: {first['msg']}.") from None
