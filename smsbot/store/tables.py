"""Every table, as SQLAlchemy Core. The migrations in `migrations/` build exactly this (a test compares them).

Datetimes are aware UTC in Python, `timestamptz` in PostgreSQL and UTC text in SQLite. Records from outside are keyed by
(`source`, `external_id`), so that two instances of RDV Service Public may share numbers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both engines; a naive one is a programming error and refused.

    SQLite has no such type: there it is text that sorts as time does, as SQLite's own functions read it.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = Text() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: give it a time zone")
        utc = value if value.tzinfo is UTC else value.astimezone(UTC)
        return utc.isoformat(" ", "microseconds").removesuffix("+00:00") if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        moment: datetime = value
        return moment.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only autoincrements a column declared exactly INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True, autoincrement=True)


organisations = Table(
    "organisations",
    metadata,
    _id(),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("name", Text),
    Column("phone_number", Text),
    Column("email", Text),
    Column("verticale", Text),
    Column("time_zone", Text),
    UniqueConstraint("source", "external_id"),
)

appointments = Table(
    "appointments",
    metadata,
    _id(),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("organisation_id", _Id, ForeignKey("organisations.id")),
    Column("uuid", Text, nullable=False),  # UID of the calendar parts; made up here where the source has none
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("time_zone", Text),
    Column("status", Text, nullable=False),
    Column("collective", Boolean, nullable=False),
    Column("label", Text),
    Column("address", Text),
    Column("place_name", Text),
    Column("place_address", Text),
    Column("place_phone_number", Text),
    Column("motif_external_id", Text),
    Column("service_external_id", Text),
    Column("location_type", Text, nullable=False),
    Column("bookable_by_everyone", Boolean, nullable=False),
    Column("created_at", UtcDateTime),  # at the source
    Column("calendar_sequence", Integer, nullable=False, server_default=text("0")),
    Column("source_event_at", UtcDateTime),  # newest `meta.timestamp` applied
    Column("destroyed_at", UtcDateTime),  # tombstone: a destroyed record never comes back
    Column("changed_at", UtcDateTime, nullable=False),
    UniqueConstraint("source", "external_id"),
    Index(None, "changed_at", "id"),
    Index(None, "starts_at", "id"),
    Index(None, "organisation_id", "starts_at"),
)

participations = Table(
    "participations",
    metadata,
    _id(),
    Column("appointment_id", _Id, ForeignKey("appointments.id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("usager_external_id", Text),
    Column("responsible_external_id", Text),
    Column("status", Text, nullable=False),
    Column("cancelled_at", UtcDateTime),
    Column("cancelled_by", Text),  # 'usager' or 'agent'
    Column("cancelled_way", Text),  # 'sms', 'link', 'api', 'shell', 'console', 'webhook'
    Column("first_name", Text),
    Column("last_name", Text),
    Column("surnames", JSON, nullable=False),
    Column("first_names", JSON, nullable=False),
    Column("folded_names", Text, nullable=False, server_default=text("''")),  # all of them, for agents to search in
    Column("phone", Text),
    Column("email", Text),
    Column("notify_by_sms", Boolean, nullable=False),
    Column("notify_by_email", Boolean, nullable=False),
    Column("send_lifecycle_notifications", Boolean, nullable=False),
    Column("send_reminder_notification", Boolean, nullable=False),
    # The usager's own names, number and address, and the responsible person's, where the columns above are made of
    # both: either may change alone. The times are those of the newest `meta.timestamp` that told of each.
    Column("own", JSON(none_as_null=True)),
    Column("person_event_at", UtcDateTime),
    Column("responsible_event_at", UtcDateTime),
    Column("erased_at", UtcDateTime),  # names, number and address erased; no late record brings them back
    Column("wrong_answers", SmallInteger, nullable=False, server_default=text("0")),
    Column("wrong_answer_at", UtcDateTime),
    Column("locked_until", UtcDateTime),
    # By link: answers without any letters in them, which are not wrong, but are not taken without end.
    Column("unread_answers", SmallInteger, nullable=False, server_default=text("0")),
    Column("unread_answer_at", UtcDateTime),
    Column("reminded_at", UtcDateTime),
    Column("removed_at", UtcDateTime),  # no longer in the appointment at the source
    # An appointment is keyed by source and id, and so is this: a source may number them within each appointment.
    UniqueConstraint("appointment_id", "external_id"),
    Index(None, "phone"),
    Index("ix_participations_lower_email", text("lower(email)")),
    # Who is reached through a responsible person: their own number and address stand in `own`.
    Index(
        "ix_participations_own",
        "appointment_id",
        sqlite_where=text("own IS NOT NULL"),
        postgresql_where=text("own IS NOT NULL"),
    ),
    # Agents look for a part of a name or of a number: all are read, but they are few, and nothing else is.
    Index(
        "ix_participations_searched",
        "folded_names",
        "phone",
        "appointment_id",
        "removed_at",
        "erased_at",
        sqlite_where=text("removed_at IS NULL AND erased_at IS NULL"),
        postgresql_where=text("removed_at IS NULL AND erased_at IS NULL"),
    ),
    Index(None, "source", "usager_external_id"),
    Index(None, "source", "responsible_external_id"),
)

conversations = Table(
    "conversations",
    metadata,
    _id(),
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
    # Nobody was known at that number then: the wish is kept for the retention period, and as long as somebody is.
    Column("by_stranger", Boolean, nullable=False, server_default=false()),
)

incoming_messages = Table(
    "incoming_messages",
    metadata,
    _id(),
    Column("gateway", Text, nullable=False),
    Column("gateway_message_id", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("from_number", Text, nullable=False),
    Column("to_number", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # the name of the reply, or 'silence'
    Column("reason", Text),  # why silent
    Column("for_agents", Boolean, nullable=False),  # in the agents' inbox
    Column("organisation_id", _Id, ForeignKey("organisations.id")),
    # The agents' inbox: to whom it was handed and by whom, who is writing an answer (until when nobody else should),
    # who is done.
    Column("assigned_to", _Id, ForeignKey("agents.id")),
    Column("assigned_by", _Id, ForeignKey("agents.id")),
    Column("held_by", _Id, ForeignKey("agents.id")),
    Column("held_until", UtcDateTime),
    Column("handled_by", _Id, ForeignKey("agents.id")),
    Column("handled_at", UtcDateTime),
    Column("alerted_at", UtcDateTime),  # an e-mail has said that it waits
    UniqueConstraint("gateway", "gateway_message_id"),
    Index(None, "from_number", "received_at"),
    Index(None, "received_at"),
    # The agents' inbox: what waits, and what is done. Each engine takes a condition for its own where it is written as
    # in the statements.
    Index(
        "ix_incoming_messages_waiting",
        "organisation_id",
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
    # The neutral text has a cap a day, over all numbers.
    Index(
        "ix_incoming_messages_strangers",
        "received_at",
        sqlite_where=text("outcome = 'no_appointment'"),
        postgresql_where=text("outcome = 'no_appointment'"),
    ),
)

_FAILED = text("state IN ('refused', 'resting') OR delivery_status IN ('undelivered', 'failed', 'canceled')")

outgoing_messages = Table(
    "outgoing_messages",
    metadata,
    _id(),
    Column("channel", Text, nullable=False),  # 'sms' or 'email'
    Column("kind", Text, nullable=False),  # 'reply', 'receipt', 'notification', 'reminder', 'agents'
    Column("recipient", Text, nullable=False),  # E.164 number or e-mail address
    Column("sender", Text, nullable=False),
    Column("gateway", Text),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("calendar", Text),
    Column("calendar_method", Text),  # what it declares itself: 'PUBLISH' or 'CANCEL'
    Column("segments", SmallInteger),
    Column("appointment_id", _Id, ForeignKey("appointments.id")),
    Column("participation_id", _Id, ForeignKey("participations.id")),
    Column("in_reply_to", _Id, ForeignKey("incoming_messages.id")),
    Column("agent_id", _Id, ForeignKey("agents.id")),  # who wrote it, or had it sent again
    Column("created_at", UtcDateTime, nullable=False),
    # delivery: 'waiting' -> 'sending' -> 'sent' | 'refused' | 'resting'
    Column("state", Text, nullable=False),
    Column("lane", SmallInteger, nullable=False, server_default=text("0")),  # 0: conversations, 1: the mass
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("attempted_at", UtcDateTime),  # when the newest attempt began; of one that is over and was in vain, ended
    Column("repeats", SmallInteger, nullable=False, server_default=text("0")),  # sent again though maybe taken before
    Column("due_at", UtcDateTime, nullable=False),  # waiting: the next attempt; sending: its end counts as unseen then
    Column("gateway_message_id", Text),
    Column("delivery_status", Text),  # from callbacks: 'queued' … 'delivered', 'failed'
    Column("error_code", Text),
    Column("error", Text),
    Column("sent_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index(None, "recipient", "id"),
    Index(None, "appointment_id"),
    Index(None, "gateway_message_id"),
    Index(None, "created_at"),
    Index(
        "ix_outgoing_messages_addresses",
        text("lower(recipient)"),
        sqlite_where=text("channel = 'email'"),
        postgresql_where=text("channel = 'email'"),
    ),
    # What has not arrived, by what it is about.
    Index(
        "ix_outgoing_messages_failed",
        "appointment_id",
        sqlite_where=_FAILED,
        postgresql_where=_FAILED,
    ),
    Index(
        "ix_outgoing_messages_resting",
        "channel",
        "kind",
        sqlite_where=text("state = 'resting'"),
        postgresql_where=text("state = 'resting'"),
    ),
    # What agents answered, by what it answers.
    Index(
        "ix_outgoing_messages_answers",
        "in_reply_to",
        sqlite_where=text("agent_id IS NOT NULL"),
        postgresql_where=text("agent_id IS NOT NULL"),
    ),
    # E-mails to agents of which the text is still kept.
    Index(
        "ix_outgoing_messages_to_agents",
        "created_at",
        sqlite_where=text("kind = 'agents' AND body <> ''"),
        postgresql_where=text("kind = 'agents' AND body <> ''"),
    ),
    # The queue itself stays small whatever has been sent before, and each sender finds its own in it.
    Index(
        "ix_outgoing_messages_waiting",
        "channel",
        "lane",
        "sender",
        "due_at",
        "id",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(
        "ix_outgoing_messages_sending",
        "channel",
        "due_at",
        "id",
        sqlite_where=text("state = 'sending'"),
        postgresql_where=text("state = 'sending'"),
    ),
    Index(
        "ix_outgoing_messages_unfinished",
        "channel",
        "recipient",
        "id",
        sqlite_where=text("state IN ('waiting', 'sending')"),
        postgresql_where=text("state IN ('waiting', 'sending')"),
    ),
)

listed_appointments = Table(
    "listed_appointments",
    metadata,
    # Which appointments a message lists, where it is a list: they may be those of several organisations.
    Column("outgoing_message_id", _Id, ForeignKey("outgoing_messages.id"), primary_key=True),
    Column("appointment_id", _Id, ForeignKey("appointments.id"), primary_key=True),
)

sender_limits = Table(
    "sender_limits",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("free_at", UtcDateTime),  # its rate lets the next message go then
    Column("paused_until", UtcDateTime),  # the gateway asked to be left alone
    Column("paused_at", UtcDateTime),  # when it did, by the clock that `paused_until` was reckoned by
)

caught_up = Table(
    "caught_up",
    metadata,
    # Of what was sent to this number of ours, all until then has been read at the gateway.
    Column("gateway", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("until", UtcDateTime, nullable=False),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    # When each piece of background work last went well, in whichever process.
    Column("name", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", UtcDateTime, nullable=False),
    Column("act", Text, nullable=False),  # 'cancelled', 'locked', 'unlocked', 'opted_out', …
    Column("by", Text, nullable=False),  # 'usager', 'agent', 'source', 'system'
    Column("way", Text, nullable=False),  # 'sms', 'link', 'api', 'shell', 'console', 'webhook'
    Column("agent", Text),
    Column("administrator_id", _Id, ForeignKey("agents.id")),  # who did it in the console, to the account of `agent`
    Column("appointment_id", _Id, ForeignKey("appointments.id")),
    Column("participation_id", _Id, ForeignKey("participations.id")),
    Index(None, "appointment_id"),
)

agents = Table(
    "agents",
    metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),  # in lower case
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),  # shut out, until added again
)

agent_organisations = Table(
    "agent_organisations",
    metadata,
    Column("agent_id", _Id, ForeignKey("agents.id"), primary_key=True),
    # By the source's ids and without a foreign key: an organisation need not be known yet.
    Column("source", Text, primary_key=True),
    Column("organisation_external_id", Text, primary_key=True),
)

agent_tokens = Table(
    "agent_tokens",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("agent_id", _Id, ForeignKey("agents.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),  # NULL: never
    Column("used_at", UtcDateTime),  # to some minutes; NULL: never yet
    Index(None, "agent_id"),
)

agent_passwords = Table(
    "agent_passwords",
    metadata,
    Column("agent_id", _Id, ForeignKey("agents.id"), primary_key=True),
    Column("password_hash", Text, nullable=False),  # Argon2id, in its own encoding
    Column("set_at", UtcDateTime, nullable=False),
)

agent_password_resets = Table(
    "agent_password_resets",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("agent_id", _Id, ForeignKey("agents.id"), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "agent_id"),
)

agent_identities = Table(
    "agent_identities",
    metadata,
    # OpenID Connect: `sub` names a person for good, an e-mail address may change (Core 1.0, 5.7).
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("agent_id", _Id, ForeignKey("agents.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "agent_id"),
)

agent_sessions = Table(
    "agent_sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("agent_id", _Id, ForeignKey("agents.id"), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("id_token", Text),  # of OpenID Connect, for signing out there too
    Index(None, "agent_id"),
    Index(None, "opened_at"),
)

sign_in_throttles = Table(
    "sign_in_throttles",
    metadata,
    Column("key", Text, primary_key=True),  # a keyed hash of the account or the network address
    Column("spent_until", UtcDateTime, nullable=False),  # with no further try, all is forgotten then
)

agent_administrators = Table(
    "agent_administrators",
    metadata,
    # Who adds and removes agents, in their own organisations.
    Column("agent_id", _Id, ForeignKey("agents.id"), primary_key=True),
)

inbox_alerts = Table(
    "inbox_alerts",
    metadata,
    # Where an organisation is told by e-mail that messages wait.
    Column("organisation_id", _Id, ForeignKey("organisations.id"), primary_key=True),
    Column("email", Text, nullable=False),
)
