"""A load generator that costs little itself: prepared requests on kept connections, on plain sockets.

It runs in a process of its own, so that what is measured has a core to itself.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from twilio.request_validator import RequestValidator


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a run: requests per second over all connections, and each request's milliseconds."""

    per_second: float
    milliseconds: tuple[float, ...]
    refused: int

    def quantile(self, share: float) -> float:
        """The latency, in milliseconds, that this share of the requests did not exceed."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, slots=True)
class SmsRequests:
    """Makes signed requests of Twilio's incoming webhook."""

    url: str
    auth_token: str

    def make(self, sid: str, phone: str, body: str) -> bytes:
        form = {
            "ToCountry": "FR",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "SmsSid": sid,
            "SmsStatus": "received",
            "FromCountry": "FR",
            "Body": body,
            "To": "+33937000000",
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": "AC" + "0" * 32,
            "From": phone,
            "ApiVersion": "2010-04-01",
        }
        signature = RequestValidator(self.auth_token).compute_signature(self.url, form)
        content = urlencode(form).encode()
        parts = urlsplit(self.url)
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nX-Twilio-Signature: {signature}\r\n"
            f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


def run(url: str, lanes: Sequence[Sequence[bytes]]) -> Load:
    """Send each lane's requests one after the other on its own connection, all lanes at once."""
    parts = urlsplit(url)
    receiving, sending = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_measure, args=(parts.hostname, parts.port, lanes, sending)
    )
    process.start()
    result: Load = receiving.recv()
    process.join()
    return result


def _measure(host: str, port: int, lanes: Sequence[Sequence[bytes]], sending: object) -> None:
    import uvloop

    sending.send(uvloop.run(_all_lanes(host, port, lanes)))  # type: ignore[attr-defined]


async def _all_lanes(host: str, port: int, lanes: Sequence[Sequence[bytes]]) -> Load:
    connections = [await asyncio.open_connection(host, port) for _ in lanes]
    began = time.perf_counter()
    results = await asyncio.gather(*(_lane(*one, lane) for one, lane in zip(connections, lanes, strict=True)))
    took = time.perf_counter() - began
    for _, writer in connections:
        writer.close()
    milliseconds = tuple(one for times, _ in results for one in times)
    return Load(len(milliseconds) / took, milliseconds, sum(refused for _, refused in results))


async def _lane(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: Sequence[bytes]
) -> tuple[list[float], int]:
    times, refused = [], 0
    for request in requests:
        sent = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
        times.append((time.perf_counter() - sent) * 1000)
        refused += not head.startswith(b"HTTP/1.1 200")
    return times, refused
