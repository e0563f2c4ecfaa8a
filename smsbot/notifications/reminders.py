"""Writes reminders: one for each appointment, `lead` before it begins, while it can still be cancelled, not at night.

There are no timers. The appointments are searched every minute. So after an outage, reminders that are still useful are
sent and the others are not. `reminded_at` means that nothing is left to do: the reminder was written, or none was
wanted.

In the quiet hours (in the appointment's time zone), a reminder waits until they end. If it would then be too late to
cancel, the reminder leaves half an hour before the quiet hours instead. If they have already begun when it is found,
after an outage, it leaves at once. A reminder that was written but has not left yet is checked by the same rules
(`review`).

`LastLook` checks notifications and reminders once more before they leave: they may have waited for hours, and their
recipient may have written STOP since.

While the source of an appointment is asked to cancel it, no reminder of it is written, and none leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from itertools import groupby

from sqlalchemy import Connection, update

from smsbot.appointments.appointment import Participation
from smsbot.appointments.participation_queries import participations_of, to_be_reminded, with_those_reached_alike
from smsbot.appointments.terms import Terms, TermsBook
from smsbot.notifications.herald import Herald
from smsbot.notifications.news_writer import News, Recall
from smsbot.outbox.messages import OPTED_OUT, OVERTAKEN, ClaimedMessage
from smsbot.outbox.outcomes import Held, Refused
from smsbot.outbox.stop_list import opted_out_among
from smsbot.rules.deadline import is_in_time
from smsbot.rules.quiet_hours import QuietHours
from smsbot.runtime import PeriodicWork
from smsbot.store.database import Database, is_about_the_database, serialise
from smsbot.store.tables import participations

EVERY = timedelta(seconds=60)
AT_ONCE = 50
"""Participations in one transaction. It is short, so that messages of conversations hardly wait."""
BEFORE_NIGHT = timedelta(minutes=30)
UNTIL_ANSWERED = timedelta(minutes=1)
"""How long a reminder is put off each time, while the source has not answered a request to cancel."""

_NO_LONGER_SO = "The appointment has changed since it was written, or can no longer be cancelled."


@dataclass(frozen=True, slots=True)
class Due:
    """One page of participations: the ids of those that need something now, and the `last` one of the page.

    `last` is None where no page follows.
    """

    participation_ids: list[int]
    last: Participation | None


@dataclass(frozen=True, slots=True)
class Reminders:
    """Writes the reminders that are due. `lead` is how long before its start an appointment is reminded of."""

    herald: Herald
    terms: TermsBook
    lead: timedelta
    quiet_hours: QuietHours | None = None

    def due(self, connection: Connection, now: datetime, after: Participation | None = None) -> Due:
        """The next page of participations that await a reminder, the soonest first."""
        found = self._awaiting(connection, now, after)
        ids = [one.id for one in found if self._timing(one, now) is not _Timing.NOT_YET]
        return Due(ids, found[-1] if len(found) == AT_ONCE else None)

    def leaving_now(self, connection: Connection, now: datetime, appointment_ids: Iterable[int]) -> int:
        """How many participations of these appointments get a reminder when reminders are next written."""
        there = (one for each in appointment_ids for one in participations_of(connection, each))
        return sum(self._awaits_one(one) and self._timing(one, now) is _Timing.NOW for one in there)

    def due_since(self, connection: Connection, now: datetime) -> datetime | None:
        """Since when the oldest reminder has been due that is not written yet; None where none is due."""
        page: Participation | None = None
        while True:
            found = self._awaiting(connection, now, page)
            for participation in found:
                if self._timing(participation, now) is _Timing.NOW:
                    return min(participation.appointment.starts_at - self.lead, now)
            if len(found) < AT_ONCE:
                return None
            page = found[-1]

    def remind(self, connection: Connection, participation_ids: Collection[int], now: datetime) -> None:
        """Write the reminders for participations that `due` has found. Each is checked once more.

        Others in the same appointment with the same telephone or address are reminded by the same message.
        """
        serialise(connection, "reminders")
        done = []
        found = with_those_reached_alike(connection, participation_ids)
        awaiting = sorted(filter(self._awaits_one, found.values()), key=_appointment_id)
        for _, together in groupby(awaiting, _appointment_id):
            concerned = list(together)
            timing = self._timing(concerned[0], now)  # the same for all of an appointment
            if timing is _Timing.NOT_YET:
                continue
            if timing is _Timing.NOW:
                self.herald.tell(connection, concerned, News.REMINDER, now)
            done += [one.id for one in concerned]
        if done:
            rows = participations.c.id.in_(done)
            connection.execute(update(participations).where(rows).values(reminded_at=now))

    def review(self, connection: Connection, messages: Sequence[ClaimedMessage], now: datetime) -> list[Refused | Held]:
        """Check reminders that are about to leave.

        Those whose appointment was cancelled or moved are refused. Those that must wait until the end of the night are
        held.
        """
        ids = {one.participation_id for one in messages if one.participation_id}
        there = with_those_reached_alike(connection, ids)
        kept_back: list[Refused | Held] = []
        for message in messages:
            told = _told_by(message, there)
            holding = [one for one in told if self._still_holds(one, message, now)]
            participation = next((one for one in holding if one.cancellation_requested_at is None), None)
            if not holding:
                kept_back.append(Refused(message.id, message.attempt, OVERTAKEN, _NO_LONGER_SO))
            elif participation is None:
                kept_back.append(Held(message.id, message.attempt, now + UNTIL_ANSWERED))
            elif (until := self._morning(participation, self.terms.of(participation), now)) is not None:
                kept_back.append(Held(message.id, message.attempt, until))
        return kept_back

    def _awaiting(self, connection: Connection, now: datetime, after: Participation | None) -> list[Participation]:
        """The next participations that may need a reminder soon, the soonest first, at most AT_ONCE."""
        before = now + self.longest_lead
        return to_be_reminded(connection, now, before, AT_ONCE, after, silent_sources=self.herald.silent_sources)

    def _awaits_one(self, participation: Participation) -> bool:
        is_silent = participation.appointment.source in self.herald.silent_sources
        is_wanted = participation.send_reminder_notification or is_silent
        is_requested = participation.cancellation_requested_at is not None
        return participation.is_active and is_wanted and participation.reminded_at is None and not is_requested

    @property
    def longest_lead(self) -> timedelta:
        """No reminder leaves earlier than this before its appointment begins."""
        return self.lead + self._ahead_of_nights

    @property
    def _ahead_of_nights(self) -> timedelta:
        """How much earlier than `lead` a reminder may have to leave because of the night."""
        if self.quiet_hours is None or self.lead > self.quiet_hours.length + self.terms.longest_notice:
            return timedelta(0)
        return self.quiet_hours.length + BEFORE_NIGHT

    def _timing(self, participation: Participation, now: datetime) -> _Timing:
        terms, recall = self.terms.of(participation), self.herald.recall_of(participation)
        if participation.cancellation_requested_at is not None:
            return _Timing.NOT_YET  # its source has to answer first
        if recall is None or not self._is_of_use(participation, terms, now):
            return _Timing.NEVER
        if recall is Recall.REMINDER and not self._is_new_to_nobody(participation):
            return _Timing.NEVER
        return _Timing.NOW if self._is_time(participation, terms, now) else _Timing.NOT_YET

    def _is_of_use(self, participation: Participation, terms: Terms, now: datetime) -> bool:
        """A reminder is no longer of use once it is too late to cancel."""
        return is_in_time(participation.appointment.starts_at, terms.notice, now)

    def _is_new_to_nobody(self, participation: Participation) -> bool:
        """Whether the appointment was made before its reminder is due. If not, people do not need a reminder."""
        appointment = participation.appointment
        return appointment.created_at is None or appointment.created_at <= appointment.starts_at - self.lead

    def _is_time(self, participation: Participation, terms: Terms, now: datetime) -> bool:
        due_at = participation.appointment.starts_at - self.lead
        night = self._night(terms, due_at)
        if night is not None and not self._can_wait(participation, terms, night):
            due_at = night[0] - BEFORE_NIGHT
        return now >= due_at and self._morning(participation, terms, now) is None

    def _morning(self, participation: Participation, terms: Terms, now: datetime) -> datetime | None:
        """The end of the night until which a reminder must wait that would leave `now`; None where it need not wait."""
        night = self._night(terms, now)
        return night[1] if night is not None and self._can_wait(participation, terms, night) else None

    def _night(self, terms: Terms, moment: datetime) -> tuple[datetime, datetime] | None:
        return self.quiet_hours.around(moment, terms.time_zone) if self.quiet_hours is not None else None

    def _can_wait(self, participation: Participation, terms: Terms, night: tuple[datetime, datetime]) -> bool:
        return self._is_of_use(participation, terms, night[1])

    def _still_holds(self, participation: Participation, message: ClaimedMessage, now: datetime) -> bool:
        """Whether the reminder is still right. A moved appointment gets a new one, so the older one must not leave."""
        recalled_at = participation.reminded_at
        is_newest = recalled_at is not None and recalled_at <= message.created_at
        return (
            participation.is_active and is_newest and self._is_of_use(participation, self.terms.of(participation), now)
        )


class _Timing(Enum):
    NOW = auto()
    NOT_YET = auto()
    NEVER = auto()


def _told_by(message: ClaimedMessage, there: Mapping[int, Participation]) -> list[Participation]:
    """The participations that this message is for: its own, and others in the appointment with the same recipient."""
    own = there.get(message.participation_id or 0)
    if own is None:
        return []
    beside = [one for one in there.values() if one.id != own.id and one.appointment.id == own.appointment.id]
    return [own, *(one for one in beside if one.is_told_at(message.channel, message.recipient))]


def _appointment_id(participation: Participation) -> int:
    return participation.appointment.id


def reminding(database: Database, reminders: Reminders, clock: Callable[[], datetime]) -> PeriodicWork:
    """The work of writing the reminders that are due, once a minute."""
    return PeriodicWork("reminders", partial(_remind_all, database, reminders, clock), EVERY)


async def _remind_all(database: Database, reminders: Reminders, clock: Callable[[], datetime]) -> None:
    """Write the reminders that are due. The search reads many rows, so it runs on a snapshot, where it blocks nobody.

    If a reminder cannot be written, the others are written all the same, and then its error is raised.
    """
    failure: Exception | None = None
    page = await database.read(partial(reminders.due, now=clock()))
    while True:
        if page.participation_ids:
            failure = await _remind_these(database, reminders, page.participation_ids, clock) or failure
        if page.last is None:
            break
        page = await database.read(partial(reminders.due, now=clock(), after=page.last))
    if failure is not None:
        raise failure


async def _remind_these(
    database: Database, reminders: Reminders, ids: Sequence[int], clock: Callable[[], datetime]
) -> Exception | None:
    """Write the reminders of these participations together; if that fails, each alone. Returns one of the errors."""
    try:
        await database.write(partial(reminders.remind, participation_ids=ids, now=clock()))
    except Exception as error:
        if is_about_the_database(error):
            raise
        if len(ids) == 1:
            return error
        alone = [await _remind_these(database, reminders, [one], clock) for one in ids]
        return next((failure for failure in alone if failure is not None), None)
    return None


@dataclass(frozen=True, slots=True)
class LastLook:
    """Checks notifications and reminders that delivery is about to send."""

    reminders: Reminders

    def review(self, connection: Connection, messages: Sequence[ClaimedMessage], now: datetime) -> list[Refused | Held]:
        """Say which of `messages` must not leave at all, and which must wait."""
        stopped = _stopped(connection, messages)
        refused = [Refused(one.id, one.attempt, OPTED_OUT, "Its recipient has written STOP.") for one in stopped]
        others = [one for one in messages if one.kind == "reminder" and one not in stopped]
        return [*refused, *(self.reminders.review(connection, others, now) if others else ())]


def _stopped(connection: Connection, messages: Sequence[ClaimedMessage]) -> list[ClaimedMessage]:
    """The SMS to numbers that have sent STOP. STOP also counts for messages that were written before it."""
    numbers = {one.recipient for one in messages if one.channel == "sms"}
    opted_out = opted_out_among(connection, numbers)
    return [one for one in messages if one.channel == "sms" and one.recipient in opted_out]
