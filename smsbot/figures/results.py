"""What is counted: the figures of one organisation in one month, for the console's pages and for CSV alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from smsbot.figures.months import Month
from smsbot.model import Via

EARLY_ENOUGH = timedelta(hours=24)
"""A place that an usager gives up this long before, or longer, can be given to somebody else."""

_HOUR = 3600


class Lead(StrEnum):
    """How long before its start an appointment was cancelled. The lower bound belongs to it, the upper does not."""

    BEGUN = "begun"  # or at the very moment
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
"""The least seconds of each, longest first; whatever is less has begun."""


@dataclass(frozen=True, slots=True)
class CountedOrganisation:
    """Whose figures they are; `id` is ours."""

    id: int
    source: str
    external_id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One organisation in one month of its time zone; `organisation` is None for what belongs to none.

    Cancellations are counted in places: an individual appointment is one, however many take part, a collective one has
    a place for each. They count in the month in which they were made, like messages in the month they were written in.
    """

    organisation: CountedOrganisation | None
    month: Month

    cancellations_by_way: dict[Via, int]
    cancellations_by_lead: dict[Lead, int]
    freed_early: int
    """Places given up by usagers at least `EARLY_ENOUGH` before; what the service revokes frees nothing."""

    understood: int
    not_understood: int
    not_read: int
    """Messages received; see `comprehension`."""

    stops: int
    """How often STOP ended the SMS to somebody."""

    sms_sent: int
    segments: int
    sms_failed: int
    emails_sent: int
    emails_failed: int
    """Failed: refused, given up or dropped before it was sent, or reported as not delivered afterwards. A message that
    was taken by the gateway counts as sent and has its segments paid for, even if it was not delivered."""

    @property
    def cancellations(self) -> int:
        return sum(self.cancellations_by_way.values())

    def cost(self, segment_price: Decimal | None) -> Decimal | None:
        """The estimated cost of the SMS in euros, to the cent, at this price per segment; None without a price."""
        return None if segment_price is None else (self.segments * segment_price).quantize(Decimal("0.01"))
