"""Organisations, their appointments, the participations (who is expected), batches of appointments, and the audit."""

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
    text,
)

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, of_its_appointment, partial_index

organisations = Table(
    "organisations",
    metadata,
    id_column(),
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
    id_column(),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("organisation_id", RowId, ForeignKey("organisations.id")),
    Column("uuid", Text, nullable=False),  # UID of calendar entries; made here if the source has none
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
    Column("source_event_at", UtcDateTime),  # the time of the newest record from the source that was applied
    Column("destroyed_at", UtcDateTime),  # destroyed at the source, which is final
    Column("not_shown_at", UtcDateTime),  # when its connected source was last asked for it and did not show it
    Column("quiet_until", UtcDateTime),  # no reminder is written before this time, as the importing person asked
    Column("to_read_at", UtcDateTime),  # from this time on it must be read again from its connected source
    Column("changed_at", UtcDateTime, nullable=False),
    UniqueConstraint("source", "external_id"),
    Index(None, "changed_at", "id"),
    Index(None, "starts_at", "id"),
    # Wide, so that the places and labels of an organisation's appointments can be read from this index alone.
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
    partial_index("ix_appointments_addressed", "starts_at", where="address IS NOT NULL"),
    partial_index("ix_appointments_to_read", "to_read_at", where="to_read_at IS NOT NULL"),
)

participations = Table(
    "participations",
    metadata,
    id_column(),
    Column("appointment_id", RowId, ForeignKey("appointments.id"), nullable=False),
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
    Column("folded_names", Text, nullable=False, server_default=text("''")),  # for searches
    Column("phone", Text),
    Column("email", Text),
    Column("notify_by_sms", Boolean, nullable=False),
    Column("notify_by_email", Boolean, nullable=False),
    Column("send_lifecycle_notifications", Boolean, nullable=False),
    Column("send_reminder_notification", Boolean, nullable=False),
    # If there is a responsible person, the columns above combine their data and the usager's. `own` keeps the two
    # apart, because either may change alone. The two times are those of the newest record of each.
    Column("own", JSON(none_as_null=True)),
    Column("person_event_at", UtcDateTime),
    Column("responsible_event_at", UtcDateTime),
    Column("erased_at", UtcDateTime),  # names, number and address were erased; later records must not bring them back
    Column("wrong_answers", SmallInteger, nullable=False, server_default=text("0")),
    Column("wrong_answer_at", UtcDateTime),
    Column("locked_until", UtcDateTime),
    # Answers through the link that contain no letter. They do not count as wrong, but their number is limited.
    Column("unread_answers", SmallInteger, nullable=False, server_default=text("0")),
    Column("unread_answer_at", UtcDateTime),
    Column("reminded_at", UtcDateTime),
    Column("announced_at", UtcDateTime),  # the usager wrote that they will come
    # While an agent may take a cancellation back: until when the usager is not told, and `announced_at` before it.
    Column("held_until", UtcDateTime),
    Column("announced_before", UtcDateTime),
    Column("cancellation_requested_at", UtcDateTime),  # requested here; the source has not answered yet
    Column("taking_back_requested_at", UtcDateTime),  # the usager takes the cancellation back; not answered yet either
    Column("removed_at", UtcDateTime),  # no longer in the appointment at the source
    # The key includes the appointment: a source may number participations within each appointment.
    UniqueConstraint("appointment_id", "external_id"),
    UniqueConstraint("appointment_id", "id"),  # for the foreign keys of other tables
    Index(None, "phone"),
    Index("ix_participations_lower_email", text("lower(email)")),
    # People with a responsible person: their own number and address are in `own`.
    partial_index("ix_participations_own", "appointment_id", where="own IS NOT NULL"),
    # Agents search for parts of names and numbers. A search reads this whole index; it is small.
    partial_index(
        "ix_participations_searched",
        "folded_names",
        "phone",
        "appointment_id",
        "removed_at",
        "erased_at",
        where="removed_at IS NULL AND erased_at IS NULL",
    ),
    Index(None, "source", "usager_external_id"),
    Index(None, "source", "responsible_external_id"),
    # For the purge: people who are not erased yet.
    partial_index("ix_participations_unerased", "appointment_id", where="erased_at IS NULL"),
    # The cancellations of a month.
    partial_index("ix_participations_cancelled_at", "cancelled_at", where="cancelled_at IS NOT NULL"),
)


batches = Table(
    "batches",
    metadata,
    # One act of an agent on many appointments at once.
    id_column(),
    Column("act", Text, nullable=False),  # 'cancel' or 'write'
    Column("way", Text, nullable=False),
    Column("agent_id", RowId, ForeignKey("agents.id")),  # NULL: the operator of the service
    Column("status", Text),  # the status that a cancellation gives: 'revoked' or 'excused'
    Column("word", Text),  # the text for the usagers
    Column("created_at", UtcDateTime, nullable=False),
    Column("begins_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),  # 'running' -> 'done' | 'stopped'
    Column("finished_at", UtcDateTime),
    partial_index("ix_batches_running", "id", where="state = 'running'"),
    # For the purge.
    partial_index("ix_batches_worded", "created_at", where="word IS NOT NULL"),
)

batch_appointments = Table(
    "batch_appointments",
    metadata,
    # The appointments of a batch, with the result for each.
    Column("batch_id", RowId, ForeignKey("batches.id"), primary_key=True),
    Column("appointment_id", RowId, ForeignKey("appointments.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("outcome", Text),  # NULL: not done yet
    Column("done_at", UtcDateTime),
    partial_index("ix_batch_appointments_waiting", "batch_id", "position", where="outcome IS NULL"),
)

audit = Table(
    "audit",
    metadata,
    id_column(),
    Column("at", UtcDateTime, nullable=False),
    Column("act", Text, nullable=False),  # 'cancelled', 'locked', 'unlocked', 'opted_out', …
    Column("by", Text, nullable=False),  # 'usager', 'agent', 'source', 'system'
    Column("way", Text, nullable=False),  # 'sms', 'link', 'api', 'shell', 'console', 'webhook'
    Column("agent", Text),
    Column("administrator_id", RowId, ForeignKey("agents.id")),  # who changed the account of `agent` in the console
    Column("detail", Text),  # the role and the organisations (by ids) that an account was given or lost
    Column("appointment_id", RowId, ForeignKey("appointments.id")),
    Column("participation_id", RowId),
    of_its_appointment(),
    Index(None, "appointment_id"),
    # For the purge: rows that name an agent.
    partial_index("ix_audit_named", "at", where="agent IS NOT NULL"),
)
