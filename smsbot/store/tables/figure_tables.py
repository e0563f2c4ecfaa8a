"""What is counted by day and by month, and when background work last succeeded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, false

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata

closed_months = Table(
    "closed_months",
    metadata,
    # The months, such as 2026-05, whose figures are kept for ever in `monthly_figures` and `monthly_places`. The rows
    # of these months are not counted again.
    Column("month", Text, primary_key=True),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("is_thinned", Boolean, nullable=False, server_default=false()),  # rows of the month were deleted since
)

open_months = Table(
    "open_months",
    metadata,
    # The other months with figures. Their figures are kept only until they are counted again.
    Column("month", Text, primary_key=True),
    Column("counted_at", UtcDateTime, nullable=False),
)

MONTHLY_COUNTS = (
    "cancelled_by_sms",
    "cancelled_by_link",
    "cancelled_by_api",
    "cancelled_by_shell",
    "cancelled_by_console",
    "cancelled_by_webhook",
    "cancelled_begun",
    "cancelled_under_4_hours",
    "cancelled_4_to_24_hours",
    "cancelled_24_to_48_hours",
    "cancelled_2_to_7_days",
    "cancelled_7_days_or_more",
    "places_freed_early",
    "messages_understood",
    "messages_not_understood",
    "messages_not_read",
    "stops",
    "sms_sent",
    "sms_segments",
    "sms_failed",
    "sms_tried",
    "emails_sent",
    "emails_failed",
    "emails_tried",
    "reminders_sent",
    "answered_under_1_hour",
    "answered_1_to_4_hours",
    "answered_4_to_24_hours",
    "answered_24_hours_or_more",
)
"""What is counted for an organisation in a month: the columns of `monthly_figures`."""

APPOINTMENT_COUNTS = (
    "appointments",
    "appointments_cancelled",
    "appointments_freed_early",
    "appointments_announced",
    "appointments_seen",
    "appointments_missed",
)
"""What is counted for the appointments that begin in a month."""

PLACE_COUNTS = (*APPOINTMENT_COUNTS, "segments_at_place")
"""What is counted for a place of an organisation in a month: the columns of `monthly_places`."""


def _counts(names: Iterable[str]) -> Iterator[Column[int]]:
    """Columns and not JSON, so that the database can add them up over hundreds of organisations."""
    for name in names:
        yield Column(name, Integer, nullable=False)


monthly_figures = Table(
    "monthly_figures",
    metadata,
    id_column(),
    Column("month", Text, nullable=False),
    Column("organisation_id", RowId, ForeignKey("organisations.id")),  # NULL: what belongs to no organisation
    *_counts(MONTHLY_COUNTS),
    Index(None, "month", "organisation_id"),
)

monthly_places = Table(
    "monthly_places",
    metadata,
    id_column(),
    Column("month", Text, nullable=False),
    Column("organisation_id", RowId, ForeignKey("organisations.id")),
    Column("place", Text, nullable=False),  # see `appointments.appointment.place_key`
    *_counts(PLACE_COUNTS),
    Index(None, "month", "organisation_id"),
)

daily_counts = Table(
    "daily_counts",
    metadata,
    # What happened on a day (of Paris, such as 2026-05-31), by labels; see `smsbot.store.daily_counts`.
    Column("day", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("labels", Text, primary_key=True),  # words separated by spaces
    Column("slot", SmallInteger, primary_key=True, autoincrement=False),  # the number is the sum over all slots
    Column("number", BigInteger, nullable=False),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    # When each piece of background work last succeeded, in any process.
    Column("name", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)
