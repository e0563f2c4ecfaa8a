"""Every table, as SQLAlchemy Core: a module for each part of the field. The migrations build exactly this.

A test compares the two. Other rooms import the tables from here. Records from outside are keyed by (`source`,
`external_id`), so that two instances of RDV Service Public may share numbers.

appointment_tables    organisations, appointments, and who is expected
act_tables            what is done to them: requests to their source, batches, the audit
source_tables         how it stands with the sources
incoming_tables       messages from usagers, and what is remembered of their conversations
outgoing_tables       the outbox
inbox_tables          what agents keep beside the messages of their inbox
agent_tables          who may act, and how they sign in
event_tables          what other systems are told of
figure_tables         what is counted, and when background work last succeeded
columns               what all of them share: the metadata, moments in UTC, ids, indexes of some of the rows
"""

from __future__ import annotations

from smsbot.store.tables.act_tables import audit, batch_appointments, batches, cancellation_requests
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
from smsbot.store.tables.appointment_tables import appointments, organisations, participations
from smsbot.store.tables.columns import UtcDateTime, metadata
from smsbot.store.tables.event_tables import event_order, event_subscriptions, events
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
from smsbot.store.tables.inbox_tables import inbox_alerts, inbox_notes, ready_answers
from smsbot.store.tables.incoming_tables import (
    caught_up,
    conversations,
    incoming_messages,
    incoming_pieces,
    opt_outs,
    seen_messages,
)
from smsbot.store.tables.outgoing_tables import listed_appointments, outgoing_messages, sender_limits
from smsbot.store.tables.source_tables import connected_sources, last_words, source_logins

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
