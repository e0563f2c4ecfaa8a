"""What the conversation is told about the world, as frozen values.

All datetimes are aware and in UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from smsbot.made_often import made_often
from smsbot.model import DEFAULT_TIME_ZONE
from smsbot.rules.deadline import Refusal, refusal
from smsbot.rules.letters import Names
from smsbot.rules.lock import is_locked
from smsbot.understanding import Asked, Keyword


@made_often
@dataclass(frozen=True, slots=True)
class Coming:
    """What the conversation knows of one participation of the phone that writes.

    It is still to come and not cancelled, except in `Facts.cancelled`. It has some fields of what is stored
    (`smsbot.appointments.appointment.Participation`), and the terms that hold for it. `cancelled_at` is when it was
    cancelled, or when its source was asked to cancel it.

    `appointment_id` is that of an individual appointment, which ends for all its participants at once; None where the
    participation ends alone. `asks_its_source` says that its source has to be asked to cancel it, and answers later.
    `is_requested` says that the source was asked and has not answered yet. `is_taking_back_requested` says that the
    source was asked to take the cancellation back; if it has not cancelled yet, `is_requested` is true as well.
    `time_zone` (IANA) and `place` are those that the usager is told.
    """

    id: int
    starts_at: datetime
    names: Names
    notice: timedelta = timedelta(hours=4)
    may_be_cancelled: bool = True
    wrong_answers: int = 0
    wrong_answer_at: datetime | None = None
    locked_until: datetime | None = None
    first_name: str | None = None
    time_zone: str = DEFAULT_TIME_ZONE
    place: str | None = None
    appointment_id: int | None = None
    asks_its_source: bool = False
    is_requested: bool = False
    is_taking_back_requested: bool = False
    cancelled_at: datetime | None = None
    reminded_at: datetime | None = None  # when a reminder by SMS told this telephone of it, as it is now

    def refusal(self, now: datetime) -> Refusal | None:
        """Why its usager may not cancel it now; None where they may."""
        return refusal(self.starts_at, self.notice, now, may_be_cancelled=self.may_be_cancelled)

    @property
    def starts_as_told(self) -> datetime:
        """The day, hour and minute that the usager is told. They are without a time zone, so two appointments may have
        the same ones at different moments.
        """
        return self.starts_at.astimezone(ZoneInfo(self.time_zone)).replace(second=0, microsecond=0, tzinfo=None)

    @property
    def ends_as(self) -> tuple[str, int]:
        """A key: participations with the same key can only be cancelled together."""
        return ("participation", self.id) if self.appointment_id is None else ("appointment", self.appointment_id)


def one_of_each(ones: Iterable[Coming]) -> tuple[Coming, ...]:
    """The first of those that can only be cancelled together: parent and child in one appointment are one choice."""
    kept: dict[tuple[str, int], Coming] = {}
    for one in ones:
        kept.setdefault(one.ends_as, one)
    return tuple(kept.values())


@made_often
@dataclass(frozen=True, slots=True)
class Facts:
    """What holds at the moment of one message.

    `coming` are the participations to come, soonest first. `cancelled` are those that their usager has cancelled lately
    and nobody has changed since, so that the cancellation can be taken back; the latest one is first. Those whose
    cancellation their usager has requested are in both. `is_former` says that the number has nothing to come, but we
    still know of an appointment, past or cancelled. So agents may have to read its messages. `written_long_ago` says
    that the message reached us late: a yes in it may answer another question, or may no longer be meant.
    """

    coming: tuple[Coming, ...] = ()
    cancelled: tuple[Coming, ...] = ()
    take_back_within: timedelta = timedelta(minutes=15)  # how long after the cancellation it can be taken back
    is_former: bool = False
    opted_out: bool = False
    gateway_keyword: Keyword | None = None  # a STOP, START or HELP that the gateway itself has answered
    written_long_ago: bool = False
    stranger_silence: str | None = None  # why a number without an appointment gets no text even the first time
    unanswerable: str | None = None  # why a number gets no SMS from us at all, whatever it writes
    sent_lately: tuple[str, ...] = ()  # what we sent to this number in the last days: a telephone may send it back
    just_reminded: bool = False  # a reminder is the last SMS that it got: a bare yes answers that
    answers_a_day: int = 60  # how many replies a number gets within 24 hours

    def unlocked(self, now: datetime) -> tuple[Coming, ...]:
        """Those of `coming` that no wrong answers have locked."""
        return tuple(one for one in self.coming if not is_locked(one, now))

    def needing_first_names(self) -> frozenset[int]:
        """The ids of participations that day and hour do not tell apart: another person has one at the same moment."""
        if len(self.coming) < 2:
            return frozenset()
        at: defaultdict[datetime, list[Coming]] = defaultdict(list)
        for one in self.coming:
            at[one.starts_as_told].append(one)
        return frozenset(
            one.id
            for together in at.values()
            for one in together
            if one.first_name is not None
            and any(other.first_name != one.first_name and other.ends_as != one.ends_as for other in together)
        )

    def asked(self, one: Coming, now: datetime) -> Asked:
        """What a message may name `one` by: day and hour in its own time zone, its place, and first names.

        The first names are those of all people whose participation ends with it. The day of writing, which "demain"
        needs, is None where the message was written long ago.
        """
        zone = ZoneInfo(one.time_zone)
        return Asked(
            one.starts_at.astimezone(zone),
            None if self.written_long_ago else now.astimezone(zone).date(),
            one.place,
            tuple(other.first_name for other in self.coming if other.ends_as == one.ends_as and other.first_name),
        )
