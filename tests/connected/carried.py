"""A service and RDV Service Public's agenda in the same process. Tests control the clock and every call in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from smsbot.app import Service
from smsbot.appointments.intake import IncomingRecord, lose_sight, take_many, take_record
from smsbot.appointments.requests import CancellationRequest
from smsbot.connected.carrying import Carrying
from smsbot.connected.judging import RequestOutcome
from smsbot.connected.request_answers import RequestAnswers
from smsbot.connected.source_api import Answered, CallFailedForNow, CallRefused, NotSignedIn
from smsbot.demo.stand_ins.agenda_records import AgendaChange
from smsbot.demo.stand_ins.rdvsp_agenda import Agenda
from smsbot.gateways.base import IncomingSms
from smsbot.incoming.message_claims import Arrived
from smsbot.messages.templates import template_environment
from smsbot.model import Canceller, Status
from smsbot.settings import ServiceSettings
from smsbot.sources.rdvsp import NotOfInterest, appointment_record, event_of
from smsbot.store.database import Database
from smsbot.store.tables import (
    appointments,
    audit,
    cancellation_requests,
    incoming_messages,
    outgoing_messages,
    participations,
)

ENVIRONMENT = template_environment()
NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
OURS = "+33937000000"
PHONE, MARTIN = "+33612345678", "+33687654321"
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
T = TypeVar("T")


@dataclass(frozen=True)
class Mishap:
    """What goes wrong with one call.

    `acts` says that it was carried out anyway; `error` is what the caller gets. `meanwhile` is done there before the
    call. `dies_at_commit` ends the process when it writes the outcome.
    """

    error: Callable[[], BaseException] | None = None
    acts: bool = False
    meanwhile: Callable[[], object] | None = None
    dies_at_commit: bool = False


NO_ANSWER = Mishap(lambda: CallFailedForNow("There was no answer."))
ANSWER_LOST = Mishap(lambda: CallFailedForNow("There was no answer."), acts=True)
REFUSED = Mishap(lambda: CallRefused("It answers 404.", 404))
SIGNED_OUT = Mishap(lambda: NotSignedIn("Nobody is signed in."))
DIES_AT_COMMIT = Mishap(dies_at_commit=True)
DIES_BEFORE = Mishap(asyncio.CancelledError)
DIES_AFTER = Mishap(asyncio.CancelledError, acts=True)


@dataclass
class AgendaApi:
    """`SourceApi` on an agenda in this process. Every call takes the next of `mishaps`, as long as there are any."""

    agenda: Agenda
    mishaps: deque[Mishap] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)
    at_once: int = 0
    dies_at_commit: bool = False
    on_change: Callable[[int, str], None] = lambda _participation, _before: None

    async def read(self, external_ids: Sequence[str]) -> Answered:
        return await self._call(f"read {','.join(external_ids)}", lambda: self._read(external_ids))

    async def set_status(self, participation_external_id: str, status: Status) -> Answered:
        call = f"{status} {participation_external_id}"
        return await self._call(call, lambda: self._set(int(participation_external_id), status))

    async def _call(self, name: str, act: Callable[[], Answered]) -> Answered:
        self.calls.append(name)
        mishap = self.mishaps.popleft() if self.mishaps else Mishap()
        self.dies_at_commit |= mishap.dies_at_commit
        if mishap.meanwhile is not None:
            mishap.meanwhile()
        self.at_once += 1
        try:
            assert self.at_once == 1 or "read" in name, "never two PATCHes at once in these tests"
            await asyncio.sleep(0)
            answered = act() if mishap.error is None or mishap.acts else None
            if mishap.error is not None:
                raise mishap.error()
        finally:
            self.at_once -= 1
        assert answered is not None
        return answered

    def _read(self, external_ids: Sequence[str]) -> Answered:
        rdvs = self.agenda.with_ids(map(int, external_ids))
        records = tuple(appointment_record(self.agenda.rdv_json(rdv)) for rdv in rdvs)
        return Answered(records, self.agenda.clock().replace(microsecond=0))

    def _set(self, participation_id: int, status: Status) -> Answered:
        rdv = self.agenda.rdv_of(participation_id)
        if rdv is None:
            raise CallRefused("It answers 404.", 404)
        self.on_change(participation_id, rdv.statuses[participation_id])
        self.agenda.set_status(participation_id, status.value)
        return self._read([str(rdv.id)])


class Died(Exception):
    """The process has died in the middle of a transaction, which is undone."""


@dataclass(frozen=True, slots=True)
class MortalAnswers(RequestAnswers):
    """Answers of a process that may die in the transaction that writes the outcome."""

    api: AgendaApi = field(kw_only=True)

    def ended(
        self, connection: Connection, request: CancellationRequest, outcome: RequestOutcome, now: datetime
    ) -> None:
        RequestAnswers.ended(self, connection, request, outcome, now)
        if self.api.dies_at_commit:
            self.api.dies_at_commit = False
            raise Died


class World:
    """Telephones, a connected service, and the agenda that owns the appointments."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.now = NOW
        self.database = database
        self.runner = asyncio.Runner()
        values = {
            "secret_key": "a secret of the tests, of 32 bytes or more",
            "twilio_account_sid": "AC" + "0" * 32,
            "twilio_auth_token": "token",
            "sender": OURS,
            "mail_from": "rdv@example.fr",
            "rdvsp_url": "https://rdv.example.org",
            "rdvsp_client_id": "smsbot",
            "rdvsp_client_secret": "secret",
            "rdvsp_webhook_secret": "a secret",
        }
        self.service = Service(ServiceSettings.exactly(**values | settings), database, clock=lambda: self.now)
        self.service.environment = ENVIRONMENT  # its templates are compiled once for all tests
        self.pending: list[AgendaChange] = []
        self.agenda = Agenda(clock=lambda: self.now, on_change=self.pending.append)
        self.api = AgendaApi(self.agenda)
        self.carrying = self.start()
        self.written = 0

    def rereads(self) -> None:
        """Read the appointments that have to be read again."""
        for row in self.rows(select(appointments).where(appointments.c.to_read_at.is_not(None))):
            [*found] = self.agenda.with_ids([int(row["external_id"])])
            records = [appointment_record(self.agenda.rdv_json(rdv)) for rdv in found]
            arrivals = [IncomingRecord(record, self.now, read_by_id=True) for record in records]
            self.database.write_now(partial(take_many, source="rdvsp", arrivals=arrivals, now=self.now, owned=True))
            if not found:
                self.database.write_now(
                    partial(lose_sight, source="rdvsp", external_ids=[row["external_id"]], now=self.now)
                )

    def close(self) -> None:
        self.runner.close()

    def start(self) -> Carrying:
        """Start a process that carries requests out. The one before it is dead."""
        service = self.service
        answers = MortalAnswers(service.herald, service.connections, api=self.api)
        apis = {"rdvsp": self.api}
        self.carrying = Carrying(
            self.database, service.door, service.arrival, answers, apis, service.connections, service.clock
        )
        return self.carrying

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # What is there ----------------------------------------------------------------------------------------------------

    def books(self, *people: str, in_days: float = 3, collectif: bool = False, **user: Any) -> int:
        """Make an appointment that both sides know. People are surnames; all but Martin have Sophie's telephone."""
        users = [
            self.agenda.add_user(
                last_name=name,
                phone_number_formatted=MARTIN if name == "Martin" else PHONE,
                email=f"{name.lower()}@example.org",
                **user,
            )
            for name in people or ("Dupont",)
        ]
        starts_at = self.now + timedelta(days=in_days)
        rdv_id = self.agenda.add(*users, starts_at=starts_at, collectif=collectif, quietly=True)
        self.syncs(rdv_id)
        return rdv_id

    def syncs(self, rdv_id: int) -> None:
        """Let a sync read this appointment. Nobody is told."""
        record = appointment_record(self.agenda.rdv_json(self.agenda.rdv(rdv_id)))
        at = self.now
        self.database.write_now(lambda c: take_record(c, "rdvsp", record, event_at=at, now=at, owned=True))

    def parts(self, rdv_id: int) -> list[int]:
        return [each.id for each in self.agenda.rdv(rdv_id).participations]

    # What happens -----------------------------------------------------------------------------------------------------

    def hears(self, *bodies: str, phone: str = PHONE) -> list[str | None]:
        """Send these messages, and return the immediate replies."""
        replies: list[str | None] = []
        for body in bodies:
            self.written += 1
            self.now += SECOND
            message = IncomingSms("twilio", f"SM{self.written}", phone, OURS, body)
            turn = partial(self.service.turn.take_together, arrived=[Arrived(message, self.now)])
            [outcome] = self.database.write_now(turn)
            assert outcome is not None
            replies.append(outcome.reply)
        return replies

    def cancels(self, rdv_id: int, canceller: Canceller, person: int | None = 0) -> str:
        """Cancel, but not by SMS. `person` is the index in the appointment; None for all."""
        door, row = self.service.door, self.row(rdv_id)
        if person is None:
            return self.database.write_now(lambda c: door.cancel_appointment(c, row["id"], canceller, self.now)).value
        [part] = [each for each in self.known(rdv_id) if each["external_id"] == str(self.parts(rdv_id)[person])]
        return self.database.write_now(lambda c: door.cancel(c, part["id"], canceller, self.now)).value

    def carries(self, *mishaps: Mishap, after: timedelta = timedelta(0)) -> None:
        """One round after this time, with all attempts that it begins. Each call takes the next of `mishaps`."""
        self.now += after
        self.api.mishaps.extend(mishaps)
        self.run(self._round())
        self.api.mishaps.clear()
        self.api.dies_at_commit = False

    async def _round(self) -> None:
        await self.carrying.once()
        await self.carrying.settled()

    def posts(self, *places: int) -> None:
        """Deliver the waiting webhooks, all or those at these places, with the present data."""
        chosen = [self.pending[place] for place in places] if places else list(self.pending)
        self.pending[:] = [each for each in self.pending if not any(each is one for one in chosen)]
        for change in chosen:
            data = self.agenda.data_of(change)
            if data is None:
                continue
            meta = {
                "model": change.model,
                "event": change.event,
                "event_occurred_at": change.occurred_at.isoformat(),
                "payload_computed_at": self.now.isoformat(),
            }
            event = event_of({"data": data, "meta": {**meta, "webhook_reason": change.reason}})
            assert not isinstance(event, NotOfInterest)
            self.database.write_now(partial(self.service.arrival.take, source="rdvsp", event=event, now=self.now))

    # The result --------------------------------------------------------------------------------------------------

    def rows(self, statement: Any) -> list[dict[str, Any]]:
        return self.database.read_now(lambda c: [row._asdict() for row in c.execute(statement)])

    def row(self, rdv_id: int) -> dict[str, Any]:
        [row] = self.rows(select(appointments).where(appointments.c.external_id == str(rdv_id)))
        return row

    def known(self, rdv_id: int) -> list[dict[str, Any]]:
        its = participations.c.appointment_id == self.row(rdv_id)["id"]
        return self.rows(select(participations).where(its).order_by(participations.c.id))

    def here(self, rdv_id: int) -> list[str]:
        """The statuses that are stored here."""
        return [each["status"] for each in self.known(rdv_id)]

    def there(self, rdv_id: int) -> list[str]:
        return list(self.agenda.rdv(rdv_id).statuses.values())

    def requests(self) -> list[dict[str, Any]]:
        return self.rows(select(cancellation_requests).order_by(cancellation_requests.c.id))

    def state(self) -> str:
        """The state of the last request."""
        state: str = self.requests()[-1]["state"]
        return state

    def sms(self, phone: str = PHONE) -> list[str]:
        """The texts to a telephone, in order."""
        its = (outgoing_messages.c.channel == "sms") & (outgoing_messages.c.recipient == phone)
        return [row["body"] for row in self.rows(select(outgoing_messages).where(its).order_by(outgoing_messages.c.id))]

    def told(self, phone: str = PHONE) -> list[str]:
        """The beginnings of the SMS to a telephone, without the questions."""
        return [
            next((name for beginning, name in BEGINNINGS.items() if body.startswith(beginning)), body)
            for body in self.sms(phone)
            if not body.endswith(("OUI ou NON.", "nom de famille."))
        ]

    def emails(self) -> list[tuple[str, str]]:
        """The e-mails: recipient, and beginning of the subject."""
        its = select(outgoing_messages).where(outgoing_messages.c.channel == "email").order_by(outgoing_messages.c.id)
        return [(row["recipient"], row["subject"].split(" :")[0]) for row in self.rows(its)]

    def acts(self) -> list[str]:
        return [row["act"] for row in self.rows(select(audit).order_by(audit.c.id))]

    def inbox(self) -> list[str]:
        return [row["body"] for row in self.rows(select(incoming_messages)) if row["for_agents"]]


BEGINNINGS = {
    "C'est annulé": "cancelled",
    "Demande enregistrée : annuler": "registered",
    "Demande enregistrée : rétablir": "taking back registered",
    "Votre demande d'annulation est enregistrée": "under way",
    "Nous n'avons pas pu annuler": "refused",
    "Déplacé, donc maintenu": "moved",
    "Le service a annulé": "revoked",
    "Le service a déjà traité": "held",
    "Demande restée sans réponse": "given up",
    "C'est rétabli": "taken back",
    "Ce RDV reste annulé": "not taken back",
    "Votre demande de rétablir": "taking back under way",
    "Nous ne savons pas si": "taking back given up",
}
"""The beginnings of the texts about a request."""
