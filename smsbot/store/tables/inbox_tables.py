"""Notes, ready answers and alerts of the agents' inbox."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata

inbox_notes = Table(
    "inbox_notes",
    metadata,
    # Notes of agents for their colleagues about a thread. They are never sent, and are erased with the message.
    id_column(),
    Column("message_id", RowId, ForeignKey("incoming_messages.id"), nullable=False),  # the newest message at that time
    Column("agent_id", RowId, ForeignKey("agents.id"), nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "message_id"),
)

ready_answers = Table(
    "ready_answers",
    metadata,
    # Texts that the agents of an organisation can use as answers.
    id_column(),
    Column("organisation_id", RowId, ForeignKey("organisations.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("version", Integer, nullable=False),  # how often it was changed
    UniqueConstraint("organisation_id", "title"),
)

inbox_alerts = Table(
    "inbox_alerts",
    metadata,
    # Where an organisation gets an e-mail if messages are waiting.
    Column("organisation_id", RowId, ForeignKey("organisations.id"), primary_key=True),
    Column("email", Text, nullable=False),
)
