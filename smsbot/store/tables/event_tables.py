"""What other systems are told, and which systems are told."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, SmallInteger, Table, Text

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, partial_index

events = Table(
    "events",
    metadata,
    # What happened, by ids alone (`smsbot.events`). Names are read when the event is sent, so that nothing of an erased
    # person stays here. There are no foreign keys, because the rows it refers to may be deleted before it.
    id_column(),
    Column("position", BigInteger),  # the order in which events are sent; NULL until that is decided
    Column("at", UtcDateTime, nullable=False),
    Column("type", Text, nullable=False),
    Column("organisation_id", RowId, ForeignKey("organisations.id"), nullable=False),  # at the time of the event
    Column("appointment_id", RowId),
    Column("participation_id", RowId),
    Column("incoming_message_id", RowId),
    Column("outgoing_message_id", RowId),
    Column("by", Text),
    Column("way", Text),
    Column("status", Text),  # the participation's status at that time
    Index(None, "position", unique=True),
    Index(None, "organisation_id", "position"),
    Index(None, "at"),
    partial_index("ix_events_new", "id", where="position IS NULL"),
)

event_order = Table(
    "event_order",
    metadata,
    # One row: the last position that was given to an event. No position is given twice.
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

event_subscriptions = Table(
    "event_subscriptions",
    metadata,
    # Addresses of other systems that receive events.
    id_column(),
    Column("agent_id", RowId, ForeignKey("agents.id"), nullable=False),  # whose organisations' events it gets
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),  # sealed with a key derived from SMSBOT_SECRET_KEY
    Column("old_secret", Text),  # signs too, until `old_secret_until`
    Column("old_secret_until", UtcDateTime),
    Column("types", JSON, nullable=False),  # a list; empty: all types
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # when its receiver answered that it wants no more events (410)
    Index(None, "agent_id"),
)
