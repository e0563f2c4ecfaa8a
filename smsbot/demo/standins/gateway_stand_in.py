"""What the stand-ins for gateways over HTTP share: a server on loopback, the messages it has taken, and its faults."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.demo.standins.loop_thread import LOOPBACK, LoopThread, listen
from smsbot.demo.standins.segments import count_segments

REPEATS = 3
REPEATED_AFTER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class GatewayFault:
    """What goes wrong with one request to send.

    `status` and `document` are answered in place of the ordinary answer. `hangs_seconds` is how late the answer comes,
    `cuts` closes the connection in its place, and `takes` means that the message was taken for all that.
    """

    status: int | None = None
    document: Mapping[str, Any] | None = None
    retry_after: int | None = None
    hangs_seconds: float = 0.0
    takes: bool = False
    cuts: bool = False

    @property
    def is_refusal(self) -> bool:
        return self.status is not None or self.cuts


@dataclass(frozen=True, slots=True)
class TakenSms:
    """A message that was taken for sending; numbers as the gateway was told them."""

    id: str
    sender: str
    recipient: str
    text: str
    reference: str | None
    status_url: str | None

    @property
    def segments(self) -> int:
        return count_segments(self.text)


class GatewayStandIn:
    """Answers on a thread of its own, from which its webhooks are posted too.

    Use it as a context manager, or `start` and `stop` it; `url` is its base address. What each gateway's API looks
    like is its subclass's.
    """

    def __init__(self, name: str) -> None:
        self.port = 0
        self.requests = 0
        self._sent: list[TakenSms] = []
        self._changed = threading.Condition()
        self._faults: list[tuple[GatewayFault, str | None]] = []
        self._thread = LoopThread(name)
        self._callbacks: set[asyncio.Task[None]] = set()

    def routes(self) -> Sequence[Route]:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def messages(self) -> list[TakenSms]:
        """The messages taken for sending so far, oldest first."""
        with self._changed:
            return list(self._sent)

    def wait_for(self, count: int, seconds: float = 10.0) -> list[TakenSms]:
        """The messages taken for sending, once there are `count`; `TimeoutError` if that takes more than `seconds`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._sent) >= count, seconds):
                raise TimeoutError(f"{len(self._sent)} of {count} messages after {seconds} s")
            return list(self._sent)

    def fail(self, fault: GatewayFault, times: int = 1, *, to: str | None = None) -> None:
        """Let the next `times` requests to send run into `fault`: those to one number, or to any."""
        with self._changed:
            self._faults.extend([(fault, to)] * times)

    def recover(self) -> None:
        """Forget the faults that have not happened yet."""
        with self._changed:
            self._faults.clear()

    def start(self, port: int = 0) -> Self:
        """Serve on loopback; port 0 takes a free one."""
        listening = listen(port)
        self.port = listening.getsockname()[1]
        app = Starlette(routes=list(self.routes()))
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none")
        self._server = uvicorn.Server(config)
        self._http = httpx.AsyncClient()
        self._thread.start()
        self._serving = self._thread.submit(self._server.serve(sockets=[listening]))
        return self

    def stop(self) -> None:
        """End at once: requests that hang are cut off."""
        self._server.force_exit = self._server.should_exit = True
        self._serving.result()
        self._thread.submit(self._http.aclose()).result()
        self._thread.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # For subclasses

    async def _answer(self, request: Request, message: TakenSms, ordinary: Response) -> Response:
        """Take the message and answer, or run into the next fault that is meant for it."""
        fault = self._fault_for(message.recipient)
        if fault is None or fault.takes or not fault.is_refusal:
            self._take(message)
        if fault is None:
            return ordinary
        await asyncio.sleep(fault.hangs_seconds)
        if fault.cuts:
            await _cut(request)
        if fault.status is None:
            return ordinary
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        if fault.document is None:
            return Response(status_code=fault.status, headers=headers)
        return JSONResponse(dict(fault.document), status_code=fault.status, headers=headers)

    def _fault_for(self, recipient: str) -> GatewayFault | None:
        with self._changed:
            for position, (fault, only_to) in enumerate(self._faults):
                if only_to in (None, recipient):
                    del self._faults[position]
                    return fault
        return None

    def _take(self, message: TakenSms) -> None:
        with self._changed:
            self._sent.append(message)
            self._changed.notify_all()
        task = asyncio.get_running_loop().create_task(self._report_all(message))
        self._callbacks.add(task)
        task.add_done_callback(self._callbacks.discard)

    async def _report_all(self, message: TakenSms) -> None:
        """Post the statuses that follow by themselves."""

    def _message(self, identifier: str) -> TakenSms:
        return next(message for message in self.messages if message.id == identifier)

    def _posting(self, request: httpx.Request, repeats: int = REPEATS) -> Future[httpx.Response | None]:
        return self._thread.submit(self._post(request, repeats))

    async def _post(self, request: httpx.Request, repeats: int = REPEATS) -> httpx.Response | None:
        """Post a webhook, again after 429, 5xx or no answer; the last answer, None where there was none."""
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


async def _cut(request: Request) -> None:
    """Close the connection without a word. ASGI has no message for it, so this reaches for uvicorn's transport."""
    request.receive.__self__.transport.abort()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
