"""Tells usagers about their requests to a connected source: that a request is registered, and how it ended.

If the yes came by SMS, the answer goes back to the number that wrote, from the number that was written to. If it came
by link, the page says what it can, and the outcome goes to the person's telephone or, where no SMS can be sent, to
their e-mail address. For an agent's request only the people whose appointment is cancelled are told; agents see the
rest in the appointment's history. All messages are written in the transaction of the outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from smsbot.agents.accounts import has_agents
from smsbot.appointments.appointment import Participation
from smsbot.appointments.participation_queries import participation_of, seen_coming_of_phone
from smsbot.appointments.requests import CancellationRequest
from smsbot.appointments.taking_back_requests import cancellation_before
from smsbot.appointments.terms import appointment_text
from smsbot.connected.connections import SourceConnection
from smsbot.connected.judging import RequestOutcome
from smsbot.inbox.handling import put_into_inbox
from smsbot.messages.email import EmailKind
from smsbot.model import Actor, Via
from smsbot.notifications.herald import Herald
from smsbot.outbox.messages import Kind, enqueue


@dataclass(frozen=True, slots=True)
class RequestAnswers:
    """Writes the answers into the outbox. `connections` are the connected sources by name."""

    herald: Herald
    connections: Mapping[str, SourceConnection]

    def registered(self, connection: Connection, request: CancellationRequest, now: datetime) -> None:
        """Tell an usager who has asked by SMS that the request is registered, but not done yet."""
        meant = self._asker(connection, request)
        if meant is not None and request.canceller.via is Via.SMS:
            name = "taking_back_registered" if request.takes_back else "request_registered"
            self._sms(connection, request, meant, name, now)

    def ended(
        self, connection: Connection, request: CancellationRequest, outcome: RequestOutcome, now: datetime
    ) -> None:
        """Tell the usager who has asked how the request ended. Put it into the agents' inbox if they have to act.

        If the usager is already taking the cancellation back, only the outcome of that is told.
        """
        meant = self._asker(connection, request)
        if meant is not None and meant.taking_back_requested_at is not None:
            return
        is_for_agents = outcome is not RequestOutcome.DONE if request.takes_back else outcome in _FOR_AGENTS
        if is_for_agents and request.canceller.in_reply_to is not None:
            put_into_inbox(connection, request.canceller.in_reply_to)
        if meant is None:
            return
        if request.takes_back:
            self._sms(connection, request, meant, _SMS_OF_TAKING_BACK[outcome], now)
            return
        if outcome is RequestOutcome.DONE:
            if request.canceller.via is Via.SMS or self._is_owed_a_confirmation(request, meant):
                self._sms(connection, request, meant, "cancelled", now)
        elif not self._sms(connection, request, meant, _SMS[outcome], now) and meant.email:
            self.herald.answer_by_email(connection, meant, _EMAILS[outcome], now)

    def _asker(self, connection: Connection, request: CancellationRequest) -> Participation | None:
        if request.canceller.by is not Actor.USAGER or request.participation_id is None:
            return None
        return participation_of(connection, request.participation_id)

    def _is_owed_a_confirmation(self, request: CancellationRequest, meant: Participation) -> bool:
        """Whether a page has promised to confirm it, and neither an e-mail nor the source will do so."""
        by_source = (
            self.connections[request.source].notifies and meant.send_lifecycle_notifications and meant.notify_by_sms
        )
        return request.registered_at is not None and not meant.email and not by_source

    def _sms(
        self,
        connection: Connection,
        request: CancellationRequest,
        meant: Participation,
        name: str,
        now: datetime,
    ) -> bool:
        """Write an SMS to the usager who asked. False where none can be sent."""
        by_sms = request.canceller.via is Via.SMS
        line = (
            self.herald.writer.line_back(connection, request.canceller.in_reply_to)
            if by_sms
            else self.herald.writer.line_to(connection, meant)
        )
        if line is None:
            return False
        terms = self.herald.writer.terms.of(meant)
        beside = seen_coming_of_phone(connection, line.recipient, now)
        is_discreet = request.takes_back and not _gave_the_letters(connection, request)
        named = any(_is_like(other, meant) for other in beside)
        organisation = meant.appointment.organisation
        values = {
            "appointment": None if is_discreet else appointment_text(meant, terms, named=named),
            "telephone": terms.telephone,
            "email": meant.email is not None,
            "rebook": terms.rebook_url is not None,
            "may_take_back": by_sms and bool(self.herald.take_back_within),
            "is_passed_on": organisation is not None
            and has_agents(connection, meant.appointment.source, organisation.external_id),
            "answerable": line.two_way and terms.refusal(meant.appointment.starts_at, now) is None,
        }
        sms = self.herald.writer.sms_texts.write(name, values)
        kind: Kind = "reply" if by_sms else "receipt"
        message = line.message(sms, kind, meant, in_reply_to=request.canceller.in_reply_to)
        enqueue(connection, message, now)
        return True


def _gave_the_letters(connection: Connection, request: CancellationRequest) -> bool:
    """Whether the cancellation came from the same telephone. Only then may the reply tell day and hour."""
    before = cancellation_before(connection, request)
    return before is not None and before.has_same_writer


def _is_like(other: Participation, meant: Participation) -> bool:
    """Whether only the first names show which of the two is meant."""
    is_apart = other.id != meant.id and (meant.appointment.collective or other.appointment.id != meant.appointment.id)
    same_moment = other.appointment.starts_at == meant.appointment.starts_at
    return is_apart and same_moment and other.first_name != meant.first_name


_SMS: Mapping[RequestOutcome, str] = {
    RequestOutcome.REFUSED: "request_refused",
    RequestOutcome.UNCONFIRMED: "request_given_up",
    RequestOutcome.MOVED: "request_moved",
    RequestOutcome.REVOKED: "request_revoked",
    RequestOutcome.HELD: "request_held",
    RequestOutcome.GONE: "request_gone",
    RequestOutcome.GIVEN_UP: "request_given_up",
}
_SMS_OF_TAKING_BACK: Mapping[RequestOutcome, str] = {
    RequestOutcome.DONE: "taken_back",
    RequestOutcome.REFUSED: "not_taken_back",
    RequestOutcome.UNCONFIRMED: "taking_back_given_up",
    RequestOutcome.MOVED: "not_taken_back",
    RequestOutcome.REVOKED: "not_taken_back",
    RequestOutcome.HELD: "taking_back_given_up",
    RequestOutcome.GONE: "not_taken_back",
    RequestOutcome.FULL: "not_taken_back",
    RequestOutcome.GIVEN_UP: "taking_back_given_up",
}
_EMAILS: Mapping[RequestOutcome, EmailKind] = {
    RequestOutcome.REFUSED: EmailKind.REQUEST_REFUSED,
    RequestOutcome.UNCONFIRMED: EmailKind.REQUEST_GIVEN_UP,
    RequestOutcome.MOVED: EmailKind.REQUEST_MOVED,
    RequestOutcome.REVOKED: EmailKind.CANCELLED_BY_SERVICE,
    RequestOutcome.HELD: EmailKind.REQUEST_HELD,
    RequestOutcome.GONE: EmailKind.REQUEST_GONE,
    RequestOutcome.GIVEN_UP: EmailKind.REQUEST_GIVEN_UP,
}
_FOR_AGENTS = (RequestOutcome.REFUSED, RequestOutcome.UNCONFIRMED, RequestOutcome.GIVEN_UP)
"""After these outcomes the appointment may still stand although its usager will not come, so an agent has to look."""
