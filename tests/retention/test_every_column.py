"""Every column of every table is in a list here: it has no personal data, or it is erased, or there is a reason why
not.

A new column fails here on purpose, until somebody has decided.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import JSON, Text

from smsbot.retention.purging import purge
from smsbot.store.database import Database
from smsbot.store.tables import metadata
from tests.retention.people import BEFORE, NOW, World

ERASED_WITH_TIME = {
    "appointments": {"address"},
    "participations": {
        *("usager_external_id", "responsible_external_id", "first_name", "last_name", "surnames", "first_names"),
        *("folded_names", "phone", "email", "own"),
    },
    "conversations": {"usager_number", "our_number", "memory"},  # the whole row
    "incoming_messages": {"from_number", "body", "topic"},
    "incoming_pieces": {
        "from_number",
        "to_number",
        "reference",
        "body",
        "gateway",
        "gateway_message_id",
    },  # the whole row
    "cancellation_requests": {"agent", "word"},
    "batches": {"word"},
    "outgoing_messages": {"recipient", "subject", "body", "html", "calendar"},
    "audit": {"agent"},
    "inbox_notes": {"text"},  # the whole row
}
"""Columns of text with personal data. The purge empties them."""

ABOUT_NOBODY = {
    "organisations": {"source", "external_id", "name", "phone_number", "email", "verticale", "time_zone"},
    "appointments": {
        *("source", "external_id", "uuid", "time_zone", "status", "label", "motif_external_id", "service_external_id"),
        *("place_name", "place_address", "place_phone_number", "location_type"),
    },
    "participations": {"source", "external_id", "status", "cancelled_by", "cancelled_way"},
    "incoming_messages": {"gateway", "gateway_message_id", "to_number", "outcome", "reason"},
    "outgoing_messages": {
        *("channel", "kind", "sender", "gateway", "state", "gateway_message_id", "delivery_status"),
        *("error_code", "error", "calendar_method", "reply_to"),
    },
    "audit": {"act", "by", "way", "detail"},
    "events": {"type", "by", "way", "status"},
    "event_subscriptions": {"url", "secret", "old_secret", "types"},  # an organisation's own
    "cancellation_requests": {"status", "by", "way", "state", "problem"},
    "seen_messages": {"gateway", "gateway_message_id"},
    "batches": {"act", "way", "status", "state"},
    "batch_appointments": {"outcome"},
    "sender_limits": {"channel", "sender"},
    "inbox_alerts": {"email"},  # an organisation's own
    "ready_answers": {"title", "text"},  # an organisation's own
    "caught_up": {"gateway", "number"},  # one of our numbers
    "heartbeats": {"name"},  # the name of a piece of work
    "last_words": {"source", "feed"},
    "daily_counts": {"day", "what", "labels"},
    "closed_months": {"month"},
    "open_months": {"month"},
    "monthly_figures": {"month"},
    "monthly_places": {"month", "place"},  # only public offices have a name here
    "connected_sources": {"source", "account", "tokens", "renewing_by", "problem"},  # the service's own account there
    "source_logins": {"state_hash", "source", "problem"},
}
"""Columns of text about the service, and ids of the source or of the gateway."""

ON_PURPOSE = {"opt_outs": {"number"}}
"""A number that sent STOP stays until START: see `smsbot.retention`."""

OF_AGENTS = {
    "agents",
    "service_accounts",
    "agent_organisations",
    "former_agent_organisations",
    "agent_tokens",
    "agent_passwords",
    "agent_password_resets",
    "agent_identities",
    "agent_sessions",
    "calendar_feeds",
    "sign_in_throttles",
}
"""Tables of agents' accounts, which end with the account."""


def test_every_column_of_text_has_been_decided_on() -> None:
    for table in metadata.sorted_tables:
        if table.name in OF_AGENTS:
            continue
        decided: set[str] = set().union(*(each.get(table.name, set()) for each in (ERASED_WITH_TIME, ABOUT_NOBODY)))
        decided |= ON_PURPOSE.get(table.name, set())
        columns = {column.name for column in table.c if isinstance(column.type, (Text, JSON))}
        assert columns == decided, f"{table.name}: does the purge erase it, and does an export tell it?"


def test_what_is_to_be_erased_is(database: Database) -> None:
    world = World(database)
    old = BEFORE - timedelta(days=1)
    appointment = world.appointment(old)
    participation = world.participation(appointment, "x", "x", "x")
    received = world.received("x", old)
    message = world.sent("x", old, appointment_id=appointment, participation_id=participation, in_reply_to=received)
    act = world.act(old, "x", appointment_id=appointment)
    request = world.request(old, "x", "x", appointment_id=appointment, participation_id=participation)
    ids = {
        "conversations": world.conversation("x", old),
        "appointments": appointment,
        "participations": participation,
        "incoming_messages": received,
        "incoming_pieces": world.piece("x", old),
        "outgoing_messages": message,
        "audit": act,
        "cancellation_requests": request,
        "batches": world.batch(old, appointment),
        "inbox_notes": world.note(received, old),
    }
    marks: list[str] = []
    for name, columns in ERASED_WITH_TIME.items():
        table = metadata.tables[name]
        values = {column: f"mark-{name}-{column}" for column in columns}
        marks += values.values()
        world.change(table, ids[name], **values)
    before = world.told()
    assert all(mark in before for mark in marks)
    asyncio.run(purge(database, BEFORE, NOW))
    after = world.told()
    assert [mark for mark in marks if mark in after] == []
