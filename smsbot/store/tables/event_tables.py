"""What other systems are told of, and who is told."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, SmallInteger, Table, Text

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, partial_index

events = Table(
    "events",
    metadata,
    # What other systems are told of (`smsbot.events`): what happened to whom, by ids alone. Who it was is read when it
    # is told, so that nobody stands here who was erased. What it points at may be deleted before it: no foreign keys.
    id_column(),
    Column("position", BigInteger),  # in the order in which events are told; NULL until that is decided
    Column("at", UtcDateTime, nullable=False),
    Column("type", Text, nullable=False),
    Column("organisation_id", RowId, ForeignKey("organisations.id"), nullable=False),  # when it happened
    Column("appointment_id", RowId),
    Column("participation_id", RowId),
    Column("incoming_message_id", RowId),
    Column("outgoing_message_id", RowId),
    Column("by", Text),
    Column("way", Text),
    Column("status", Text),  # of the participation, as it was then
    Index(None, "position", unique=True),
    Index(None, "organisation_id", "position"),
    Index(None, "at"),
    partial_index("ix_events_new", "id", where="position IS NULL"),
)

event_order = Table(
    "event_order",
    metadata,
    # One row: the last position that an event has got. Positions are never given twice.
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

event_subscriptions = Table(
    "event_subscriptions",
    metadata,
    # Addresses of other systems that are told of events.
    id_column(),
    Column("agent_id", RowId, ForeignKey("agents.id"), nullable=False),  # whose organisations' events
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),  # sealed with a key derived from SMSBOT_SECRET_KEY
    Column("old_secret", Text),  # it signs too, until `old_secret_until`
    Column("old_secret_until", UtcDateTime),
    Column("types", JSON, nullable=False),  # a list; empty: all types
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # since when its receiver wants no more (410)
    Index(None, "agent_id"),
)
