"""Reads request bodies and forms, with limits: nothing in a request is trusted.

The fields of a form are texts. A file in a form becomes a text too: one character for each byte (Latin-1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from smsbot.http_headers import media_type

USAGER_FORM_BYTES = 4 * 1024
USAGER_FORM_FIELDS = 30
AGENT_FORM_BYTES = 32 * 1024
FILE_FORM_BYTES = 1024 * 1024
_MOST_FIELDS = 1100
"""Enough for the largest form: a checkbox for each appointment of a batch, and a few other fields."""
_ENCODING = "application/x-www-form-urlencoded"
_WITH_FILE = "multipart/form-data"
_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})"?')
_NAMED = re.compile(rb'[; ]name="([^"\r\n]+)"')


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The whole body.

    Raises HTTPException with status 413 as soon as it is known that the body is longer than `most_bytes`, and
    ClientDisconnect if the client goes away before the end.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise HTTPException(413, f"The body is longer than {most_bytes} bytes.")
    chunks: list[bytes] = []
    length = 0
    is_whole = False
    while not is_whole:  # not `request.stream`: its asynchronous generator costs more than the rest of this function
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > most_bytes:
            raise HTTPException(413, f"The body is longer than {most_bytes} bytes.")
        chunks.append(chunk)
        is_whole = not message.get("more_body", False)
    return b"".join(chunks)


async def read_form(request: Request, most_bytes: int, most_fields: int = _MOST_FIELDS) -> dict[str, str]:
    """The fields of a posted form: values by name, without NUL characters. If a name comes twice, its last value
    counts.

    Raises HTTPException for what our forms never send: status 413 (too long), 415 (not a form) or 400 (not readable).
    """
    if media_type(request.headers.get("content-type")) != _ENCODING:
        raise HTTPException(415, f"The body is not {_ENCODING}.")
    body = await read_body(request, most_bytes)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=most_fields, errors="strict")
    except ValueError:
        raise HTTPException(400, "The body is not a form in UTF-8.") from None
    return {name: value.replace("\0", "") for name, value in fields}


async def read_form_with_file(request: Request, most_bytes: int) -> dict[str, str]:
    """Like `read_form`, for a form that may contain a file. The content of the file is the value of its field."""
    content_type = request.headers.get("content-type", "")
    if media_type(content_type) != _WITH_FILE:
        return await read_form(request, most_bytes)
    boundary = _BOUNDARY.search(content_type.partition(";")[2])
    body = await read_body(request, most_bytes)
    if boundary is None:
        raise HTTPException(400, "The body has no boundary.")
    try:
        fields = dict(_parts(body, boundary[1].encode()))
    except UnicodeDecodeError:
        raise HTTPException(400, "The body is not a form in UTF-8.") from None
    return {name: value.replace("\0", "") for name, value in fields.items()}


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, str]]:
    """The name and the value of each field of a multipart body (RFC 7578)."""
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1 : _MOST_FIELDS + 1]:
        head, _, content = part.partition(b"\r\n\r\n")
        named = _NAMED.search(head)
        if named is not None:
            yield named[1].decode(), content.decode("latin-1" if b"filename=" in head else "utf-8")
