"""The stage: the real service with stand-ins in place of gateway, mail server and RDV Service Public."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from smsbot.app import Service
from smsbot.demo.moving_in import move_in
from smsbot.demo.settable_clock import SettableClock
from smsbot.demo.stand_ins.mail_stand_in import SmtpStandIn
from smsbot.demo.stand_ins.rdvsp_agenda import Agenda
from smsbot.demo.stand_ins.rdvsp_stand_in import RdvspStandIn
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.demo.town.town_hall import OUR_NUMBER, Town, town_policy
from smsbot.demo.town.town_week import play_week, week_before
from smsbot.demo.town.townspeople import CLAIRE
from smsbot.demo.trail import Trail
from smsbot.demo.troubles import Troubles
from smsbot.server import assembled
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.schema import open_ready

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
            await asyncio.to_thread(database.read_now, lambda c: move_in(c, twilio, smtp, calendar))
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
