"""Twilio and a mail server with faults ("weather"). They remember where they left the service in doubt."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Generic, TypeVar
from urllib.parse import parse_qs, urldefrag, urlsplit

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.mail_stand_in import MailFault, ReceivedMail, SmtpStandIn
from smsbot.demo.stand_ins.twilio_documents import TwilioMessage
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn

F = TypeVar("F", StandInFault, MailFault)


class Weather(Generic[F]):
    """The faults that hit a share of the requests. Each request draws one; faults that have not happened yet come
    first.

    `struck` counts the faults that hit a message. `was_bad` is True once there was any fault.
    """

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)
        self._faults: tuple[F, ...] = ()
        self._share = 0.0
        self.struck: Counter[F] = Counter()
        self.was_bad = False

    def storm(self, share: float, *faults: F) -> None:
        self._faults, self._share = faults, share
        self.was_bad = self.was_bad or bool(faults)

    def calm(self) -> None:
        self._faults, self._share = (), 0.0

    def draw(self, fits: Callable[[F], bool] = lambda _fault: True) -> F | None:
        fitting = [fault for fault in self._faults if fits(fault)]
        if not fitting or self._random.random() >= self._share:
            return None
        return self._random.choice([fault for fault in fitting if not self.struck[fault]] or fitting)


@dataclass(frozen=True, slots=True)
class TakenSms:
    """An SMS that Twilio has taken. Its status callback names `outgoing_id`."""

    outgoing_id: int
    sender: str
    recipient: str
    body: str


class StormyTwilio(TwilioStandIn):
    """Posts incoming messages as a well-configured number does: four tries, then the fallback.

    `answers` are the last answers to each `MessageSid` (None: there was none, or it is not there yet), `doubts` counts
    how often each outgoing message was taken by a request whose answer said something else, or came too late.
    """

    OVERRIDES = "rc=3&rp=all&ct=2000&rt=4000"

    def __init__(self, seed: str, *, statuses: Iterable[str] = ()) -> None:
        super().__init__(statuses=statuses)
        self.weather: Weather[StandInFault] = Weather(f"{seed} twilio")
        self.taken: list[TakenSms] = []
        self.inboxes: defaultdict[str, list[str]] = defaultdict(list)
        self.answers: dict[str, int | None] = {}
        self.doubts: Counter[int] = Counter()
        self._fault: StandInFault | None = None

    def let_time_pass(self, passed: timedelta) -> None:
        """Move all times so far back by `passed`."""
        for message in self._by_sid.values():
            message.created_at -= passed

    async def _post_incoming(self, url: str, form: Mapping[str, str]) -> httpx.Response | None:
        sid = form["MessageSid"]
        self.answers[sid] = None
        answer = await super()._post_incoming(f"{url}#{self.OVERRIDES}", form)
        if answer is None or answer.status_code >= 400:
            answer = await super()._post_incoming(f"{urldefrag(url).url}#rc=0", form)
        self.answers[sid] = None if answer is None else answer.status_code
        return answer

    async def _create(self, request: Request) -> Response:
        try:
            return await super()._create(request)
        except ClientDisconnect:  # the process was killed before it had sent everything
            return Response(status_code=400)

    async def _list(self, request: Request) -> Response:
        fault = self.weather.draw()
        if fault is not None:
            await asyncio.sleep(fault.hangs_seconds)
            if fault.is_refusal:
                return Response(status_code=503)
        return await super()._list(request)

    # Nothing else runs on this loop between drawing a fault and taking the message: see `GatewayStandIn._answer`.

    def _fault_for(self, recipient: str) -> StandInFault | None:
        self._fault = super()._fault_for(recipient) or self.weather.draw()
        if self._fault is not None:
            self.weather.struck[self._fault] += 1
        return self._fault

    def _take(self, message: TwilioMessage) -> None:
        [outgoing_id] = parse_qs(urlsplit(message.status_callback or "").query)["message"]
        sms = TakenSms(int(outgoing_id), message.from_, message.to, message.body)
        if self._fault is not None:
            self.doubts[sms.outgoing_id] += 1
        self.taken.append(sms)
        super()._take(message)
        self.inboxes[sms.recipient].append(sms.body)


class StormySmtp(SmtpStandIn):
    """A mail server with faults. `doubts` counts how often each recipient's e-mail was taken without a clear answer."""

    def __init__(self, seed: str) -> None:
        super().__init__()
        self.weather: Weather[MailFault] = Weather(f"{seed} smtp")
        self.doubts: Counter[str] = Counter()
        self._fault: MailFault | None = None

    def next_fault(self, stage: str) -> MailFault | None:
        self._fault = super().next_fault(stage) or self.weather.draw(lambda fault: fault.stage == stage)
        if self._fault is not None:
            self.weather.struck[self._fault] += 1
        return self._fault

    def take(self, mail: ReceivedMail) -> None:
        if self._fault is not None:
            self.doubts.update(mail.recipients)
        super().take(mail)
