"""Requests of usagers' telephones to a service. They are made beforehand, so that sending them costs little CPU.

Each class is an order, which the process around the service (`benchmarks.outside`) carries out. An order holds its
requests as bytes, and its result is a `Load`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

from twilio.request_validator import RequestValidator

from benchmarks.gateway import Gateway

Result_co = TypeVar("Result_co", covariant=True)

SMS_SECONDS = 60.0
"""An answer by SMS that takes longer than this counts as lost."""


class Order(Protocol[Result_co]):
    """Something that the process around the service does, beside its gateway."""

    async def carry_out(self, gateway: Gateway) -> Result_co: ...


@dataclass(frozen=True, slots=True)
class Load:
    """The result of an order: messages per second over all connections, and each message's milliseconds.

    `cpu_seconds` is the CPU that the watched processes used meanwhile, 0 if none was watched.
    """

    per_second: float
    milliseconds: tuple[float, ...]
    refused: int
    cpu_seconds: float = 0.0

    @property
    def cpu_microseconds(self) -> float:
        """The CPU of one message, in microseconds."""
        return self.cpu_seconds * 1e6 / len(self.milliseconds)

    def quantile(self, share: float) -> float:
        """The latency, in milliseconds, that this share of the messages did not exceed."""
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
        return _signed(self.url, self.auth_token, form)


def _signed(url: str, auth_token: str, form: dict[str, str]) -> bytes:
    """A request as Twilio makes it."""
    signature = RequestValidator(auth_token).compute_signature(url, form)
    content = urlencode(form).encode()
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nX-Twilio-Signature: {signature}\r\n"
        f"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


@dataclass(frozen=True, slots=True)
class Lane:
    """Requests that are sent one after the other on one connection to this address."""

    url: str
    requests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The order: run all lanes at once, and time each message until its webhook is answered."""

    lanes: Sequence[Lane]

    async def carry_out(self, gateway: Gateway) -> Load:
        connections = [await _Webhook.open(lane.url) for lane in self.lanes]
        began = time.perf_counter()
        results = await asyncio.gather(
            *(_one_after_the_other(one, lane.requests) for one, lane in zip(connections, self.lanes, strict=True))
        )
        took = time.perf_counter() - began
        for connection in connections:
            connection.close()
        milliseconds = tuple(one for times in results for one in times)
        return Load(len(milliseconds) / took, milliseconds, sum(one.refused for one in connections))


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one telephone writes. Each line is sent after the line before has been answered by SMS."""

    phone: str
    lines: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Conversations:
    """The order: run so many conversations at a time, each on its own connection.

    Each message is timed from its webhook until the gateway has taken its answer. With `per_second`, messages start at
    that rate; without it, as fast as answers come.
    """

    url: str
    conversations: Sequence[Conversation]
    together: int
    per_second: float | None = None

    async def carry_out(self, gateway: Gateway) -> Load:
        answered: dict[str, asyncio.Future[float]] = {}

        def taken(phone: str, moment: float) -> None:
            waits = answered.pop(phone, None)
            if waits is not None:
                waits.set_result(moment)

        gateway.tell(taken)
        waiting = iter(self.conversations)
        connections = [await _Webhook.open(self.url) for _ in range(self.together)]
        pace = _Pace(self.per_second)
        began = time.perf_counter()
        try:
            results = await asyncio.gather(
                *(_converse(connection, waiting, answered, pace) for connection in connections)
            )
        finally:
            gateway.tell(None)
        took = time.perf_counter() - began
        for connection in connections:
            connection.close()
        milliseconds = tuple(one for times in results for one in times)
        return Load(len(milliseconds) / took, milliseconds, sum(one.refused for one in connections))


@dataclass(frozen=True, slots=True)
class StatusCallbacks:
    """The order: tell the service at `url` that all messages were delivered which the gateway took since the
    last time.
    """

    url: str
    auth_token: str
    connections: int

    async def carry_out(self, gateway: Gateway) -> Load:
        requests = [self._delivered(*taken) for taken in gateway.to_be_reported()]
        lanes = [Lane(self.url, requests[number :: self.connections]) for number in range(self.connections)]
        return await Webhooks(lanes).carry_out(gateway)

    def _delivered(self, sid: str, callback: str) -> bytes:
        form = {"MessageSid": sid, "MessageStatus": "delivered", "AccountSid": "AC" + "0" * 32}
        return _signed(callback, self.auth_token, form)


async def _converse(
    connection: _Webhook,
    conversations: Iterator[Conversation],
    answered: dict[str, asyncio.Future[float]],
    pace: _Pace,
) -> list[float]:
    """Hold one conversation after the other on this connection, until none is left."""
    times = []
    for conversation in conversations:
        for line in conversation.lines:
            began = await pace.next()
            answer = answered[conversation.phone] = asyncio.get_running_loop().create_future()
            await connection.post(line)
            async with asyncio.timeout(SMS_SECONDS):
                times.append((await answer - began) * 1000)
    return times


async def _one_after_the_other(connection: _Webhook, requests: Sequence[bytes]) -> list[float]:
    times = []
    for request in requests:
        began = time.perf_counter()
        await connection.post(request)
        times.append((time.perf_counter() - began) * 1000)
    return times


class _Pace:
    """Says when the next message starts. A message that starts late is timed from when it should have started."""

    def __init__(self, per_second: float | None) -> None:
        self._step = 1 / per_second if per_second else None
        self._next = time.perf_counter()

    async def next(self) -> float:
        if self._step is None:
            return time.perf_counter()
        self._next += self._step
        at = self._next
        await asyncio.sleep(max(at - time.perf_counter(), 0.0))
        return at


class _Webhook:
    """A connection on which Twilio would send several webhooks."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.refused = 0

    @classmethod
    async def open(cls, url: str) -> _Webhook:
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def post(self, request: bytes) -> None:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
        await self._reader.readexactly(int(length))
        self.refused += not head.startswith(b"HTTP/1.1 200")

    def close(self) -> None:
        self._writer.close()
