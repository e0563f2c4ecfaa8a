"""What the stand-ins for gateways share: the messages that they took, and the webhooks."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import httpx
from starlette.requests import Request
from starlette.responses import Response

from smsbot.demo.stand_ins.http_stand_in import HttpStandIn, StandInFault, cut

REPEATS = 3
REPEATED_AFTER_SECONDS = 0.05


class StandInSms(Protocol):
    """A message that a stand-in was asked to send; numbers are as they were given.

    `status_url` is where its statuses are posted; None if they are not.
    """

    @property
    def id(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def status_url(self) -> str | None: ...


M = TypeVar("M", bound=StandInSms)


@dataclass(frozen=True, slots=True)
class TakenSms:
    """A message that was taken for sending; numbers are as they were given."""

    id: str
    sender: str
    recipient: str
    text: str
    reference: str | None
    status_url: str | None

    @property
    def segments(self) -> int:
        return count_segments(self.text)


class GatewayStandIn(HttpStandIn, Generic[M]):
    """Serves one gateway's API and posts its webhooks.

    For each message that is taken, `statuses` are posted to its `status_url` in this order. Subclasses define the API
    and the webhooks.
    """

    def __init__(self, name: str, statuses: Iterable[str] = ()) -> None:
        super().__init__(name)
        self.statuses = tuple(statuses)
        self.requests = 0
        self._sent: list[M] = []
        self._callbacks: set[asyncio.Task[None]] = set()

    @abstractmethod
    def receive(self, url: str, *, from_: str, to: str, text: str) -> Future[httpx.Response | None]:
        """Let a telephone send `text` to `to`, whose webhook is `url`; numbers as the gateway writes them.

        Gives the last answer to the webhook, or None if there was none. Call `.result()`, or
        `await asyncio.wrap_future(…)`.
        """

    def report(self, identifier: str, status: str, error: str | None = None) -> Future[httpx.Response | None]:
        """Post one status for a message that was taken. Returns the same as `receive`."""
        return self._thread.submit(self._post_status(self._message(identifier), status, error))

    @property
    def messages(self) -> list[M]:
        """The messages taken for sending so far, oldest first."""
        with self._changed:
            return list(self._sent)

    def wait_for(self, count: int, seconds: float = 10.0) -> list[M]:
        """Wait until `count` messages were taken, and return them. Raises `TimeoutError` after `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._sent) >= count, seconds):
                raise TimeoutError(f"{len(self._sent)} of {count} messages after {seconds} s")
            return list(self._sent)

    # For subclasses

    @abstractmethod
    async def _post_status(self, message: M, status: str, error: str | None = None) -> httpx.Response | None:
        """Post one status of a message. Returns the last answer, None if there was none."""

    def _refusal(self, fault: StandInFault) -> Response | None:
        """The answer that replaces the usual one; None if the usual one is given."""
        assert fault.code is None, "this gateway has no such codes"
        return fault.answer

    async def _answer(self, request: Request, message: M, ordinary: Response) -> Response:
        """Take the message and answer, or do what the next fault for it says."""
        fault = self._fault_for(message.recipient)
        if fault is None or fault.is_carried_out:
            self._take(message)
        if fault is None:
            return ordinary
        await asyncio.sleep(fault.hangs_seconds)
        if fault.cuts:
            await cut(request)
        return self._refusal(fault) or ordinary

    def _take(self, message: M) -> None:
        with self._changed:
            self._sent.append(message)
            self._changed.notify_all()
        if self.statuses and message.status_url is not None:
            task = asyncio.get_running_loop().create_task(self._post_statuses(message))
            self._callbacks.add(task)
            task.add_done_callback(self._callbacks.discard)

    async def _post_statuses(self, message: M) -> None:
        for status in self.statuses:
            await self._post_status(message, status)

    def _message(self, identifier: str) -> M:
        return next(message for message in self.messages if message.id == identifier)

    def _posting(self, request: httpx.Request, repeats: int = REPEATS) -> Future[httpx.Response | None]:
        return self._thread.submit(self._post(request, repeats))

    async def _post(self, request: httpx.Request, repeats: int = REPEATS) -> httpx.Response | None:
        """Post a webhook, again after 429, 5xx or no answer. Returns the last answer, None if there was none."""
        answer = None
        for _ in range(1 + repeats):
            try:
                answer = await self._http.send(request)
            except httpx.RequestError:
                answer = None
            if answer is not None and answer.status_code != 429 and answer.status_code < 500:
                break
            await asyncio.sleep(REPEATED_AFTER_SECONDS)
        return answer


_ONE_SEPTET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWO_SEPTETS = frozenset("\f^{}\\[~]|€")


def count_segments(text: str) -> int:
    """How many segments a text costs, counted like Twilio's `num_segments` (twilio.com/docs/glossary).

    A segment has 160 septets, or 153 if there are several. If one character is not in GSM-7, a segment has 70 or 67
    UTF-16 units.
    """
    if all(sign in _ONE_SEPTET or sign in _TWO_SEPTETS for sign in text):
        units, alone, joined = sum(2 if sign in _TWO_SEPTETS else 1 for sign in text), 160, 153
    else:
        units, alone, joined = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if units <= alone else -(-units // joined)
