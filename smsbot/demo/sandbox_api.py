"""The sandbox's API: shows what the stand-ins took, and controls them. docs/sandbox.md describes it.

GET  /sandbox                 the time, our number, and the troubles
GET  /sandbox/sms             the SMS of one number or of all
POST /sandbox/sms             write an SMS as an usager
GET  /sandbox/emails          the e-mails that were sent
POST /sandbox/clock           set the clock forward
POST /sandbox/troubles        let the gateway and RDV Service Public answer normally, wrongly, late or not at all
POST /sandbox/appointments    make an appointment in RDV Service Public, which posts it by webhook
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smsbot.demo.demo_requests import Playhouse, PostedDocument, read_document
from smsbot.demo.stage import GatewayTrouble, SourceTrouble, Stage
from smsbot.demo.stand_ins.mail_stand_in import ReceivedMail
from smsbot.demo.stand_ins.twilio_documents import INBOUND, TwilioMessage
from smsbot.demo.town.town_hall import ORGANISATION

_MOST_DAYS = 366
TelephoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


class PostedSms(PostedDocument):
    """An SMS from an usager, `sender`, to our number."""

    sender: Annotated[TelephoneNumber, Field(alias="from")]
    text: Annotated[str, StringConstraints(min_length=1, max_length=1600)]


class ClockSet(PostedDocument):
    forward_seconds: Annotated[float, Field(gt=0, le=_MOST_DAYS * 24 * 3600)]


class TroublesSet(PostedDocument):
    """A field that is left out stays as it is."""

    gateway: GatewayTrouble | None = None
    source: SourceTrouble | None = None


class MadeAppointment(PostedDocument):
    """An appointment as an agent makes it in RDV Service Public."""

    first_name: str
    last_name: str
    phone: TelephoneNumber | None = None
    email: str | None = None
    starts_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class SandboxApi:
    """The routes of the API, for the stage that is set at the moment."""

    house: Playhouse

    def routes(self) -> list[Route]:
        return [
            Route("/sandbox", self.show, methods=["GET"]),
            Route("/sandbox/sms", self.list_sms, methods=["GET"]),
            Route("/sandbox/sms", self.write_sms, methods=["POST"]),
            Route("/sandbox/emails", self.list_emails, methods=["GET"]),
            Route("/sandbox/clock", self.set_clock, methods=["POST"]),
            Route("/sandbox/troubles", self.set_troubles, methods=["POST"]),
            Route("/sandbox/appointments", self.make_appointment, methods=["POST"]),
        ]

    async def show(self, _request: Request) -> Response:
        return _state(await self.house.on_stage())

    async def list_sms(self, request: Request) -> Response:
        """The SMS, oldest first; `number` and `direction` (`in` from usagers, `out` to them) filter them."""
        stage, asked = await self.house.on_stage(), request.query_params
        found = [
            _sms(one)
            for one in stage.twilio.everything
            if asked.get("number") in (None, one.to, one.from_)
            and asked.get("direction") in (None, "in" if one.direction == INBOUND else "out")
        ]
        return JSONResponse({"messages": found})

    async def write_sms(self, request: Request) -> Response:
        """Answers after the service has answered the webhook: then all its effects are committed."""
        posted = await read_document(request, PostedSms)
        stage = await self.house.on_stage()
        return JSONResponse({"webhook_status": await stage.writes(posted.sender, posted.text)}, 202)

    async def list_emails(self, request: Request) -> Response:
        stage, to = await self.house.on_stage(), request.query_params.get("to")
        mails = enumerate(stage.smtp.messages, 1)
        return JSONResponse(
            {"emails": [email_answer(n, one) for n, one in mails if to is None or to in one.recipients]}
        )

    async def set_clock(self, request: Request) -> Response:
        posted = await read_document(request, ClockSet)
        stage = await self.house.on_stage()
        stage.set_forward(timedelta(seconds=posted.forward_seconds))
        return _state(stage)

    async def set_troubles(self, request: Request) -> Response:
        posted = await read_document(request, TroublesSet)
        stage = await self.house.on_stage()
        if posted.gateway is not None:
            stage.troubles.let_gateway(posted.gateway)
        if posted.source is not None:
            stage.troubles.let_source(posted.source)
        return _state(stage)

    async def make_appointment(self, request: Request) -> Response:
        posted = await read_document(request, MadeAppointment)
        stage = await self.house.on_stage()
        return JSONResponse({"rdv_id": await asyncio.to_thread(_make, stage, posted)}, 201)


def _make(stage: Stage, posted: MadeAppointment) -> int:
    agenda = stage.rdvsp.agenda
    user = agenda.add_user(
        first_name=posted.first_name,
        last_name=posted.last_name,
        phone_number=posted.phone,
        phone_number_formatted=posted.phone,
        email=posted.email,
    )
    rdv_id = agenda.add(user, starts_at=posted.starts_at, organisation_id=ORGANISATION)
    stage.rdvsp.settle()
    return rdv_id


def _state(stage: Stage) -> JSONResponse:
    return JSONResponse(
        {
            "now": stage.clock().isoformat(timespec="seconds"),
            "number": stage.plan.sender,
            "connected": stage.plan.connected,
            "gateway": stage.troubles.gateway,
            "source": stage.troubles.source,
        }
    )


def _sms(message: TwilioMessage) -> dict[str, Any]:
    return {
        "id": message.sid,
        "direction": "in" if message.direction == INBOUND else "out",
        "from": message.sender,
        "to": message.to,
        "text": message.body,
        "segments": message.segments,
        "status": message.status,
        "at": message.created_at.isoformat(timespec="seconds"),
    }


def email_answer(number: int, mail: ReceivedMail) -> dict[str, Any]:
    """An e-mail as the API shows it. Numbers count from 1, in the order in which the e-mails came."""
    return {
        "id": number,
        "from": str(mail.message["From"]),
        "to": mail.recipients[0],
        "subject": str(mail.message["Subject"]),
        "text": part_of(mail.message, "text/plain"),
        "html": part_of(mail.message, "text/html"),
        "calendar": part_of(mail.message, "text/calendar"),
    }


def part_of(message: EmailMessage, content_type: str) -> str | None:
    """The text of the first part of this type; None if there is none."""
    for part in message.walk():
        if part.get_content_type() == content_type:
            content = part.get_payload(decode=True)
            return content.decode() if isinstance(content, bytes) else None
    return None
