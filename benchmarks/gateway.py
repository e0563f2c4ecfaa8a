"""A minimal stand-in for Twilio's Messages API: it takes a message, answers, and tells the benchmark.

It is written in plain asyncio, so that the service is measured and not this stand-in.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qs

Taken = Callable[[str, float], None]
"""Called with the recipient's number and the moment (`time.perf_counter`, the same clock for all processes here)."""

_RESOURCE = {
    "account_sid": "AC" + "0" * 32,
    "api_version": "2010-04-01",
    "body": "Pour annuler votre RDV, répondez par les 3 premières lettres de votre nom de famille.",
    "date_created": "Thu, 26 Nov 2026 13:30:00 +0000",
    "date_sent": None,
    "date_updated": "Thu, 26 Nov 2026 13:30:00 +0000",
    "direction": "outbound-api",
    "error_code": None,
    "error_message": None,
    "from": "+33937000000",
    "messaging_service_sid": None,
    "num_media": "0",
    "num_segments": "1",
    "price": None,
    "price_unit": "USD",
    "status": "queued",
    "subresource_uris": {"media": "/2010-04-01/Accounts/AC/Messages/SM/Media.json"},
    "to": "+33612345678",
    "uri": "/2010-04-01/Accounts/AC/Messages/SM.json",
}
_NOTHING_CAME = json.dumps({"messages": [], "next_page_uri": None, "page": 0, "page_size": 1000}).encode()


class Gateway:
    """Takes everything that is posted to any address. Its list of messages (GET) is always empty."""

    def __init__(self) -> None:
        self.taken = 0
        self.port = 0
        self._told: Taken | None = None
        self._callbacks: list[tuple[str, str]] = []
        self._document = json.dumps({**_RESOURCE, "sid": "SM%032x"}).encode()

    async def start(self) -> None:
        """Serve on loopback, on a free port, for as long as the event loop runs."""
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    def tell(self, told: Taken | None) -> None:
        """Call `told` for each message from now on. With None, nothing is called."""
        self._told = told

    def to_be_reported(self) -> list[tuple[str, str]]:
        """The id and the address for the status of each message that was taken since the last call."""
        callbacks, self._callbacks = self._callbacks, []
        return callbacks

    def answer(self, method: bytes, body: bytes) -> bytes:
        if method == b"GET":
            return _answer(b"200 OK", _NOTHING_CAME)
        self.taken += 1
        form = parse_qs(body.decode())
        if "StatusCallback" in form:
            self._callbacks.append((f"SM{self.taken:032x}", form["StatusCallback"][0]))
        if self._told is not None:
            self._told(form["To"][0], time.perf_counter())
        return _answer(b"201 Created", self._document % self.taken)


def _answer(status: bytes, document: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(document)) + document


class _Connection(asyncio.Protocol):
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._read += data
        while (ends := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:ends].lower()
            _, found, rest = head.partition(b"content-length: ")
            whole = ends + 4 + (int(rest.partition(b"\r\n")[0]) if found else 0)
            if len(self._read) < whole:
                return
            body, self._read = self._read[ends + 4 : whole], self._read[whole:]
            self._transport.write(self._gateway.answer(head.partition(b" ")[0].upper(), body))
