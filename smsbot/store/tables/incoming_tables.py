"""Messages from usagers, the memory of their conversations, who has opted out, and what agents keep in the inbox."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, partial_index

conversations = Table(
    "conversations",
    metadata,
    id_column(),
    Column("usager_number", Text, nullable=False),
    Column("our_number", Text, nullable=False),
    Column("memory", JSON, nullable=False),  # smsbot.conversation.Memory as JSON
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("usager_number", "our_number"),
    Index(None, "updated_at"),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("number", Text, primary_key=True),
    Column("opted_out_at", UtcDateTime, nullable=False),
    # Whether nobody with this number was known when STOP came. Such a STOP is kept for the retention period, and longer
    # while somebody with this number is known.
    Column("by_stranger", Boolean, nullable=False, server_default=false()),
    Index(None, "opted_out_at", "number"),
)

incoming_messages = Table(
    "incoming_messages",
    metadata,
    id_column(),
    Column("gateway", Text, nullable=False),
    Column("gateway_message_id", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("from_number", Text, nullable=False),
    Column("to_number", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # the name of the reply, or 'silence'
    Column("reason", Text),  # why there was no answer
    Column("for_agents", Boolean, nullable=False),  # in the agents' inbox
    Column("topic", Text),  # what it is about
    Column("organisation_id", RowId, ForeignKey("organisations.id")),
    # The agents' inbox: who was given the message and by whom, who is writing an answer (other agents should wait until
    # `held_until`), and who has handled it.
    Column("assigned_to", RowId, ForeignKey("agents.id")),
    Column("assigned_by", RowId, ForeignKey("agents.id")),
    Column("held_by", RowId, ForeignKey("agents.id")),
    Column("held_until", UtcDateTime),
    Column("comes_back_at", UtcDateTime),  # an agent has put it off: before this time it does not count as waiting
    Column("put_off_by", RowId, ForeignKey("agents.id")),
    Column("handled_by", RowId, ForeignKey("agents.id")),
    Column("handled_at", UtcDateTime),
    Column("alerted_at", UtcDateTime),  # when an alert by e-mail has mentioned it
    UniqueConstraint("gateway", "gateway_message_id"),
    Index(None, "from_number", "received_at"),
    Index(None, "organisation_id", "received_at"),
    Index(None, "received_at"),
    # For the purge: messages that are not erased yet.
    partial_index("ix_incoming_messages_unerased", "received_at", where="from_number <> ''"),
    # The agents' inbox: waiting and handled messages. The conditions are written as in the statements, or the engines
    # do not use these indexes. Each row of a day's list also looks for waiting messages, by number.
    Index(
        "ix_incoming_messages_waiting",
        "organisation_id",
        "from_number",
        "received_at",
        sqlite_where=text("for_agents = 1 AND handled_at IS NULL"),
        postgresql_where=text("for_agents AND handled_at IS NULL"),
    ),
    Index(
        "ix_incoming_messages_handled",
        "organisation_id",
        "handled_at",
        sqlite_where=text("for_agents = 1 AND handled_at IS NOT NULL"),
        postgresql_where=text("for_agents AND handled_at IS NOT NULL"),
    ),
    # To count the neutral texts of a day: their number is limited over all numbers.
    partial_index("ix_incoming_messages_strangers", "received_at", where="outcome = 'no_appointment'"),
)

incoming_pieces = Table(
    "incoming_pieces",
    metadata,
    # Pieces of long messages that wait some minutes for the other pieces. Then the row is deleted.
    id_column(),
    Column("gateway", Text, nullable=False),
    Column("gateway_message_id", Text, nullable=False),  # of the piece
    Column("received_at", UtcDateTime, nullable=False),
    Column("written_at", UtcDateTime),
    Column("from_number", Text, nullable=False),
    Column("to_number", Text, nullable=False),
    Column("reference", Text, nullable=False),  # the same for all pieces of a message
    Column("number", SmallInteger, nullable=False),
    Column("total", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("gateway", "gateway_message_id"),
    Index(None, "from_number"),
    Index(None, "received_at"),
)

seen_messages = Table(
    "seen_messages",
    metadata,
    # Messages that change nothing if they come again and that may not be in `incoming_messages`: pieces that were put
    # together, and messages that a gateway lists at every poll.
    Column("gateway", Text, primary_key=True),
    Column("gateway_message_id", Text, primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
    Index(None, "seen_at"),
)

caught_up = Table(
    "caught_up",
    metadata,
    # All messages that were sent to this number of ours between `since` and `until` have been read from the gateway's
    # records.
    Column("gateway", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)


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
