"""Reads request bodies and forms, with limits: nothing in a request is trusted."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

USAGER_FORM_BYTES = 4 * 1024
AGENT_FORM_BYTES = 32 * 1024
_MOST_FIELDS = 30
_ENCODING = "application/x-www-form-urlencoded"


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The whole body. Raises 413 as soon as it is known to be longer than `most_bytes`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise HTTPException(413, f"The body is longer than {most_bytes} bytes.")
    chunks: list[bytes] = []
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > most_bytes:
            raise HTTPException(413, f"The body is longer than {most_bytes} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


async def read_form(request: Request, most_bytes: int) -> dict[str, str]:
    """The fields of a posted form by name, the last of each name, without NUL characters.

    Raises 413, 415 or 400 for anything that our forms do not send.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _ENCODING:
        raise HTTPException(415, f"The body is not {_ENCODING}.")
    body = await read_body(request, most_bytes)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise HTTPException(400, "The body is no form in UTF-8.") from None
    return {name: value.replace("\0", "") for name, value in fields}
