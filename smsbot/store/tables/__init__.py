"""Every table, as SQLAlchemy Core: one module for each part of the field.

A test checks that the migrations build exactly this. Other rooms import the tables from here. Records from outside have
the key (`source`, `external_id`), because two instances of RDV Service Public may use the same numbers.

appointment_tables    organisations, appointments and participations, batches of them, and the audit
source_tables         the state of each source, and requests to it
incoming_tables       messages from usagers, the memory of their conversations, and what agents keep beside them
outgoing_tables       the outbox, and the events that other systems are told
agent_tables          who may act, and how they sign in
figure_tables         counts by day and month, and the last success of background work
columns               what all tables share: the metadata, times in UTC, ids, partial indexes
"""

from __future__ import annotations

from smsbot.store.tables.agent_tables import (
    agent_identities,
    agent_organisations,
    agent_password_resets,
    agent_passwords,
    agent_sessions,
    agent_tokens,
    agents,
    calendar_feeds,
    former_agent_organisations,
    service_accounts,
    sign_in_throttles,
)
from smsbot.store.tables.appointment_tables import (
    appointments,
    audit,
    batch_appointments,
    batches,
    organisations,
    participations,
)
from smsbot.store.tables.columns import UtcDateTime, metadata
from smsbot.store.tables.figure_tables import (
    APPOINTMENT_COUNTS,
    MONTHLY_COUNTS,
    PLACE_COUNTS,
    closed_months,
    daily_counts,
    heartbeats,
    monthly_figures,
    monthly_places,
    open_months,
)
from smsbot.store.tables.incoming_tables import (
    caught_up,
    conversations,
    inbox_alerts,
    inbox_notes,
    incoming_messages,
    incoming_pieces,
    opt_outs,
    ready_answers,
    seen_messages,
)
from smsbot.store.tables.outgoing_tables import (
    event_order,
    event_subscriptions,
    events,
    listed_appointments,
    outgoing_messages,
    sender_limits,
)
from smsbot.store.tables.source_tables import cancellation_requests, connected_sources, last_words, source_logins

__all__ = [
    "APPOINTMENT_COUNTS",
    "MONTHLY_COUNTS",
    "PLACE_COUNTS",
    "UtcDateTime",
    "agent_identities",
    "agent_organisations",
    "agent_password_resets",
    "agent_passwords",
    "agent_sessions",
    "agent_tokens",
    "agents",
    "appointments",
    "audit",
    "batch_appointments",
    "batches",
    "calendar_feeds",
    "cancellation_requests",
    "caught_up",
    "closed_months",
    "connected_sources",
    "conversations",
    "daily_counts",
    "event_order",
    "event_subscriptions",
    "events",
    "former_agent_organisations",
    "heartbeats",
    "inbox_alerts",
    "inbox_notes",
    "incoming_messages",
    "incoming_pieces",
    "last_words",
    "listed_appointments",
    "metadata",
    "monthly_figures",
    "monthly_places",
    "open_months",
    "opt_outs",
    "organisations",
    "outgoing_messages",
    "participations",
    "ready_answers",
    "seen_messages",
    "sender_limits",
    "service_accounts",
    "sign_in_throttles",
    "source_logins",
]
