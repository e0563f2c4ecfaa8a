"""Organisations, their appointments, and who is expected: the participations."""

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

from smsbot.store.tables.columns import RowId, UtcDateTime, id_column, metadata, partial_index

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
    partial_index("ix_participations_own", "appointment_id", where="own IS NOT NULL"),
    # Agents search for parts of names and numbers. All rows of this index are read for it; they are few.
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
    # For the purge: who is not erased yet.
    partial_index("ix_participations_unerased", "appointment_id", where="erased_at IS NULL"),
    # The cancellations of a month.
    partial_index("ix_participations_cancelled_at", "cancelled_at", where="cancelled_at IS NOT NULL"),
)
