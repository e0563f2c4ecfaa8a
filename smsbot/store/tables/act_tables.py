"""What people and agents do to appointments: requests to their source, batches, and the audit."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, text

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, of_its_appointment, partial_index

cancellation_requests = Table(
    "cancellation_requests",
    metadata,
    # Requests to a connected source to cancel one of its appointments, or to take back a cancellation by an usager.
    id_column(),
    Column("appointment_id", RowId, ForeignKey("appointments.id"), nullable=False),
    Column("participation_id", RowId),  # NULL: an agent cancels the whole appointment
    Column("status", Text, nullable=False),  # requested: 'excused' or 'revoked'; 'unknown' takes a cancellation back
    Column("by", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("agent", Text),
    Column("word", Text),  # what the agent adds to the message to the usagers
    Column("in_reply_to", RowId, ForeignKey("incoming_messages.id")),  # the yes, if it came by SMS
    Column("requested_at", UtcDateTime, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),  # the appointment's start, as known at the request
    # 'waiting' -> 'done' | 'refused' | 'overtaken' (somebody changed it at the source meanwhile)
    # | 'given_up' (the appointment has begun) | 'withdrawn' (the request was taken back before it was carried out)
    Column("state", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),  # time of the next attempt
    Column("leased_until", UtcDateTime),  # during an attempt: after this time the process that makes it counts as dead
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("registered_at", UtcDateTime),  # when the usager was told that the request is registered
    Column("finished_at", UtcDateTime),
    Column("problem", Text),  # why the last attempt failed, in one sentence without personal data
    of_its_appointment(),
    Index(None, "appointment_id"),
    partial_index("ix_cancellation_requests_in_reply_to", "in_reply_to", where="in_reply_to IS NOT NULL"),
    partial_index("ix_cancellation_requests_waiting", "due_at", "id", where="state = 'waiting'"),
    partial_index("ix_cancellation_requests_refused", "finished_at", where="state = 'refused'"),
)

batches = Table(
    "batches",
    metadata,
    # One act of an agent on many appointments at once.
    id_column(),
    Column("act", Text, nullable=False),  # 'cancel' or 'write'
    Column("way", Text, nullable=False),
    Column("agent_id", RowId, ForeignKey("agents.id")),  # NULL: the operator of the service
    Column("status", Text),  # the status that a cancellation gives: 'revoked' or 'excused'
    Column("word", Text),  # the text for the usagers
    Column("created_at", UtcDateTime, nullable=False),
    Column("begins_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),  # 'running' -> 'done' | 'stopped'
    Column("finished_at", UtcDateTime),
    partial_index("ix_batches_running", "id", where="state = 'running'"),
    # For the purge.
    partial_index("ix_batches_worded", "created_at", where="word IS NOT NULL"),
)

batch_appointments = Table(
    "batch_appointments",
    metadata,
    # The appointments of a batch, with the result for each.
    Column("batch_id", RowId, ForeignKey("batches.id"), primary_key=True),
    Column("appointment_id", RowId, ForeignKey("appointments.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("outcome", Text),  # NULL: not done yet
    Column("done_at", UtcDateTime),
    partial_index("ix_batch_appointments_waiting", "batch_id", "position", where="outcome IS NULL"),
)

audit = Table(
    "audit",
    metadata,
    id_column(),
    Column("at", UtcDateTime, nullable=False),
    Column("act", Text, nullable=False),  # 'cancelled', 'locked', 'unlocked', 'opted_out', …
    Column("by", Text, nullable=False),  # 'usager', 'agent', 'source', 'system'
    Column("way", Text, nullable=False),  # 'sms', 'link', 'api', 'shell', 'console', 'webhook'
    Column("agent", Text),
    Column("administrator_id", RowId, ForeignKey("agents.id")),  # who changed the account of `agent` in the console
    Column("detail", Text),  # the role and the organisations (by ids) that an account was given or lost
    Column("appointment_id", RowId, ForeignKey("appointments.id")),
    Column("participation_id", RowId),
    of_its_appointment(),
    Index(None, "appointment_id"),
    # For the purge: rows that name an agent.
    partial_index("ix_audit_named", "at", where="agent IS NOT NULL"),
)
