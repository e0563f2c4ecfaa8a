"""How the API answers with a resource."""

from __future__ import annotations

from http import HTTPStatus

from pydantic import BaseModel
from starlette.responses import Response


def json_answer(resource: BaseModel, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Response:
    """The answer. It holds personal data or a secret, so no cache on the way may keep it."""
    return Response(resource.model_dump_json(), status, {**headers, "Cache-Control": "no-store"}, "application/json")
