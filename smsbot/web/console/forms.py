"""What the console's forms post: a few fields, as every browser encodes them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from smsbot.web.bodies import read_body
from smsbot.web.console.reach import OutOfReach

MOST_BYTES = 32 * 1024
_MOST_FIELDS = 30
_LARGEST_ID = 2**63 - 1
_ENCODING = "application/x-www-form-urlencoded"


async def read_fields(request: Request) -> dict[str, str]:
    """The fields by name, the last of each, without NUL. Raises 413, 415 or 400 for what no form of ours has sent."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _ENCODING:
        raise HTTPException(415, f"The body is not {_ENCODING}.")
    body = await read_body(request, MOST_BYTES)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise HTTPException(400, "The body is no form in UTF-8.") from None
    return {name: value.replace("\0", "") for name, value in fields}


def row_id(text: str) -> int:
    """An id of ours, from a path or a field. Raises OutOfReach for what cannot be one."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) > _LARGEST_ID:
        raise OutOfReach("no such id")
    return int(text)
