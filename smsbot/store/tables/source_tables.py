"""The state of the sources of appointments, and the requests to them to cancel."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, false, text

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, of_its_appointment, partial_index

connected_sources = Table(
    "connected_sources",
    metadata,
    # The state of each connected source (RDV Service Public), by its name.
    Column("source", Text, primary_key=True),
    Column("account", Text),  # the agent as whom we are signed in there: name and e-mail address
    Column("tokens", Text),  # sealed with a key derived from SMSBOT_SECRET_KEY
    Column("version", Integer, nullable=False),  # how often the tokens were replaced
    Column("expires_at", UtcDateTime),
    Column("signed_in_at", UtcDateTime),
    Column("renewing_by", Text),  # the process that renews the tokens now; its claim ends at `renewing_until`
    Column("renewing_until", UtcDateTime),
    Column("problem", Text),  # why nobody is signed in, or what was last refused; NULL after a successful call
    Column("problem_at", UtcDateTime),
    Column("signed_out", Boolean, nullable=False, server_default=false()),  # the problem is that nobody is signed in
    Column("synced_at", UtcDateTime),  # when the last complete reading of all coming appointments ended
    Column("syncing_until", UtcDateTime),  # a process is reading them; moved forward with each page
)

source_logins = Table(
    "source_logins",
    metadata,
    # Sign-ins that an operator has begun: an agent consents in a browser, which returns with the `state`.
    Column("state_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("source", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),  # when the browser returned; the `state` is valid once
    Column("finished_at", UtcDateTime),
    Column("problem", Text),  # why this sign-in failed
    Index(None, "expires_at"),
)

last_words = Table(
    "last_words",
    metadata,
    # When each source of appointments, connected or not, last sent something; exact to a minute.
    Column("source", Text, primary_key=True),
    Column("feed", Text, primary_key=True),  # webhook, api or file
    Column("at", UtcDateTime, nullable=False),
)


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
