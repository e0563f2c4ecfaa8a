"""What the usager's pages post: a few short fields, as every browser encodes them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from smsbot.web.bodies import read_body

MOST_BYTES = 4 * 1024
_MOST_FIELDS = 10
_ENCODING = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> dict[str, str]:
    """The fields by name, the last of each. Raises 413, 415 or 400 for what no form of ours has sent."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _ENCODING:
        raise HTTPException(415, f"The body is not {_ENCODING}.")
    body = await read_body(request, MOST_BYTES)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        raise HTTPException(400, "The body is no form in UTF-8.") from None
