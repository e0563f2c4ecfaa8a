"""The figures of one organisation in one month: as values for the console's pages, and as CSV (RFC 4180).

Months begin and end in an organisation's own time zone. In CSV there is a line of headings, then one line for each
organisation and month.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Self
from zoneinfo import ZoneInfo

from smsbot.model import DEFAULT_TIME_ZONE, Via
from smsbot.spreadsheets import to_csv_text, to_french_csv_text
from smsbot.store.tables import APPOINTMENT_COUNTS, PLACE_COUNTS

PARIS = ZoneInfo(DEFAULT_TIME_ZONE)
"""In whose time months begin, unless an organisation has a time zone of its own."""

_FORM = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")

EARLY_ENOUGH = timedelta(hours=24)
"""A place that an usager gives up at least this long before can be given to somebody else."""

_HOUR = 3600


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month. `str` and `parse` use ISO 8601's YYYY-MM."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The month in a text such as 2026-05. Raises ValueError."""
        found = _FORM.fullmatch(text)
        if found is None or not 1970 <= int(found[1]) <= 9000:
            raise ValueError(f"{text!r} is not a month written as 2026-05")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo = PARIS) -> Self:
        """The month of this instant in this time zone."""
        local = at.astimezone(zone)
        return cls(local.year, local.month)

    def bounds(self, zone: ZoneInfo = PARIS) -> tuple[datetime, datetime]:
        """The first instant of this month and of the next one in this zone, both in UTC."""
        return self._begins(zone), self.plus(1)._begins(zone)

    def plus(self, months: int) -> Month:
        """The month `months` later, or earlier for a negative number."""
        year, index = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, index + 1)

    def and_before(self, months: int) -> tuple[Month, ...]:
        """The last `months` months up to and with this one, oldest first."""
        return tuple(self.plus(back) for back in range(1 - months, 1))

    def _begins(self, zone: ZoneInfo) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=zone).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


class Lead(StrEnum):
    """How long before its start an appointment was cancelled. The lower bound is included, the upper is not."""

    BEGUN = "begun"  # after the start, or exactly at it
    UNDER_4_HOURS = "under_4_hours"
    UNDER_24_HOURS = "4_to_24_hours"
    UNDER_48_HOURS = "24_to_48_hours"
    UNDER_7_DAYS = "2_to_7_days"
    FROM_7_DAYS = "7_days_or_more"


LEADS_FROM: tuple[tuple[int, Lead], ...] = (
    (168 * _HOUR, Lead.FROM_7_DAYS),
    (48 * _HOUR, Lead.UNDER_7_DAYS),
    (24 * _HOUR, Lead.UNDER_48_HOURS),
    (4 * _HOUR, Lead.UNDER_24_HOURS),
    (1, Lead.UNDER_4_HOURS),
)
"""The least seconds of each lead, the longest first. Less than the last means that the appointment had begun."""


@dataclass(frozen=True, slots=True)
class CountedOrganisation:
    """The organisation that figures belong to. `id` is ours."""

    id: int
    source: str
    external_id: str
    name: str | None


class AnsweredWithin(StrEnum):
    """How long somebody's message waited until an agent had answered it or marked it as handled."""

    HOUR = "under_1_hour"
    HALF_DAY = "1_to_4_hours"
    DAY = "4_to_24_hours"
    LATER = "24_hours_or_more"


ANSWERED_FROM: tuple[tuple[int, AnsweredWithin], ...] = (
    (24 * _HOUR, AnsweredWithin.LATER),
    (4 * _HOUR, AnsweredWithin.DAY),
    (_HOUR, AnsweredWithin.HALF_DAY),
)
"""The least seconds of each, the longest first. Less than the last is HOUR."""


@dataclass(frozen=True, slots=True)
class PlaceFigures:
    """The outcomes of the appointments at one place that began in a month, counted in places, as cancellations are.

    `place` is a key from `appointments.appointment.place_key`. Of `appointments`, `appointments_cancelled` were
    cancelled by anybody, and `appointments_freed_early` by their usager at least `EARLY_ENOUGH` before.
    `appointments_announced` are those of people who said that they come. `appointments_seen` and `appointments_missed`
    are those where the source says that people came, or did not come; about the others it says nothing.

    `segments_at_place` are the segments of the SMS that were written in the month about appointments there, whenever
    these begin. They are the place's share of `Figures.segments`.
    """

    place: str
    appointments: int
    appointments_cancelled: int
    appointments_freed_early: int
    appointments_announced: int
    appointments_seen: int
    appointments_missed: int
    segments_at_place: int

    def cost(self, segment_price: Decimal | None) -> Decimal | None:
        """Like `Figures.cost`, for this place."""
        return cost_of(self.segments_at_place, segment_price)


@dataclass(frozen=True, slots=True)
class Figures:
    """One organisation in one month of its time zone. `organisation` is None for what belongs to none.

    Cancellations are counted in places. An individual appointment is one place, however many people take part; a
    collective one has a place for each. Cancellations and messages count in the month in which they were made or
    written.
    """

    organisation: CountedOrganisation | None
    month: Month

    cancellations_by_way: dict[Via, int]
    cancellations_by_lead: dict[Lead, int]
    freed_early: int
    """Places given up by usagers at least `EARLY_ENOUGH` before. Cancellations by the service do not count."""

    understood: int
    not_understood: int
    not_read: int
    """These three count received messages; see `comprehension`."""

    stops: int
    """How often STOP ended the SMS to somebody."""

    sms_sent: int
    segments: int
    sms_failed: int
    emails_sent: int
    emails_failed: int
    """Failed messages were refused, given up or dropped before sending, or reported as not delivered afterwards.

    A message that the gateway accepted counts as sent, and its segments as paid, even if it was not delivered.
    """

    sms_tried: int = 0
    emails_tried: int = 0
    """All messages that were sent or failed. The failures are part of these."""

    reminders_sent: int = 0
    """Reminders among the sent SMS and e-mails."""

    answered: dict[AnsweredWithin, int] = field(default_factory=lambda: dict.fromkeys(AnsweredWithin, 0))
    """Messages received in this month that agents have answered or handled, by how long that took."""

    places: tuple[PlaceFigures, ...] = ()
    """The places, sorted by key."""

    @property
    def cancellations(self) -> int:
        return sum(self.cancellations_by_way.values())

    def of_places(self, name: str) -> int:
        """The sum over all places of `name`, a field of PlaceFigures."""
        return sum(getattr(each, name) for each in self.places)

    def cost(self, segment_price: Decimal | None) -> Decimal | None:
        """The estimated cost of the SMS in euros, rounded to the cent, at this price per segment; None without a
        price.
        """
        return cost_of(self.segments, segment_price)


def cost_of(segments: int, segment_price: Decimal | None) -> Decimal | None:
    """The cost of these segments in euros, rounded to the cent; None without a price."""
    return None if segment_price is None else (segments * segment_price).quantize(Decimal("0.01"))


HEADING = (
    "month",
    "source",
    "organisation_id",
    "organisation_name",
    "cancellations",
    *(f"cancelled_by_{way.value}" for way in Via),
    *(f"cancelled_{lead.value}" for lead in Lead),
    "places_freed_early",
    "messages_understood",
    "messages_not_understood",
    "messages_not_read",
    "stops",
    "sms_sent",
    "sms_segments",
    "sms_failed",
    "emails_sent",
    "emails_failed",
    "sms_tried",
    "emails_tried",
    "reminders_sent",
    *(f"answered_{within.value}" for within in AnsweredWithin),
    *APPOINTMENT_COUNTS,
    "estimated_cost_euros",
)

PLACE_HEADING = (
    "month",
    "source",
    "organisation_id",
    "organisation_name",
    "place",
    *PLACE_COUNTS,
    "estimated_cost_euros",
)


def to_csv(figures: Iterable[Figures], segment_price: Decimal | None = None) -> str:
    """The figures as the text of a CSV file for programs."""
    return to_csv_text(HEADING, _lines(figures, segment_price))


def to_french_csv(figures: Iterable[Figures], segment_price: Decimal | None, headings: Mapping[str, str]) -> str:
    """The same for spreadsheets in French, with the `headings` of the columns in `HEADING`.

    Raises KeyError for a column without a heading.
    """
    return to_french_csv_text([headings[name] for name in HEADING], _lines(figures, segment_price))


def to_french_csv_by_place(
    figures: Iterable[Figures],
    segment_price: Decimal | None,
    headings: Mapping[str, str],
    place_words: Mapping[str, str],
) -> str:
    """A line for each place, for spreadsheets in French. `place_words` are the words for places outside an office."""

    def lines() -> Iterator[list[object]]:
        for each in figures:
            whole = columns_of(each)
            for place in each.places:
                own = {name: getattr(place, name) for name in PLACE_COUNTS}
                cost = place.cost(segment_price)
                named = {"place": place_words.get(place.place, place.place)}
                values = {**whole, **own, **named, "estimated_cost_euros": "" if cost is None else cost}
                yield [values[name] for name in PLACE_HEADING]

    return to_french_csv_text([headings[name] for name in PLACE_HEADING], lines())


def _lines(figures: Iterable[Figures], segment_price: Decimal | None) -> Iterator[list[object]]:
    for each in figures:
        values = columns_of(each, segment_price)
        yield [values[name] for name in HEADING]


def columns_of(each: Figures, segment_price: Decimal | None = None) -> Mapping[str, object]:
    """The values of one line by the names of `HEADING`. Organisation and cost are empty where there are none."""
    organisation, cost = each.organisation, each.cost(segment_price)
    return {
        "month": each.month,
        "source": organisation.source if organisation else "",
        "organisation_id": organisation.external_id if organisation else "",
        "organisation_name": (organisation.name or "") if organisation else "",
        "cancellations": each.cancellations,
        **{f"cancelled_by_{way.value}": number for way, number in each.cancellations_by_way.items()},
        **{f"cancelled_{lead.value}": number for lead, number in each.cancellations_by_lead.items()},
        "places_freed_early": each.freed_early,
        "messages_understood": each.understood,
        "messages_not_understood": each.not_understood,
        "messages_not_read": each.not_read,
        "stops": each.stops,
        "sms_sent": each.sms_sent,
        "sms_segments": each.segments,
        "sms_failed": each.sms_failed,
        "emails_sent": each.emails_sent,
        "emails_failed": each.emails_failed,
        "sms_tried": each.sms_tried,
        "emails_tried": each.emails_tried,
        "reminders_sent": each.reminders_sent,
        **{f"answered_{within.value}": number for within, number in each.answered.items()},
        **{name: each.of_places(name) for name in APPOINTMENT_COUNTS},
        "estimated_cost_euros": "" if cost is None else cost,
    }
