"""The stage: the real service with stand-ins in place of gateway, mail server and RDV Service Public.

The town's week is played on the service alone, because that is fast. Afterwards each SMS that was sent is put into the
gateway's records and onto a telephone, each e-mail into a mailbox, and each cancellation into the calendar.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, select
from starlette.applications import Starlette

from smsbot.app import Service
from smsbot.demo.settable_clock import SettableClock
from smsbot.demo.stand_ins.agenda_records import CANCELLED
from smsbot.demo.stand_ins.http_stand_in import HttpStandIn, StandInFault
from smsbot.demo.stand_ins.mail_stand_in import ReceivedMail, SmtpStandIn
from smsbot.demo.stand_ins.rdvsp_agenda import Agenda
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.demo.stand_ins.twilio_documents import INBOUND, OUTBOUND, TwilioMessage
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.demo.town.town_hall import OUR_NUMBER, Town, town_policy
from smsbot.demo.town.town_week import play_week, week_before
from smsbot.demo.town.townspeople import CLAIRE
from smsbot.demo.trail import Trail
from smsbot.gateways.base import DeliveryStatus
from smsbot.messages.email import to_message
from smsbot.outbox.messages import SENT
from smsbot.server import assembled
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.schema import open_ready
from smsbot.store.tables import incoming_messages, outgoing_messages, participations

PATIENCE_SECONDS = 2.0
_PASSWORD = "demo"  # noqa: S105 - it guards nothing


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What a stage must have.

    `database` is the SQLite file. The clock begins at `now`; with `stands_still` it only moves when it is set. With
    `connected`, RDV Service Public owns the appointments. With `has_town`, there is the town with its week, and `now`
    must be a Tuesday, 9h41. The page shows the console as `agent`. The service signs with `secret_key`, and shares
    `webhook_secret` with RDV Service Public.
    """

    database: Path
    now: datetime
    connected: bool = False
    has_town: bool = False
    stands_still: bool = False
    sender: str = OUR_NUMBER
    agent: str = CLAIRE
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    webhook_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """The service and the stand-ins around it. Nothing leaves this machine."""

    plan: StagePlan
    service: Service
    application: Starlette
    clock: SettableClock
    twilio: TwilioStandIn
    smtp: SmtpStandIn
    rdvsp: RdvspStandIn
    troubles: Troubles
    trail: Trail

    async def writes(self, number: str, text: str) -> int | None:
        """Let an usager write. Returns the status of the service's answer to the webhook; None if it did not answer."""
        url = f"{self.service.settings.public_url}/webhooks/twilio/sms"
        answer = await asyncio.wrap_future(self.twilio.receive(url, from_=number, to=self.plan.sender, text=text))
        return None if answer is None else answer.status_code

    def set_forward(self, by: timedelta) -> None:
        """Set the clock forward, and wake the background work, which then does what is due."""
        self.clock.now += by
        self.trail.tell("clock", {"seconds": by.total_seconds()})
        self.service.supervisor.wake()


@asynccontextmanager
async def open_stage(plan: StagePlan, public_url: str) -> AsyncIterator[Stage]:
    """The stage with running delivery, until the block ends. The caller serves its application at `public_url`.

    Raises what opening the database raises.
    """
    clock = SettableClock(week_before(plan.now) if plan.has_town else plan.now)
    trail = Trail(clock)
    with ExitStack() as stack:
        twilio = TwilioStandIn(statuses=("delivered",), clock=clock)
        smtp = SmtpStandIn()
        rdvsp = RdvspStandIn(password=_PASSWORD, is_silenced=True, clock=clock)
        twilio.on_call = rdvsp.on_call = trail.hear
        for stand_in in (twilio, smtp, rdvsp):
            stack.enter_context(stand_in)
        settings = _settings(plan, public_url, twilio, smtp, rdvsp)
        database = stack.enter_context(closing(await asyncio.to_thread(open_ready, settings.database_url)))
        if plan.has_town:
            calendar = rdvsp.agenda
            await asyncio.to_thread(_live_a_week, plan.now, settings, database, clock, calendar)
            await asyncio.to_thread(database.read_now, lambda c: _move_in(c, twilio, smtp, calendar))
        service = Service(settings, database, clock=clock)
        if not plan.stands_still:
            clock.run()
        rdvsp.subscribe(f"{public_url}/webhooks/rdvsp", plan.webhook_secret)
        async with assembled(service, delivery=True) as application:
            yield Stage(plan, service, application, clock, twilio, smtp, rdvsp, Troubles(twilio, rdvsp), trail)


def _settings(
    plan: StagePlan, public_url: str, twilio: TwilioStandIn, smtp: SmtpStandIn, rdvsp: RdvspStandIn
) -> ServiceSettings:
    """The settings of a service with stand-ins. None of them comes from the environment."""
    connected: dict[str, Any] = {}
    if plan.connected:
        sign_in = {"rdvsp_email": rdvsp.tokens.email, "rdvsp_password": _PASSWORD}
        connected = {"rdvsp_url": rdvsp.url, "rdvsp_patience_seconds": PATIENCE_SECONDS, "rdvsp_notifies": False}
        connected |= sign_in
    return ServiceSettings.exactly(
        database_url=f"sqlite:///{plan.database}",
        config=town_policy(plan.database.parent) if plan.has_town else None,
        public_url=public_url,
        secret_key=plan.secret_key,
        twilio_account_sid=twilio.account_sid,
        twilio_auth_token=twilio.auth_token,
        twilio_api_url=twilio.url,
        sender=plan.sender,
        segment_price="0.07",
        smtp_url=smtp.url,
        mail_from="RDV <rdv@example.org>",
        rdvsp_webhook_secret=plan.webhook_secret,
        webhooks_to_private_networks=True,
        **connected,
    )


def _live_a_week(
    now: datetime, settings: ServiceSettings, database: Database, clock: SettableClock, calendar: Agenda
) -> None:
    """Play the town's week on a service that is not connected, so that cancellations need no answer from RDV Service
    Public.
    """
    alone = settings.model_copy(update={"rdvsp_url": None, "rdvsp_email": None, "rdvsp_password": None})
    play_week(Town(Service(alone, database, clock=clock), clock, calendar), now)


def next_tuesday(now: datetime) -> datetime:
    """The next Tuesday at 9h41 in the zone of `now`: the town hall is open then, and its week lies before."""
    day = now + timedelta(days=(1 - now.weekday()) % 7)
    return day.replace(hour=9, minute=41, second=0, microsecond=0)


# Failures on demand ---------------------------------------------------------------------------------------------------

SLOW_SECONDS = 4.0
_NO_SUCH_NUMBER = 21211


class GatewayTrouble(StrEnum):
    """How the gateway answers a request to send. `DOUBT` means that it takes the message without an answer."""

    NONE = "none"
    REFUSES = "refuses"
    DOUBT = "doubt"
    SLOW = "slow"


class SourceTrouble(StrEnum):
    """How RDV Service Public answers."""

    NONE = "none"
    DOWN = "down"
    SLOW = "slow"


_GATEWAY_FAULTS = {
    GatewayTrouble.REFUSES: StandInFault(code=_NO_SUCH_NUMBER),
    GatewayTrouble.DOUBT: StandInFault(cuts=True, acts=True),
    GatewayTrouble.SLOW: StandInFault(hangs_seconds=SLOW_SECONDS),
}
_SOURCE_FAULTS = {
    SourceTrouble.DOWN: StandInFault(503),
    SourceTrouble.SLOW: StandInFault(hangs_seconds=SLOW_SECONDS, acts=True),
}


class Troubles:
    """The present troubles of the two stand-ins."""

    def __init__(self, gateway: HttpStandIn, source: HttpStandIn) -> None:
        self._gateway, self._source = gateway, source
        self.gateway, self.source = GatewayTrouble.NONE, SourceTrouble.NONE

    def let_gateway(self, trouble: GatewayTrouble) -> None:
        self.gateway = trouble
        _set(self._gateway, _GATEWAY_FAULTS.get(trouble))

    def let_source(self, trouble: SourceTrouble) -> None:
        self.source = trouble
        _set(self._source, _SOURCE_FAULTS.get(trouble))


def _set(stand_in: HttpStandIn, fault: StandInFault | None) -> None:
    stand_in.recover()
    if fault is not None:
        stand_in.keep_failing(fault)


# The data of the town's week ------------------------------------------------------------------------------------------

_incoming, _outgoing = incoming_messages.c, outgoing_messages.c


def _move_in(connection: Connection, twilio: TwilioStandIn, smtp: SmtpStandIn, calendar: Agenda) -> None:
    """Give the stand-ins the data that the service has. No webhook is posted, and nothing is sent."""
    messages = [*_received(connection, twilio.account_sid), *_sent(connection, twilio.account_sid)]
    for message in sorted(messages, key=lambda one: one.created_at):
        twilio.remember(message)
    mails = select(outgoing_messages).where(_outgoing.channel == "email", _outgoing.state == SENT)
    for row in connection.execute(mails.order_by(_outgoing.id)).mappings():
        message_id = f"<outgoing-{row['id']}@localhost>"
        smtp.take(ReceivedMail(row["sender"], (row["recipient"],), to_message(SimpleNamespace(**row), message_id)))
    cancelled = select(participations.c.external_id, participations.c.status)
    for external_id, status in connection.execute(cancelled.where(participations.c.status.in_(CANCELLED))):
        calendar.set_status(int(external_id), status)


def _received(connection: Connection, account_sid: str) -> list[TwilioMessage]:
    rows = connection.execute(select(incoming_messages).where(_incoming.from_number != "").order_by(_incoming.id))
    return [
        TwilioMessage(
            sid=row.gateway_message_id,
            account_sid=account_sid,
            direction=INBOUND,
            to=row.to_number,
            from_=row.from_number,
            body=row.body,
            status="received",
            created_at=row.received_at,
        )
        for row in rows
    ]


def _sent(connection: Connection, account_sid: str) -> list[TwilioMessage]:
    """The SMS that were sent and arrived."""
    is_sent = (_outgoing.channel == "sms") & (_outgoing.delivery_status == DeliveryStatus.DELIVERED.value)
    rows = connection.execute(select(outgoing_messages).where(is_sent).order_by(_outgoing.id))
    return [
        TwilioMessage(
            sid=f"SMsent{row.id}",
            account_sid=account_sid,
            direction=OUTBOUND,
            to=row.recipient,
            from_=row.sender,
            body=row.body,
            status=DeliveryStatus.DELIVERED.value,
            created_at=row.created_at,
        )
        for row in rows
    ]
