"""Handles one event from a source of appointments in one transaction, up to the messages that usagers get about it.

It is the counterpart of `smsbot.turn`. Intake takes the record in and says what happened; this module lets usagers be
told. An import uses intake without this module, so it never tells anybody anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from smsbot.appointments.appointment import participations_of
from smsbot.appointments.cancellation import Ended
from smsbot.appointments.intake import Intake, IntakeKind, destroy, take
from smsbot.appointments.intake.taking import change_usager, erase_usager
from smsbot.model import RGPD, Actor, Canceller, Via
from smsbot.notifications.herald import Herald, News
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent, UsagerEvent

NEW_WITHIN = timedelta(hours=1)
"""An appointment is announced as new only if its source created it at most so long before the event.

So a replay or a sync of thousands of records announces nothing. Without `created_at` nothing is announced.
"""
NEWS_FOR = timedelta(days=1)
"""What was created longer ago than this is no news, whatever the event says. It bounds what a wrong time can send."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Takes events in, and lets usagers be told."""

    herald: Herald

    def take(
        self, connection: Connection, source: str, event: AppointmentEvent | UsagerEvent, now: datetime
    ) -> Intake | None:
        """Take one event in. Returns None where it is about a person and not an appointment."""
        if isinstance(event, UsagerEvent):
            if event.record is not None:
                change_usager(connection, source, event.record, event_at=event.at, now=now)
            elif event.reason == RGPD:
                erase_usager(connection, source, event.external_id, now=now)
            return None
        if event.record is None:
            return destroy(connection, source, event.external_id, event_at=event.at, reason=event.reason, now=now)
        intake = take(connection, source, event.record, event_at=event.at, now=now)
        self._tell(connection, event, intake, now)
        return intake

    def _tell(self, connection: Connection, event: AppointmentEvent, intake: Intake, now: datetime) -> None:
        # A replay sends every record as created. What it repairs here is not told to anybody. But a late attempt to
        # tell of a creation carries what has happened since.
        was_just_made = _was_just_made(event, now)
        is_change = event.event is SourceEvent.UPDATED or (event.occurred_at is not None and was_just_made)
        told = is_change and (intake.moved is not None or intake.cancelled)
        is_new = intake.kind is IntakeKind.NEW and was_just_made
        if not told and not is_new:
            return
        there = participations_of(connection, intake.appointment_id)
        if not there or there[0].appointment.starts_at <= now:
            return
        if is_new:
            self.herald.tell(connection, [one for one in there if one.is_active], News.CREATED, now)
            return
        ended = {each.participation_id: each.status for each in intake.cancelled}
        for status in dict.fromkeys(ended.values()):
            canceller = Canceller(Actor.AGENT, Via.WEBHOOK, status)
            those = tuple(one for one in there if ended.get(one.id) is status)
            if those:
                self.herald.ended(connection, Ended(those, canceller, now, those[0].appointment.calendar_sequence))
        if intake.moved is not None:
            known = [one for one in there if one.is_active and one.id not in intake.added]
            self.herald.tell(connection, known, News.MOVED, now)


def _was_just_made(event: AppointmentEvent, now: datetime) -> bool:
    assert event.record is not None
    made_at = event.record.created_at
    happened_at = event.occurred_at or event.at or now
    return made_at is not None and abs(happened_at - made_at) <= NEW_WITHIN and now - made_at <= NEWS_FOR
