"""Handles events from a source of appointments, and has usagers told about them.

It is the counterpart of `turn`. Intake stores the record and says what happened; this module has usagers told. An
import uses intake without this module, so it never tells anybody anything.

Events may come in floods: a source may post all its records again, as fast as it can. So several waiting events share a
transaction, and there is one such transaction at a time. A message from an usager never waits for more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from smsbot.appointments.cancellation import Ended
from smsbot.appointments.intake import IncomingRecord, Intake, IntakeKind, destroy, take_many
from smsbot.appointments.intake.usagers import change_usager, erase_usager
from smsbot.appointments.participation_queries import participations_of
from smsbot.model import RGPD, Actor, AppointmentRecord, Canceller, Via
from smsbot.notifications.herald import Herald
from smsbot.notifications.news_writer import News
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent, UsagerEvent
from smsbot.store.database import Database
from smsbot.store.together import Share, Together

NEW_WITHIN = timedelta(hours=1)
"""An appointment is announced as new only if its source created it at most this long before the event.

So a replay or a sync of thousands of records announces nothing. Without `created_at` nothing is announced.
"""
NEWS_FOR = timedelta(days=1)
"""What was created longer ago than this is no news, whatever the event says. This limits what a wrong time can send."""
MOST_TOGETHER = 20
"""Events in one transaction: enough to be fast, few enough that a message from an usager hardly waits for them."""
MOST_PEOPLE_TOGETHER = 100
"""Participations in one transaction. A single event may have more."""


@dataclass(frozen=True, slots=True)
class SourceNews:
    """An event, and the name of the source that it comes from."""

    source: str
    event: AppointmentEvent | UsagerEvent


@dataclass(frozen=True, slots=True)
class Arrival:
    """Takes events in, and has usagers told. `connected` are the sources that own their appointments.

    `retention` is how long an appointment is kept after it took place. Unknown appointments that are older are ignored.
    """

    herald: Herald
    connected: frozenset[str] = frozenset()
    retention: timedelta | None = None

    def take(
        self, connection: Connection, source: str, event: AppointmentEvent | UsagerEvent, now: datetime
    ) -> Intake | None:
        """Take one event in. Returns None where it is about a person and not an appointment."""
        return self.take_all(connection, [SourceNews(source, event)], now)[0]

    def take_all(self, connection: Connection, news: Sequence[SourceNews], now: datetime) -> list[Intake | None]:
        """Take these events in, one after the other. Returns for each what `take` returns."""
        return [intake for run in _runs(news) for intake in self._take_run(connection, run, now)]

    def _take_run(self, connection: Connection, run: _Run, now: datetime) -> list[Intake | None]:
        if run.alone is not None:
            return [self._take_alone(connection, run.source, run.alone, now)]
        owned = run.source in self.connected
        kept_since = None if self.retention is None else now - self.retention
        taken = take_many(connection, run.source, run.records(), now=now, owned=owned, kept_since=kept_since)
        intakes = dict(zip(run.newest, taken, strict=True))
        for name, event in run.newest.items():
            self._tell(connection, event, intakes[name], now)
        answers: list[Intake | None] = []
        for name in run.names:
            answers.append(intakes[name])
            if intakes[name].kind is not IntakeKind.REFUSED:
                # The repeated events have changed nothing more.
                intakes[name] = Intake(IntakeKind.UNCHANGED, intakes[name].appointment_id)
        return answers

    def _take_alone(
        self, connection: Connection, source: str, event: AppointmentEvent | UsagerEvent, now: datetime
    ) -> Intake | None:
        if isinstance(event, AppointmentEvent):
            return destroy(connection, source, event.external_id, event_at=event.at, reason=event.reason, now=now)
        if event.record is not None:
            change_usager(connection, source, event.record, event_at=event.at, now=now)
        elif event.reason == RGPD:
            erase_usager(connection, source, event.external_id, now=now)
        return None

    def _tell(self, connection: Connection, event: AppointmentEvent, intake: Intake, now: datetime) -> None:
        # A replay sends all records as created, and nobody is told of what it repairs here. But when the event of a
        # new appointment comes late, its record has the changes since, which have to be told.
        was_just_made = _was_just_made(event, now)
        is_change = event.event is SourceEvent.UPDATED or (event.occurred_at is not None and was_just_made)
        told = is_change and (intake.moved is not None or intake.cancelled)
        is_new = intake.kind is IntakeKind.NEW and was_just_made
        if not told and not is_new:
            return
        assert intake.appointment_id is not None, "it was taken in"
        there = participations_of(connection, intake.appointment_id)
        if not there or there[0].appointment.starts_at <= now:
            return
        if is_new:
            self.herald.tell(connection, [one for one in there if one.is_active], News.CREATED, now)
            return
        there = [one for one in there if one.id not in intake.askers]
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


@dataclass(slots=True)
class _Run:
    """Events of one source that are taken in together. An event that cannot be is `alone` in its run.

    Each appointment comes once, or several times with the same content: a source sends that when a collective one with
    many participants changes.
    """

    source: str
    alone: AppointmentEvent | UsagerEvent | None = None
    names: list[str] = field(default_factory=list)  # the appointments' ids at the source, as they came
    newest: dict[str, AppointmentEvent] = field(default_factory=dict)
    times: dict[str, list[datetime | None]] = field(default_factory=dict)  # of each appointment's events, as they came

    def takes(self, event: AppointmentEvent) -> bool:
        """Add the event if it fits into this run. Returns whether it does."""
        known = self.newest.get(event.external_id)
        if self.alone is not None or (known is not None and known.record != event.record):
            return False
        self.names.append(event.external_id)
        self.times.setdefault(event.external_id, []).append(event.at)
        if known is None or (event.at is not None and (known.at is None or event.at >= known.at)):
            self.newest[event.external_id] = event
        return True

    def records(self) -> list[IncomingRecord]:
        return [
            IncomingRecord(event.record, event.at, told_at=tuple(self.times[name]))
            for name, event in self.newest.items()
            if event.record is not None
        ]


def _runs(news: Sequence[SourceNews]) -> list[_Run]:
    """The events, in their order, in as few runs as possible."""
    runs: list[_Run] = []
    for each in news:
        event = each.event
        if not isinstance(event, AppointmentEvent) or event.record is None:
            runs.append(_Run(each.source, alone=event))
        elif not runs or runs[-1].source != each.source or not runs[-1].takes(event):
            runs.append(_Run(each.source))
            runs[-1].takes(event)
    return runs


def arrivals(
    database: Database, arrival: Arrival, clock: Callable[[], datetime]
) -> Together[SourceNews, Intake | None]:
    """Takes events in, in the order in which they come, several in one transaction, with pauses between transactions.

    The result of each is what `Arrival.take` returns.
    """
    share = Share(MOST_TOGETHER, MOST_PEOPLE_TOGETHER, _people, rests=True)
    return Together(
        database, lambda connection, news: arrival.take_all(connection, news, clock()), key=None, share=share
    )


def _people(news: SourceNews, before: SourceNews | None) -> int:
    """How many participations the event has. 0 where it says the same as the one before, which costs nothing."""
    record = news.event.record
    if before is not None and record == before.event.record:
        return 0
    return len(record.participations) if isinstance(record, AppointmentRecord) else 1
