"""Reads what the demo's page and integrators post to the demo: small JSON documents, checked."""

from __future__ import annotations

from typing import Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from smsbot.demo.stage import Stage, StagePlan
from smsbot.web.forms import read_body

_MOST_BYTES = 16 * 1024


class Playhouse(Protocol):
    """Where a stage is set."""

    @property
    def plan(self) -> StagePlan:
        """What is on, or is being set."""

    @property
    def stage(self) -> Stage | None:
        """What is on at the moment; None while the stage is being set."""

    async def on_stage(self) -> Stage:
        """The stage, once it is set."""

    async def set_anew(self, *, connected: bool) -> Stage:
        """Set the stage as it was at the beginning."""


class PostedDocument(BaseModel):
    """The base of what may be posted: only fields that are known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


D = TypeVar("D", bound=PostedDocument)


async def read_document(request: Request, kind: type[D]) -> D:
    """The document in the body. Raises 415 where it is not JSON, 413 and 422.

    No page of another site can send this type without asking first (Fetch, "CORS-safelisted request-header").
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "The body is not application/json.")
    try:
        return kind.model_validate_json(await read_body(request, _MOST_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "The body"
        raise HTTPException(422, f"{where}: {first['msg']}.") from None
