"""The state of the sources of appointments."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, false

from smsbot.store.tables.columns import UtcDateTime, metadata

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
