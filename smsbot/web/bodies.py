"""Reading a request's body without trusting its length."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The whole body, of at most `most_bytes`. Raises 413 as soon as it is known to be longer."""
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
