"""The figures of one organisation in one month, as the console's pages and the CSV files use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from smsbot.figures.months import Month
from smsbot.model import Via

EARLY_ENOUGH = timedelta(hours=24)
"""A place that an usager gives up at least so long before can be given to somebody else."""

_HOUR = 3600


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
"""The least seconds of each lead, the longest first. Less than the last means that it had begun."""


@dataclass(frozen=True, slots=True)
class CountedOrganisation:
    """The organisation that figures belong to. `id` is ours."""

    id: int
    source: str
    external_id: str
    name: str | None


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
    """Places given up by usagers at least `EARLY_ENOUGH` before. What the service cancels frees nothing."""

    understood: int
    not_understood: int
    not_read: int
    """These three count messages received; see `comprehension`."""

    stops: int
    """How often STOP ended the SMS to somebody."""

    sms_sent: int
    segments: int
    sms_failed: int
    emails_sent: int
    emails_failed: int
    """Failed messages were refused, given up or dropped before sending, or reported as not delivered afterwards.

    A message that the gateway took counts as sent, and its segments as paid for, even if it was not delivered.
    """

    @property
    def cancellations(self) -> int:
        return sum(self.cancellations_by_way.values())

    def cost(self, segment_price: Decimal | None) -> Decimal | None:
        """The estimated cost of the SMS in euros, rounded to the cent, at this price per segment; None without a
        price.
        """
        return None if segment_price is None else (self.segments * segment_price).quantize(Decimal("0.01"))
