"""Makes answers from resources, and the address of the next page of a list."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from smsbot.diary.appointments_in_reach import ListPosition


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
