"""Pages of a list: every list of the API goes on where `next` of the page before leads."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from smsbot.diary.appointments_in_reach import ListPosition


@dataclass(frozen=True, slots=True)
class NextPages:
    """Writes the address of the next page. `public_url` is where the outside reaches the service."""

    public_url: str

    def address(self, request: Request, path: str, position: ListPosition | None) -> str | None:
        """The address of the next page of the list at `path`, which begins after `position`; None at the end."""
        if position is None:
            return None
        parameters = {**request.query_params, "cursor": position.cursor()}
        return f"{self.public_url}{path}?{urlencode(parameters)}"
