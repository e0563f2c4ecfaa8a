"""Every table, as SQLAlchemy Core. The migrations in `migrations/` build exactly this (a test compares them).

Datetimes are aware UTC in Python, `timestamptz` in PostgreSQL and UTC text in SQLite. Records from outside are keyed by
(`source`, `external_id`), so that two instances of RDV Service Public may share numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
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
    """An aware datetime in UTC on both engines. A naive one is a programming error and refused.

    SQLite has no such type. There it is text that sorts in the order of time and that SQLite's own functions can read.
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
        return _as_text(utc) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        moment: datetime = value
        return moment.astimezone(UTC)


@lru_cache(maxsize=256)  # one moment is written into several columns of many rows
def _as_text(utc: datetime) -> str:
    return utc.isoformat(" ", "microseconds").removesuffix("+00:00")


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite autoincrements only a column that is declared exactly INTEGER.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True, autoincrement=True)


def _of_its_appointment() -> ForeignKeyConstraint:
    """`participation_id` is a participation in `appointment_id`.

    By both, since the tables are indexed by the appointment: else each participation that is deleted would be looked
    for in all their rows.
    """
    return ForeignKeyConstraint(
        ["appointment_id", "participation_id"], ["participations.appointment_id", "participations.id"]
    )


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
    Column("uuid", Text, nullable=False),  # UID of the calendar parts; made here where the source has none
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
    Column("source_event_at", UtcDateTime),  # of when the newest record is that was applied
    Column("destroyed_at", UtcDateTime),  # destroyed at the source; it stays so
    Column("not_shown_at", UtcDateTime),  # when its connected source last did not show it, though asked for it
    Column("quiet_until", UtcDateTime),  # until when no reminder of it is written, as who imported it has asked
    Column("to_read_at", UtcDateTime),  # from when it is to be read again at its connected source
    Column("changed_at", UtcDateTime, nullable=False),
    UniqueConstraint("source", "external_id"),
    Index(None, "changed_at", "id"),
    Index(None, "starts_at", "id"),
    # Wide, so that the places and labels that an organisation's appointments have are read from it alone.
    Index(
        "ix_appointments_organisation_id_starts_at",
        "organisation_id",
        "starts_at",
        "location_type",
        "place_name",
        "label",
        "motif_external_id",
        "service_external_id",
    ),
    # For the purge: addresses that are not erased yet.
    Index(
        "ix_appointments_addressed",
        "starts_at",
        sqlite_where=text("address IS NOT NULL"),
        postgresql_where=text("address IS NOT NULL"),
    ),
    Index(
        "ix_appointments_to_read",
        "to_read_at",
        sqlite_where=text("to_read_at IS NOT NULL"),
        postgresql_where=text("to_read_at IS NOT NULL"),
    ),
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
    Column("folded_names", Text, nullable=False, server_default=text("''")),  # as searches compare
    Column("phone", Text),
    Column("email", Text),
    Column("notify_by_sms", Boolean, nullable=False),
    Column("notify_by_email", Boolean, nullable=False),
    Column("send_lifecycle_notifications", Boolean, nullable=False),
    Column("send_reminder_notification", Boolean, nullable=False),
    # The columns above combine the usager's and the responsible person's data where there is a responsible person.
    # `own` keeps the two apart, because either may change alone. The times are of when the newest record of each is.
    Column("own", JSON(none_as_null=True)),
    Column("person_event_at", UtcDateTime),
    Column("responsible_event_at", UtcDateTime),
    Column("erased_at", UtcDateTime),  # names, number and address are erased; late records bring nothing back
    Column("wrong_answers", SmallInteger, nullable=False, server_default=text("0")),
    Column("wrong_answer_at", UtcDateTime),
    Column("locked_until", UtcDateTime),
    # Through the link: answers without any letter. They do not count as wrong, but their number is limited.
    Column("unread_answers", SmallInteger, nullable=False, server_default=text("0")),
    Column("unread_answer_at", UtcDateTime),
    Column("reminded_at", UtcDateTime),
    Column("announced_at", UtcDateTime),  # its usager wrote that they come
    # While an agent may take a cancellation back: until when nobody is told, and what `announced_at` was before it.
    Column("held_until", UtcDateTime),
    Column("announced_before", UtcDateTime),
    Column("cancellation_requested_at", UtcDateTime),  # wished here; its source has not answered yet
    Column("taking_back_requested_at", UtcDateTime),  # its usager takes their cancellation back; likewise
    Column("removed_at", UtcDateTime),  # no longer in the appointment at the source
    # Keyed like appointments, with the appointment: a source may number participations within each appointment.
    UniqueConstraint("appointment_id", "external_id"),
    UniqueConstraint("appointment_id", "id"),  # other tables point at both
    Index(None, "phone"),
    Index("ix_participations_lower_email", text("lower(email)")),
    # For people who are reached through a responsible person: their own number and address are in `own`.
    Index(
        "ix_participations_own",
        "appointment_id",
        sqlite_where=text("own IS NOT NULL"),
        postgresql_where=text("own IS NOT NULL"),
    ),
    # Agents search for parts of names and numbers. All rows of this index are read for it; they are few.
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
    # For the purge: who is not erased yet.
    Index(
        "ix_participations_unerased",
        "appointment_id",
        sqlite_where=text("erased_at IS NULL"),
        postgresql_where=text("erased_at IS NULL"),
    ),
    # The cancellations of a month.
    Index(
        "ix_participations_cancelled_at",
        "cancelled_at",
        sqlite_where=text("cancelled_at IS NOT NULL"),
        postgresql_where=text("cancelled_at IS NOT NULL"),
    ),
)

cancellation_requests = Table(
    "cancellation_requests",
    metadata,
    # Cancellations of appointments that a connected source owns, and what their usagers take back of them: wished here,
    # and carried out there.
    _id(),
    Column("appointment_id", _Id, ForeignKey("appointments.id"), nullable=False),
    Column("participation_id", _Id),  # NULL: an agent ends the whole appointment
    Column("status", Text, nullable=False),  # wished: 'excused' or 'revoked'; 'unknown' takes a cancellation back
    Column("by", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("agent", Text),
    Column("word", Text),  # what an agent adds for the usagers
    Column("in_reply_to", _Id, ForeignKey("incoming_messages.id")),  # the yes, where it came by SMS
    Column("requested_at", UtcDateTime, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),  # of the appointment, as the usager or agent knew it
    # 'waiting' -> 'done' | 'refused' | 'overtaken' (somebody changed it there meanwhile) | 'given_up' (it has begun)
    # | 'withdrawn' (it was taken back before it was carried out)
    Column("state", Text, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),  # time of the next attempt
    Column("leased_until", UtcDateTime),  # while an attempt is made: when the process that makes it counts as dead
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("registered_at", UtcDateTime),  # when the usager was told that the request is registered
    Column("finished_at", UtcDateTime),
    Column("problem", Text),  # what the last attempt met, in one sentence without personal data
    _of_its_appointment(),
    Index(None, "appointment_id"),
    Index(
        "ix_cancellation_requests_in_reply_to",
        "in_reply_to",
        sqlite_where=text("in_reply_to IS NOT NULL"),
        postgresql_where=text("in_reply_to IS NOT NULL"),
    ),
    Index(
        "ix_cancellation_requests_waiting",
        "due_at",
        "id",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(
        "ix_cancellation_requests_refused",
        "finished_at",
        sqlite_where=text("state = 'refused'"),
        postgresql_where=text("state = 'refused'"),
    ),
)

batches = Table(
    "batches",
    metadata,
    # What an agent does to many appointments at once.
    _id(),
    Column("act", Text, nullable=False),  # 'cancel' or 'write'
    Column("way", Text, nullable=False),
    Column("agent_id", _Id, ForeignKey("agents.id")),  # NULL: the operator of the service
    Column("status", Text),  # of what is cancelled: 'revoked' or 'excused'
    Column("word", Text),  # what people are told
    Column("created_at", UtcDateTime, nullable=False),
    Column("begins_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),  # 'running' -> 'done' | 'stopped'
    Column("finished_at", UtcDateTime),
    Index(
        "ix_batches_running",
        "id",
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    # For the purge.
    Index(
        "ix_batches_worded",
        "created_at",
        sqlite_where=text("word IS NOT NULL"),
        postgresql_where=text("word IS NOT NULL"),
    ),
)

batch_appointments = Table(
    "batch_appointments",
    metadata,
    # The appointments of a batch, and what has become of each.
    Column("batch_id", _Id, ForeignKey("batches.id"), primary_key=True),
    Column("appointment_id", _Id, ForeignKey("appointments.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("outcome", Text),  # NULL: not done
    Column("done_at", UtcDateTime),
    Index(
        "ix_batch_appointments_waiting",
        "batch_id",
        "position",
        sqlite_where=text("outcome IS NULL"),
        postgresql_where=text("outcome IS NULL"),
    ),
)

connected_sources = Table(
    "connected_sources",
    metadata,
    # How it stands with each connected source (RDV Service Public), by its name.
    Column("source", Text, primary_key=True),
    Column("account", Text),  # as whom we are signed in there: an agent's name and e-mail address
    Column("tokens", Text),  # sealed with a key derived from SMSBOT_SECRET_KEY
    Column("version", Integer, nullable=False),  # how often the tokens were replaced
    Column("expires_at", UtcDateTime),
    Column("signed_in_at", UtcDateTime),
    Column("renewing_by", Text),  # the claim of the process that renews the tokens, and until when it holds
    Column("renewing_until", UtcDateTime),
    Column("problem", Text),  # why nobody is signed in, or what was refused last; NULL after a call that succeeds
    Column("problem_at", UtcDateTime),
    Column("signed_out", Boolean, nullable=False, server_default=false()),  # the problem is that nobody is signed in
    Column("synced_at", UtcDateTime),  # when all coming appointments were last read to the end
    Column("syncing_until", UtcDateTime),  # a process is reading them; moved on with each page
)

last_words = Table(
    "last_words",
    metadata,
    # When each source of appointments was last heard of, connected or not; exact to a minute.
    Column("source", Text, primary_key=True),
    Column("feed", Text, primary_key=True),  # webhook, api or file
    Column("at", UtcDateTime, nullable=False),
)

source_logins = Table(
    "source_logins",
    metadata,
    # Sign-ins that an operator has begun: an agent consents in a browser, which comes back with the `state`.
    Column("state_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("source", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),  # the browser has come back; it counts once
    Column("finished_at", UtcDateTime),
    Column("problem", Text),  # why nobody is signed in by it
    Index(None, "expires_at"),
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
    # Whether nobody was known at that number when STOP came. Such a STOP is kept for the retention period, or as long
    # as somebody is known there.
    Column("by_stranger", Boolean, nullable=False, server_default=false()),
    Index(None, "opted_out_at", "number"),
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
    Column("topic", Text),  # what it is about
    Column("organisation_id", _Id, ForeignKey("organisations.id")),
    # The agents' inbox: to whom the message was handed over and by whom, who is writing an answer (until when others
    # should not), who has handled it.
    Column("assigned_to", _Id, ForeignKey("agents.id")),
    Column("assigned_by", _Id, ForeignKey("agents.id")),
    Column("held_by", _Id, ForeignKey("agents.id")),
    Column("held_until", UtcDateTime),
    Column("comes_back_at", UtcDateTime),  # put off by an agent: it does not count as waiting until then
    Column("put_off_by", _Id, ForeignKey("agents.id")),
    Column("handled_by", _Id, ForeignKey("agents.id")),
    Column("handled_at", UtcDateTime),
    Column("alerted_at", UtcDateTime),  # an e-mail has told of it
    UniqueConstraint("gateway", "gateway_message_id"),
    Index(None, "from_number", "received_at"),
    Index(None, "organisation_id", "received_at"),
    Index(None, "received_at"),
    # For the purge: what is not erased yet.
    Index(
        "ix_incoming_messages_unerased",
        "received_at",
        sqlite_where=text("from_number <> ''"),
        postgresql_where=text("from_number <> ''"),
    ),
    # The agents' inbox: what waits, and what is handled. The conditions are written as in the statements, or the
    # engines do not use these indexes. What waits is looked for by number, too, for each row of a day's list.
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
    # The neutral text is sent only so often a day, over all numbers.
    Index(
        "ix_incoming_messages_strangers",
        "received_at",
        sqlite_where=text("outcome = 'no_appointment'"),
        postgresql_where=text("outcome = 'no_appointment'"),
    ),
)

inbox_notes = Table(
    "inbox_notes",
    metadata,
    # What agents write for their colleagues about a thread. It is never sent, and is erased with the message.
    _id(),
    Column("message_id", _Id, ForeignKey("incoming_messages.id"), nullable=False),  # the newest one when it was written
    Column("agent_id", _Id, ForeignKey("agents.id"), nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "message_id"),
)

ready_answers = Table(
    "ready_answers",
    metadata,
    # Texts that the agents of an organisation keep for their answers.
    _id(),
    Column("organisation_id", _Id, ForeignKey("organisations.id"), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("version", Integer, nullable=False),  # how often it was changed
    UniqueConstraint("organisation_id", "title"),
)

incoming_pieces = Table(
    "incoming_pieces",
    metadata,
    # Pieces of long messages that still wait for the others: for minutes, then the row is deleted.
    _id(),
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
    # Messages that change nothing if they come again and that `incoming_messages` may not know: pieces that were put
    # together, and what a gateway lists when it is polled.
    Column("gateway", Text, primary_key=True),
    Column("gateway_message_id", Text, primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
    Index(None, "seen_at"),
)

_FAILED = text("state IN ('refused', 'resting') OR delivery_status IN ('undelivered', 'failed', 'canceled')")

outgoing_messages = Table(
    "outgoing_messages",
    metadata,
    _id(),
    Column("channel", Text, nullable=False),  # 'sms', 'email' or 'webhook'
    Column("kind", Text, nullable=False),  # 'reply', 'receipt', 'notification', 'reminder', 'agents', 'event'
    Column("recipient", Text, nullable=False),  # E.164 number, e-mail address, or subscription and its matter
    Column("sender", Text, nullable=False),
    Column("gateway", Text),
    Column("subject", Text),
    Column("body", Text, nullable=False),
    Column("html", Text),
    Column("calendar", Text),
    Column("calendar_method", Text),  # the METHOD of the calendar part: 'PUBLISH' or 'CANCEL'
    Column("reply_to", Text),  # where answers to the e-mail go
    Column("segments", SmallInteger),
    Column("appointment_id", _Id, ForeignKey("appointments.id")),
    Column("participation_id", _Id),
    Column("in_reply_to", _Id, ForeignKey("incoming_messages.id")),
    Column("agent_id", _Id, ForeignKey("agents.id")),  # who wrote it or had it sent again
    Column("created_at", UtcDateTime, nullable=False),
    # delivery: 'waiting' -> 'sending' -> 'sent' | 'refused' | 'resting'
    Column("state", Text, nullable=False),
    Column("lane", SmallInteger, nullable=False, server_default=text("0")),  # 0: conversations, 1: the mass
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("attempted_at", UtcDateTime),  # when the newest attempt began, or ended if it failed
    Column("repeats", SmallInteger, nullable=False, server_default=text("0")),  # sent again though maybe taken
    Column("due_at", UtcDateTime, nullable=False),  # waiting: time of the next attempt; sending: end of the lease
    Column("gateway_message_id", Text),
    Column("delivery_status", Text),  # from callbacks: 'queued' … 'delivered', 'failed'
    Column("error_code", Text),
    Column("error", Text),
    Column("sent_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    _of_its_appointment(),
    Index(None, "recipient", "id"),
    Index(None, "appointment_id"),
    Index(None, "gateway_message_id"),
    Index(None, "created_at"),
    # For the purge: what is not erased yet.
    Index(
        "ix_outgoing_messages_unerased",
        "created_at",
        sqlite_where=text("recipient <> ''"),
        postgresql_where=text("recipient <> ''"),
    ),
    Index(
        "ix_outgoing_messages_addresses",
        text("lower(recipient)"),
        sqlite_where=text("channel = 'email'"),
        postgresql_where=text("channel = 'email'"),
    ),
    # Messages that have not arrived, by what they are about.
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
    # Agents' answers, by the message that they answer.
    Index(
        "ix_outgoing_messages_answers",
        "in_reply_to",
        sqlite_where=text("agent_id IS NOT NULL"),
        postgresql_where=text("agent_id IS NOT NULL"),
    ),
    # All answers: an incoming message is deleted once there is none.
    Index(
        "ix_outgoing_messages_in_reply_to",
        "in_reply_to",
        sqlite_where=text("in_reply_to IS NOT NULL"),
        postgresql_where=text("in_reply_to IS NOT NULL"),
    ),
    # E-mails to agents whose text is still kept.
    Index(
        "ix_outgoing_messages_to_agents",
        "created_at",
        sqlite_where=text("kind = 'agents' AND body <> ''"),
        postgresql_where=text("kind = 'agents' AND body <> ''"),
    ),
    # The queue: only unfinished messages, found by sender, so that it stays small however many were sent.
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
    # The appointments that a message lists, where it is a list. They may belong to several organisations.
    Column("outgoing_message_id", _Id, ForeignKey("outgoing_messages.id"), primary_key=True),
    Column("appointment_id", _Id, ForeignKey("appointments.id"), primary_key=True),
    Index(None, "appointment_id"),
)

sender_limits = Table(
    "sender_limits",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("sender", Text, primary_key=True),
    Column("free_at", UtcDateTime),  # when its rate allows the next message
    Column("paused_until", UtcDateTime),  # until when the gateway asked us to wait
    Column("paused_at", UtcDateTime),  # when it asked, by the same clock as `paused_until`
)

caught_up = Table(
    "caught_up",
    metadata,
    # Up to `until`, everything that was sent to this number of ours since `since` has been read from the gateway's
    # records.
    Column("gateway", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
)

closed_months = Table(
    "closed_months",
    metadata,
    # The months whose figures are kept for good in `monthly_figures` and `monthly_places`, as 2026-05. Rows of these
    # months are not counted any more.
    Column("month", Text, primary_key=True),
    Column("closed_at", UtcDateTime, nullable=False),
    Column("is_thinned", Boolean, nullable=False, server_default=false()),  # rows have been deleted since
)

open_months = Table(
    "open_months",
    metadata,
    # The other months of which figures are kept, only until they are counted anew.
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
"""What is counted of an organisation in a month: the columns of `monthly_figures`."""

APPOINTMENT_COUNTS = (
    "appointments",
    "appointments_cancelled",
    "appointments_freed_early",
    "appointments_announced",
    "appointments_seen",
    "appointments_missed",
)
"""What is counted of the appointments that begin in a month."""

PLACE_COUNTS = (*APPOINTMENT_COUNTS, "segments_at_place")
"""What is counted of a place of an organisation in a month: the columns of `monthly_places`."""


def _counts(names: Iterable[str]) -> Iterator[Column[int]]:
    """Columns and no JSON, so that the database adds them up over hundreds of organisations."""
    for name in names:
        yield Column(name, Integer, nullable=False)


monthly_figures = Table(
    "monthly_figures",
    metadata,
    _id(),
    Column("month", Text, nullable=False),
    Column("organisation_id", _Id, ForeignKey("organisations.id")),  # NULL: of what belongs to none
    *_counts(MONTHLY_COUNTS),
    Index(None, "month", "organisation_id"),
)

monthly_places = Table(
    "monthly_places",
    metadata,
    _id(),
    Column("month", Text, nullable=False),
    Column("organisation_id", _Id, ForeignKey("organisations.id")),
    Column("place", Text, nullable=False),  # see `appointments.places.place_key`
    *_counts(PLACE_COUNTS),
    Index(None, "month", "organisation_id"),
)

daily_counts = Table(
    "daily_counts",
    metadata,
    # What happened on a day (of Paris, as 2026-05-31), by labels; see `smsbot.store.daily_counts`.
    Column("day", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("labels", Text, primary_key=True),  # words with a space between them
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

events = Table(
    "events",
    metadata,
    # What other systems are told of (`smsbot.events`): what happened to whom, by ids alone. Who it was is read when it
    # is told, so that nobody stands here who was erased. What it points at may be deleted before it: no foreign keys.
    _id(),
    Column("position", BigInteger),  # in the order in which events are told; NULL until that is decided
    Column("at", UtcDateTime, nullable=False),
    Column("type", Text, nullable=False),
    Column("organisation_id", _Id, ForeignKey("organisations.id"), nullable=False),  # when it happened
    Column("appointment_id", _Id),
    Column("participation_id", _Id),
    Column("incoming_message_id", _Id),
    Column("outgoing_message_id", _Id),
    Column("by", Text),
    Column("way", Text),
    Column("status", Text),  # of the participation, as it was then
    Index(None, "position", unique=True),
    Index(None, "organisation_id", "position"),
    Index(None, "at"),
    Index(
        "ix_events_new",
        "id",
        sqlite_where=text("position IS NULL"),
        postgresql_where=text("position IS NULL"),
    ),
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
    _id(),
    Column("agent_id", _Id, ForeignKey("agents.id"), nullable=False),  # whose organisations' events
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),  # sealed with a key derived from SMSBOT_SECRET_KEY
    Column("old_secret", Text),  # it signs too, until `old_secret_until`
    Column("old_secret_until", UtcDateTime),
    Column("types", JSON, nullable=False),  # a list; empty: all types
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # since when its receiver wants no more (410)
    Index(None, "agent_id"),
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
    Column("administrator_id", _Id, ForeignKey("agents.id")),  # who did it in the console to the account of `agent`
    Column("detail", Text),  # what an account was given, or what was taken from it: role and organisations, by ids
    Column("appointment_id", _Id, ForeignKey("appointments.id")),
    Column("participation_id", _Id),
    _of_its_appointment(),
    Index(None, "appointment_id"),
    # For the purge: acts in which an agent is named.
    Index(
        "ix_audit_named",
        "at",
        sqlite_where=text("agent IS NOT NULL"),
        postgresql_where=text("agent IS NOT NULL"),
    ),
)

agents = Table(
    "agents",
    metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),  # in lower case; of a service account its name, without an @
    Column("name", Text),
    Column("searched", Text, nullable=False, server_default=text("''")),  # name and address, folded as searches compare
    # 'agent' or 'administrator': what they are in all organisations. NULL: only what stands in agent_organisations.
    Column("role_everywhere", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("signed_in_at", UtcDateTime),  # when they last signed in to the console
    Column("revoked_at", UtcDateTime),  # shut out until added again
    Index(
        "ix_agents_everywhere",
        "role_everywhere",
        sqlite_where=text("role_everywhere IS NOT NULL"),
        postgresql_where=text("role_everywhere IS NOT NULL"),
    ),
)

service_accounts = Table(
    "service_accounts",
    metadata,
    # The accounts that are no agents but other systems. They only use the API, and only what their scopes allow.
    Column("agent_id", _Id, ForeignKey("agents.id"), primary_key=True),
    Column("scopes", JSON, nullable=False),  # a list; see `smsbot.agents.api_scopes`
    Column("token_days", Integer),  # for how many days each of its tokens is made; NULL: for ever
)

agent_organisations = Table(
    "agent_organisations",
    metadata,
    Column("agent_id", _Id, ForeignKey("agents.id"), primary_key=True),
    # Organisations by the source's ids, without a foreign key: they need not be known yet.
    Column("source", Text, primary_key=True),
    Column("organisation_external_id", Text, primary_key=True),
    Column("role", Text, nullable=False, server_default=text("'agent'")),  # or 'administrator': manages its accounts
    Index("ix_agent_organisations_by_organisation", "source", "organisation_external_id", "agent_id", "role"),
)

former_agent_organisations = Table(
    "former_agent_organisations",
    metadata,
    # Where a revoked agent was, so that the administrators there still find the account.
    Column("agent_id", _Id, ForeignKey("agents.id"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("organisation_external_id", Text, primary_key=True),
    Index("ix_former_agent_organisations_by_organisation", "source", "organisation_external_id"),
)

agent_tokens = Table(
    "agent_tokens",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("agent_id", _Id, ForeignKey("agents.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),  # NULL: never
    Column("used_at", UtcDateTime),  # exact to a minute; NULL: not yet
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
    # OpenID Connect: `sub` identifies a person for good; an e-mail address may change (Core 1.0, 5.7).
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
    Column("id_token", Text),  # of OpenID Connect, to sign out at the provider too
    Index(None, "agent_id"),
    Index(None, "opened_at"),
)

sign_in_throttles = Table(
    "sign_in_throttles",
    metadata,
    Column("key", Text, primary_key=True),  # a keyed hash of the account or the network address
    Column("spent_until", UtcDateTime, nullable=False),  # from then on, there is nothing to remember
)

calendar_feeds = Table(
    "calendar_feeds",
    metadata,
    # Calendars of an organisation's appointments that a program reads by a secret address. The address is made of the
    # id and the nonce, so a new nonce ends the old one; it works as long as the agent may act in the organisation.
    _id(),
    Column("nonce", Text, nullable=False),
    Column("agent_id", _Id, ForeignKey("agents.id"), nullable=False),
    Column("organisation_id", _Id, ForeignKey("organisations.id"), nullable=False),
    Column("place", Text),  # see `appointments.places.place_key`; NULL: all places
    Column("created_at", UtcDateTime, nullable=False),
    Column("read_at", UtcDateTime),  # exact to an hour; NULL: not yet
    Index(None, "agent_id"),
)

inbox_alerts = Table(
    "inbox_alerts",
    metadata,
    # Where an organisation gets the e-mail that messages are waiting.
    Column("organisation_id", _Id, ForeignKey("organisations.id"), primary_key=True),
    Column("email", Text, nullable=False),
)
