"""A made-up town hall on the real service. Its people and the systems around it act through the service's own code.

Appointments come as from RDV Service Public's webhook, usagers write SMS and follow links, agents work in the console.
So the console shows them like real ones. `town_week` says what happens, and when.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, func, select

from smsbot.agents.account_changes import add_agent, name_administrator
from smsbot.agents.accounts import Agent, find_agent
from smsbot.agents.appointment_actions import cancel_as_agent
from smsbot.agents.signing_in.passwords import issue_reset
from smsbot.agents.tokens import open_session
from smsbot.app import Service
from smsbot.appointments.cancellation import TAKE_BACK_WITHIN
from smsbot.demo.settable_clock import SettableClock
from smsbot.demo.stand_ins.rdvsp_agenda import Agenda
from smsbot.demo.town.townspeople import Townsperson
from smsbot.gateways.base import IncomingSms
from smsbot.inbox import handling as inbox
from smsbot.inbox.alerts import set_alert_address
from smsbot.inbox.ready_answers import add_answer
from smsbot.incoming.arrival import Arrival
from smsbot.incoming.message_claims import Arrived
from smsbot.messages.gsm7 import segments, to_gsm7
from smsbot.model import DEFAULT_SOURCE, Actor, Canceller, Status, Via
from smsbot.outbox.messages import OutgoingMessage
from smsbot.policy.values import TWILIO
from smsbot.sources.rdvsp import AppointmentEvent, event_of
from smsbot.store.tables import incoming_messages, organisations, outgoing_messages, participations
from smsbot.web.console.guard import COOKIE, Cookies

T = TypeVar("T")

OUR_NUMBER = "+33639981200"
ORGANISATION = 12
ALONE, WORKSHOP = 1, 2
"""The motifs, by their numbers in the calendar: individual appointments and workshops."""

_PLACE = {"id": 3, "name": "Maison des solidarités", "address": "1 place de l’Exemple, Exempleville"}
_BETWEEN_SMS = timedelta(seconds=40)
_KNOWN_FOR = timedelta(days=20)  # as if the appointments were made before the calendar was connected: no notifications


def town_policy(folder: Path) -> Path:
    """Write the town's `smsbot.toml` into this folder. Returns its path."""
    path = folder / "smsbot.toml"
    path.write_text(f'[motifs.{WORKSHOP}]\nlabel = "Atelier numérique"\n', encoding="utf-8")
    return path


@dataclass
class Town:
    """The town hall, its calendar, its people. `clock` is the clock of the service and of the calendar."""

    service: Service
    clock: SettableClock
    calendar: Agenda
    appointments: dict[Townsperson, int] = field(default_factory=dict)
    _rdvs: dict[Townsperson, int] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.calendar.add_organisation(
            ORGANISATION,
            name="CCAS d’Exempleville",
            phone_number="04 65 71 00 12",
            email="ccas@example.org",
            verticale="rdv_solidarites",
        )
        for motif in (ALONE, WORKSHOP):
            self.calendar.add_motif(motif, bookable_by="agents")

    # The calendar -----------------------------------------------------------------------------------------------------

    def makes_appointment(self, starts_at: datetime, *people: Townsperson) -> None:
        """Make an appointment in the calendar, whose webhook brings it here; for several people it is a workshop."""
        rdv_id = self.calendar.add(
            *(self._user(who) for who in people),
            starts_at=starts_at,
            collectif=len(people) > 1,
            organisation_id=ORGANISATION,
            motif_id=WORKSHOP if len(people) > 1 else ALONE,
            lieu=_PLACE,
            created_at=self.clock() - _KNOWN_FOR,
            quietly=True,
        )
        appointment_id = self._brings("created", rdv_id)
        for who in people:
            self._rdvs[who], self.appointments[who] = rdv_id, appointment_id

    def sets_in_the_calendar(self, who: Townsperson, status: Status) -> None:
        self.calendar.set_all(self._rdvs[who], status.value)
        self._brings("updated", self._rdvs[who])

    # Usagers ----------------------------------------------------------------------------------------------------------

    def writes(self, who: Townsperson, *texts: str) -> list[str | None]:
        """They write these SMS, one after the other. Returns the service's answers, None for no answer."""
        answers = []
        for text in texts:
            self.clock.now += _BETWEEN_SMS
            answers.append(self._says(who, text))
        return answers

    def cancels_by_link(self, who: Townsperson) -> None:
        part, canceller = self.participation(who), Canceller(Actor.USAGER, Via.LINK)
        self.write(lambda c: self.service.door.cancel(c, part, canceller, self.clock()))

    # Agents -----------------------------------------------------------------------------------------------------------

    def employs(self, email: str) -> Agent:
        organisation = [str(ORGANISATION)]
        return self.write(lambda c: add_agent(c, email, DEFAULT_SOURCE, organisation, self.clock()))

    def lets_manage_accounts(self, email: str, alert_address: str) -> None:
        agent, organisation = self.agent(email), self.organisation()
        self.write(lambda c: name_administrator(c, agent, self.clock()))
        self.write(lambda c: set_alert_address(c, organisation, alert_address))

    def takes(self, email: str, who: Townsperson) -> None:
        """The agent presses "Je m'en occupe" on what this person wrote."""
        agent, message = self.agent(email), self.message(who)
        self.write(lambda c: inbox.hold_thread(c, inbox.lock_thread(c, agent, message), agent, self.clock()))

    def hands_over(self, email: str, who: Townsperson, colleague: str) -> None:
        agent, other, message = self.agent(email), self.agent(colleague), self.message(who)
        self.write(lambda c: inbox.hand_over(c, inbox.lock_thread(c, agent, message), agent, other))

    def answers(self, email: str, who: Townsperson, text: str) -> None:
        agent, message_id, body = self.agent(email), self.message(who), to_gsm7(text)
        message = OutgoingMessage(
            channel="sms",
            kind="reply",
            recipient=_phone(who),
            sender=OUR_NUMBER,
            body=body,
            segments=segments(body),
            appointment_id=self.appointments[who],
            participation_id=self.participation(who),
            in_reply_to=message_id,
            agent_id=agent.id,
        )

        def work(connection: Connection) -> None:
            opened = inbox.lock_open_thread(connection, agent, message_id)
            inbox.send_answer(connection, opened, agent, message, opened.seen, self.clock())

        self.write(work)

    def keeps_ready_answer(self, email: str, title: str, text: str) -> None:
        agent, organisation = self.agent(email), self.organisation()
        self.write(lambda c: add_answer(c, agent, organisation, title, text))

    def cancels_in_the_console(self, email: str, who: Townsperson, word: str | None) -> None:
        """Cancel as the console does: for some seconds it can be taken back."""
        canceller = Canceller(Actor.AGENT, Via.CONSOLE, Status.REVOKED, agent=email, word=word, hold=TAKE_BACK_WITHIN)
        appointment = self.appointments[who]
        self.write(lambda c: cancel_as_agent(c, self.service.door, appointment, None, canceller, self.clock()))

    @property
    def session_cookie(self) -> str:
        """The name of the console's session cookie."""
        return Cookies(self.service.links, "/agents").name(COOKIE)

    def session(self, email: str) -> str:
        """The value of that cookie for an agent who has just signed in."""
        agent = self.agent(email)
        return self.write(lambda c: open_session(c, agent, self.clock()))

    def password_link(self, email: str) -> str:
        """The path below `/agents` at which the agent chooses a password."""
        agent = self.agent(email)
        return "/mot-de-passe/" + self.write(lambda c: issue_reset(c, agent, self.clock()))

    # The time ---------------------------------------------------------------------------------------------------------

    def lets_time_pass(self, until: datetime) -> None:
        """Move the clock by half hours, and send the reminders that become due."""
        while self.clock.now < until:
            self.clock.now = min(self.clock.now + timedelta(minutes=30), until)
            due = self.read(lambda c: self.service.reminders.due(c, self.clock())).participation_ids
            if due:
                self.write(partial(self.service.reminders.remind, participation_ids=due, now=self.clock()))

    # Looking it up ----------------------------------------------------------------------------------------------------

    def participation(self, who: Townsperson) -> int:
        """Our id of their participation."""
        names = (participations.c.first_name == who.first_name) & (participations.c.last_name == who.last_name)
        return self.read(lambda c: int(c.execute(select(participations.c.id).where(names)).scalar_one()))

    def message(self, who: Townsperson) -> int:
        """Our id of their last SMS that is for agents."""
        theirs = (incoming_messages.c.from_number == _phone(who)) & incoming_messages.c.for_agents
        return self.read(lambda c: int(c.execute(select(func.max(incoming_messages.c.id)).where(theirs)).scalar_one()))

    def agent(self, email: str) -> Agent:
        agent = self.read(lambda c: find_agent(c, email))
        assert agent is not None
        return agent

    def organisation(self) -> int:
        """Our id of the only organisation."""
        return self.read(lambda c: int(c.execute(select(organisations.c.id)).scalar_one()))

    def read(self, work: Callable[[Connection], T]) -> T:
        return self.service.database.read_now(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.service.database.write_now(work)

    # Underneath -------------------------------------------------------------------------------------------------------

    def _says(self, who: Townsperson, text: str) -> str | None:
        sms = IncomingSms(TWILIO, f"SM{next(self._ids)}", _phone(who), OUR_NUMBER, text)
        self.write(lambda c: self.service.turn.take_together(c, [Arrived(sms, self.clock())]))
        answers = outgoing_messages.join(incoming_messages, incoming_messages.c.id == outgoing_messages.c.in_reply_to)
        its = incoming_messages.c.gateway_message_id == sms.gateway_message_id
        answer = select(outgoing_messages.c.body).select_from(answers).where(its)
        return self.read(lambda c: c.execute(answer).scalar_one_or_none())

    def _user(self, who: Townsperson) -> int:
        return self.calendar.add_user(
            first_name=who.first_name,
            last_name=who.last_name,
            phone_number=who.phone,
            phone_number_formatted=who.phone,
            email=who.email,
        )

    def _brings(self, event: str, rdv_id: int) -> int:
        data = self.calendar.rdv_json(self.calendar.rdv(rdv_id))
        meta = {"model": "Rdv", "event": event, "webhook_reason": None, "timestamp": self.clock().isoformat()}
        read = event_of({"data": data, "meta": meta})
        assert isinstance(read, AppointmentEvent)
        arrival = Arrival(self.service.herald)
        intake = self.write(lambda c: arrival.take(c, DEFAULT_SOURCE, read, self.clock()))
        assert intake is not None
        assert intake.appointment_id is not None
        return intake.appointment_id


def _phone(who: Townsperson) -> str:
    assert who.phone is not None, f"{who.name} has no telephone"
    return who.phone
