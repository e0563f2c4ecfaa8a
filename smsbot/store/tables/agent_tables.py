"""Who may act, for which organisations, and how they sign in."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, Text, text

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, partial_index

agents = Table(
    "agents",
    metadata,
    id_column(),
    Column("email", Text, nullable=False, unique=True),  # in lower case; for a service account its name, without an @
    Column("name", Text),
    Column("searched", Text, nullable=False, server_default=text("''")),  # name and address, folded for searches
    # Their role in all organisations: 'agent' or 'administrator'. NULL: only the roles in agent_organisations.
    Column("role_everywhere", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("signed_in_at", UtcDateTime),  # when they last signed in to the console
    Column("revoked_at", UtcDateTime),  # they may not act until they are added again
    partial_index("ix_agents_everywhere", "role_everywhere", where="role_everywhere IS NOT NULL"),
)

service_accounts = Table(
    "service_accounts",
    metadata,
    # Accounts of other systems. They can use only the API, and only what their scopes allow.
    Column("agent_id", RowId, ForeignKey("agents.id"), primary_key=True),
    Column("scopes", JSON, nullable=False),  # a list; see `smsbot.agents.tokens.ApiScope`
    Column("token_days", Integer),  # how many days each of its tokens is valid; NULL: for ever
)

agent_organisations = Table(
    "agent_organisations",
    metadata,
    Column("agent_id", RowId, ForeignKey("agents.id"), primary_key=True),
    # Organisations by the source's ids, without a foreign key: an agent may be added before an organisation is known.
    Column("source", Text, primary_key=True),
    Column("organisation_external_id", Text, primary_key=True),
    Column("role", Text, nullable=False, server_default=text("'agent'")),  # or 'administrator': manages its accounts
    Index("ix_agent_organisations_by_organisation", "source", "organisation_external_id", "agent_id", "role"),
)

former_agent_organisations = Table(
    "former_agent_organisations",
    metadata,
    # The organisations of a revoked agent, so that the administrators there still find the account.
    Column("agent_id", RowId, ForeignKey("agents.id"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("organisation_external_id", Text, primary_key=True),
    Index("ix_former_agent_organisations_by_organisation", "source", "organisation_external_id"),
)

agent_tokens = Table(
    "agent_tokens",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("agent_id", RowId, ForeignKey("agents.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),  # NULL: never
    Column("used_at", UtcDateTime),  # exact to a minute; NULL: not yet
    Index(None, "agent_id"),
)

agent_passwords = Table(
    "agent_passwords",
    metadata,
    Column("agent_id", RowId, ForeignKey("agents.id"), primary_key=True),
    Column("password_hash", Text, nullable=False),  # Argon2id, in its own encoding
    Column("set_at", UtcDateTime, nullable=False),
)

agent_password_resets = Table(
    "agent_password_resets",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("agent_id", RowId, ForeignKey("agents.id"), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "agent_id"),
)

agent_identities = Table(
    "agent_identities",
    metadata,
    # OpenID Connect: `sub` identifies a person for ever; an e-mail address may change (Core 1.0, section 5.7).
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("agent_id", RowId, ForeignKey("agents.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "agent_id"),
)

agent_sessions = Table(
    "agent_sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),  # SHA-256, hexadecimal
    Column("agent_id", RowId, ForeignKey("agents.id"), nullable=False),
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
    Column("spent_until", UtcDateTime, nullable=False),  # after this time the row means nothing
)

calendar_feeds = Table(
    "calendar_feeds",
    metadata,
    # Calendars of an organisation's appointments that a program reads at a secret address. The address is made of the
    # id and the nonce, so a new nonce ends the old address. It works as long as the agent may act in the organisation.
    id_column(),
    Column("nonce", Text, nullable=False),
    Column("agent_id", RowId, ForeignKey("agents.id"), nullable=False),
    Column("organisation_id", RowId, ForeignKey("organisations.id"), nullable=False),
    Column("place", Text),  # see `appointments.appointment.place_key`; NULL: all places
    Column("created_at", UtcDateTime, nullable=False),
    Column("read_at", UtcDateTime),  # exact to an hour; NULL: not yet
    Index(None, "agent_id"),
)
