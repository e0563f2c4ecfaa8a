"""Makes the answers of the API: from resources, with the address of the next page of a list, and from problems.

Every error that the API answers has the form of Problem details for HTTP APIs (RFC 9457).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from smsbot.diary.appointments_in_reach import ListPosition

MEDIA_TYPE = "application/problem+json"

logger = structlog.get_logger(__name__)


def json_answer(resource: BaseModel, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Response:
    """The answer with this resource. It holds personal data or a secret, so no cache on the way may keep it."""
    return Response(resource.model_dump_json(), status, {**headers, "Cache-Control": "no-store"}, "application/json")


@dataclass(frozen=True, slots=True)
class NextPages:
    """Makes the address of the next page. `public_url` is how others reach the service."""

    public_url: str

    def address(self, request: Request, path: str, position: ListPosition | None) -> str | None:
        """The address of the next page of the list at `path`.

        It begins after `position`; None: there is no next page.
        """
        if position is None:
            return None
        parameters = {**request.query_params, "cursor": position.cursor()}
        return f"{self.public_url}{path}?{urlencode(parameters)}"


class Violation(BaseModel):
    """One thing that is wrong with a request: where it is, and what is wrong."""

    model_config = ConfigDict(title="Violation")

    pointer: str | None = Field(default=None, description="Where in the body, as a JSON Pointer (RFC 6901).")
    parameter: str | None = Field(default=None, description="Which query parameter.")
    detail: str


class ProblemDetails(BaseModel):
    """What is wrong, in the form of RFC 9457. `type` is always `about:blank`: the status alone tells the kind."""

    model_config = ConfigDict(title="Problem")

    type: str = "about:blank"
    title: str = Field(description="The status in words, always the same for one status.")
    status: int
    detail: str | None = Field(default=None, description="A sentence about this very request.")
    errors: list[Violation] | None = Field(default=None, description="With 422: everything that is wrong.")


class ApiProblem(HTTPException):
    """Raised by an endpoint, and answered as a problem. `detail` is a sentence without personal data."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Sequence[Violation] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers)
        self.errors = errors


def details_of(problem: ApiProblem) -> ProblemDetails:
    """The problem as a part of an answer, for one item of a request about many."""
    return _details(problem.status_code, problem.detail, problem.errors)


def wrong_body(error: ValidationError) -> ApiProblem:
    """The problem (422) for a body that is JSON, but not what the endpoint takes."""
    errors = [Violation(pointer=_pointer(each["loc"]), detail=_sentence(each)) for each in _errors(error)]
    return ApiProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "The body is not what is expected: see errors.", errors=errors)


def wrong_query(error: ValidationError) -> ApiProblem:
    """The problem (422) for wrong query parameters."""
    errors = [
        Violation(parameter=str(each["loc"][0]) if each["loc"] else None, detail=_sentence(each))
        for each in _errors(error)
    ]
    return ApiProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "The query is not what is expected: see errors.", errors=errors)


def handlers() -> dict[Any, ExceptionHandler]:
    """The handlers for Starlette's ExceptionMiddleware. They turn every error into a problem, unexpected ones too."""
    return {HTTPException: _http_problem, Exception: _unforeseen}


async def _http_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    errors = error.errors if isinstance(error, ApiProblem) else ()
    return _response(error.status_code, error.detail, errors, error.headers)


async def _unforeseen(_request: Request, error: Exception) -> Response:
    logger.error("request failed", exc_info=error)
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here; it is in the log.", (), None)


def _response(status: int, detail: str, errors: Sequence[Violation], headers: Mapping[str, str] | None) -> Response:
    content = _details(status, detail, errors).model_dump_json(exclude_none=True)
    return Response(content, status, {**(headers or {}), "Cache-Control": "no-store"}, MEDIA_TYPE)


def _details(status: int, detail: str, errors: Sequence[Violation]) -> ProblemDetails:
    title = HTTPStatus(status).phrase
    return ProblemDetails(
        title=title, status=status, detail=detail if detail != title else None, errors=list(errors) or None
    )


def _errors(error: ValidationError) -> Sequence[Any]:
    return error.errors(include_url=False, include_input=False)


def _sentence(error: Mapping[str, Any]) -> str:
    """The message of pydantic.

    If one of our validators raised the error: our own sentence, without pydantic's prefix.
    """
    return str(error["ctx"]["error"]) if error["type"] == "value_error" else str(error["msg"])


def _pointer(location: Sequence[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)
