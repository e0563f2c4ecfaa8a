"""The outbox: messages that wait, are being sent, or have been sent; and events, which other systems are told."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, SmallInteger, Table, Text, text

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, of_its_appointment, partial_index

_FAILED = "state IN ('refused', 'resting') OR delivery_status IN ('undelivered', 'failed', 'canceled')"

outgoing_messages = Table(
    "outgoing_messages",
    metadata,
    id_column(),
    Column("channel", Text, nullable=False),  # 'sms', 'email' or 'webhook'
    Column("kind", Text, nullable=False),  # 'reply', 'receipt', 'notification', 'reminder', 'agents', 'event'
    Column("recipient", Text, nullable=False),  # E.164 number; e-mail address; for events the subscription and its key
    Column("sender", Text, nullable=False),
    Column("gateway", Text),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("calendar", Text),
    Column("calendar_method", Text),  # the METHOD of the calendar part: 'PUBLISH' or 'CANCEL'
    Column("reply_to", Text),  # where answers to the e-mail go
    Column("segments", SmallInteger),
    Column("appointment_id", RowId, ForeignKey("appointments.id")),
    Column("participation_id", RowId),
    Column("in_reply_to", RowId, ForeignKey("incoming_messages.id")),
    Column("agent_id", RowId, ForeignKey("agents.id")),  # the agent who wrote it or sent it again
    Column("created_at", UtcDateTime, nullable=False),
    # delivery: 'waiting' -> 'sending' -> 'sent' | 'refused' | 'resting'
    Column("state", Text, nullable=False),
    Column("lane", SmallInteger, nullable=False, server_default=text("0")),  # 0: conversations, 1: mass messages
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("attempted_at", UtcDateTime),  # when the newest attempt began, or when it ended if it failed
    Column("repeats", SmallInteger, nullable=False, server_default=text("0")),  # attempts after a doubtful one
    Column("due_at", UtcDateTime, nullable=False),  # waiting: time of the next attempt; sending: end of the lease
    Column("gateway_message_id", Text),
    Column("delivery_status", Text),  # from callbacks: 'queued' … 'delivered', 'failed'
    Column("error_code", Text),
    Column("error", Text),
    Column("sent_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    of_its_appointment(),
    Index(None, "recipient", "id"),
    Index(None, "appointment_id"),
    Index(None, "gateway_message_id"),
    Index(None, "created_at"),
    # For the purge: messages that are not erased yet.
    partial_index("ix_outgoing_messages_unerased", "created_at", where="recipient <> ''"),
    partial_index("ix_outgoing_messages_addresses", text("lower(recipient)"), where="channel = 'email'"),
    # Messages that have not arrived, by their appointment.
    partial_index("ix_outgoing_messages_failed", "appointment_id", where=_FAILED),
    # To find the senders from which gateways accept nothing.
    partial_index("ix_outgoing_messages_given_up", "created_at", where="state IN ('refused', 'resting')"),
    partial_index("ix_outgoing_messages_resting", "channel", "kind", where="state = 'resting'"),
    # Agents' answers, by the message to which they reply.
    partial_index("ix_outgoing_messages_answers", "in_reply_to", where="agent_id IS NOT NULL"),
    # All answers: an incoming message is deleted only when it has none.
    partial_index("ix_outgoing_messages_in_reply_to", "in_reply_to", where="in_reply_to IS NOT NULL"),
    # E-mails to agents whose text is still kept.
    partial_index("ix_outgoing_messages_to_agents", "created_at", where="kind = 'agents' AND body <> ''"),
    # The queue: unfinished messages only, by sender, so that it stays small however many messages were sent.
    partial_index(
        "ix_outgoing_messages_waiting", "channel", "lane", "sender", "due_at", "id", where="state = 'waiting'"
    ),
    partial_index("ix_outgoing_messages_sending", "channel", "due_at", "id", where="state = 'sending'"),
    partial_index(
        "ix_outgoing_messages_unfinished", "channel", "recipient", "id", where="state IN ('waiting', 'sending')"
    ),
)

listed_appointments = Table(
    "listed_appointments",
    metadata,
    # The appointments in a message that is a list. They may belong to several organisations.
    Column("outgoing_message_id", RowId, ForeignKey("outgoing_messages.id"), primary_key=True),
    Column("appointment_id", RowId, ForeignKey("appointments.id"), primary_key=True),
    Index(None, "appointment_id"),
)

sender_limits = Table(
    "sender_limits",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("free_at", UtcDateTime),  # when its rate allows the next message
    Column("paused_until", UtcDateTime),  # the gateway asked us to wait until then
    Column("paused_at", UtcDateTime),  # when the gateway asked, by the clock that `paused_until` uses
)


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
