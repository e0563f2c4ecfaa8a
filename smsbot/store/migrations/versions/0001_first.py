"""The schema of smsbot 0.1."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite autoincrements only a column that is declared exactly INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "agents",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("email", sa.Text(), nullable=False, unique=True),
        sa.Column("name", sa.Text()),
        sa.Column("searched", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("role_everywhere", sa.Text()),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("signed_in_at", Moment),
        sa.Column("revoked_at", Moment),
    )
    op.create_index(
        "ix_agents_everywhere",
        "agents",
        ["role_everywhere"],
        sqlite_where=sa.text("role_everywhere IS NOT NULL"),
        postgresql_where=sa.text("role_everywhere IS NOT NULL"),
    )

    op.create_table(
        "caught_up",
        sa.Column("gateway", sa.Text(), primary_key=True),
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("since", Moment, nullable=False),
        sa.Column("until", Moment, nullable=False),
    )

    op.create_table(
        "heartbeats",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("at", Moment, nullable=False),
    )

    op.create_table(
        "closed_months",
        sa.Column("month", sa.Text(), primary_key=True),
        sa.Column("closed_at", Moment, nullable=False),
        sa.Column("is_thinned", sa.Boolean(), nullable=False, server_default=sa.false()),
    )

    op.create_table(
        "daily_counts",
        sa.Column("day", sa.Text(), primary_key=True),
        sa.Column("what", sa.Text(), primary_key=True),
        sa.Column("labels", sa.Text(), primary_key=True),
        sa.Column("slot", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
    )

    op.create_table(
        "connected_sources",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("account", sa.Text()),
        sa.Column("tokens", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("expires_at", Moment),
        sa.Column("signed_in_at", Moment),
        sa.Column("renewing_by", sa.Text()),
        sa.Column("renewing_until", Moment),
        sa.Column("problem", sa.Text()),
        sa.Column("problem_at", Moment),
        sa.Column("signed_out", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("synced_at", Moment),
        sa.Column("syncing_until", Moment),
    )

    op.create_table(
        "last_words",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("feed", sa.Text(), primary_key=True),
        sa.Column("at", Moment, nullable=False),
    )

    op.create_table(
        "source_logins",
        sa.Column("state_hash", sa.Text(), primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("used_at", Moment),
        sa.Column("finished_at", Moment),
        sa.Column("problem", sa.Text()),
    )
    op.create_index("ix_source_logins_expires_at", "source_logins", ["expires_at"])

    op.create_table(
        "conversations",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("usager_number", sa.Text(), nullable=False),
        sa.Column("our_number", sa.Text(), nullable=False),
        sa.Column("memory", sa.JSON(), nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.UniqueConstraint("usager_number", "our_number"),
    )
    op.create_index("ix_conversations_updated_at", "conversations", ["updated_at"])

    op.create_table(
        "opt_outs",
        sa.Column("number", sa.Text(), primary_key=True),
        sa.Column("opted_out_at", Moment, nullable=False),
        sa.Column("by_stranger", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_opt_outs_opted_out_at_number", "opt_outs", ["opted_out_at", "number"])

    op.create_table(
        "organisations",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("phone_number", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.Column("verticale", sa.Text()),
        sa.Column("time_zone", sa.Text()),
        sa.UniqueConstraint("source", "external_id"),
    )

    op.create_table(
        "sender_limits",
        sa.Column("channel", sa.Text(), primary_key=True),
        sa.Column("sender", sa.Text(), primary_key=True),
        sa.Column("free_at", Moment),
        sa.Column("paused_until", Moment),
        sa.Column("paused_at", Moment),
    )

    op.create_table(
        "sign_in_throttles",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("spent_until", Moment, nullable=False),
    )

    op.create_table(
        "agent_identities",
        sa.Column("issuer", sa.Text(), primary_key=True),
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
    )
    op.create_index("ix_agent_identities_agent_id", "agent_identities", ["agent_id"])

    op.create_table(
        "agent_organisations",
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), primary_key=True),
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("organisation_external_id", sa.Text(), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False, server_default=sa.text("'agent'")),
    )
    op.create_index(
        "ix_agent_organisations_by_organisation",
        "agent_organisations",
        ["source", "organisation_external_id", "agent_id", "role"],
    )

    op.create_table(
        "former_agent_organisations",
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), primary_key=True),
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("organisation_external_id", sa.Text(), primary_key=True),
    )
    op.create_index(
        "ix_former_agent_organisations_by_organisation",
        "former_agent_organisations",
        ["source", "organisation_external_id"],
    )

    op.create_table(
        "agent_password_resets",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
    )
    op.create_index("ix_agent_password_resets_agent_id", "agent_password_resets", ["agent_id"])

    op.create_table(
        "agent_passwords",
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), primary_key=True),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("set_at", Moment, nullable=False),
    )

    op.create_table(
        "agent_sessions",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("opened_at", Moment, nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.Column("id_token", sa.Text()),
    )
    op.create_index("ix_agent_sessions_agent_id", "agent_sessions", ["agent_id"])
    op.create_index("ix_agent_sessions_opened_at", "agent_sessions", ["opened_at"])

    op.create_table(
        "agent_tokens",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment),
        sa.Column("used_at", Moment),
    )
    op.create_index("ix_agent_tokens_agent_id", "agent_tokens", ["agent_id"])

    op.create_table(
        "service_accounts",
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), primary_key=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("token_days", sa.Integer()),
    )

    op.create_table(
        "open_months",
        sa.Column("month", sa.Text(), primary_key=True),
        sa.Column("counted_at", Moment, nullable=False),
    )

    op.create_table(
        "monthly_figures",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("organisation_id", Id, sa.ForeignKey("organisations.id")),
        sa.Column("cancelled_by_sms", sa.Integer(), nullable=False),
        sa.Column("cancelled_by_link", sa.Integer(), nullable=False),
        sa.Column("cancelled_by_api", sa.Integer(), nullable=False),
        sa.Column("cancelled_by_shell", sa.Integer(), nullable=False),
        sa.Column("cancelled_by_console", sa.Integer(), nullable=False),
        sa.Column("cancelled_by_webhook", sa.Integer(), nullable=False),
        sa.Column("cancelled_begun", sa.Integer(), nullable=False),
        sa.Column("cancelled_under_4_hours", sa.Integer(), nullable=False),
        sa.Column("cancelled_4_to_24_hours", sa.Integer(), nullable=False),
        sa.Column("cancelled_24_to_48_hours", sa.Integer(), nullable=False),
        sa.Column("cancelled_2_to_7_days", sa.Integer(), nullable=False),
        sa.Column("cancelled_7_days_or_more", sa.Integer(), nullable=False),
        sa.Column("places_freed_early", sa.Integer(), nullable=False),
        sa.Column("messages_understood", sa.Integer(), nullable=False),
        sa.Column("messages_not_understood", sa.Integer(), nullable=False),
        sa.Column("messages_not_read", sa.Integer(), nullable=False),
        sa.Column("stops", sa.Integer(), nullable=False),
        sa.Column("sms_sent", sa.Integer(), nullable=False),
        sa.Column("sms_segments", sa.Integer(), nullable=False),
        sa.Column("sms_failed", sa.Integer(), nullable=False),
        sa.Column("sms_tried", sa.Integer(), nullable=False),
        sa.Column("emails_sent", sa.Integer(), nullable=False),
        sa.Column("emails_failed", sa.Integer(), nullable=False),
        sa.Column("emails_tried", sa.Integer(), nullable=False),
        sa.Column("reminders_sent", sa.Integer(), nullable=False),
        sa.Column("answered_under_1_hour", sa.Integer(), nullable=False),
        sa.Column("answered_1_to_4_hours", sa.Integer(), nullable=False),
        sa.Column("answered_4_to_24_hours", sa.Integer(), nullable=False),
        sa.Column("answered_24_hours_or_more", sa.Integer(), nullable=False),
    )
    op.create_index("ix_monthly_figures_month_organisation_id", "monthly_figures", ["month", "organisation_id"])

    op.create_table(
        "monthly_places",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("organisation_id", Id, sa.ForeignKey("organisations.id")),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("appointments", sa.Integer(), nullable=False),
        sa.Column("appointments_cancelled", sa.Integer(), nullable=False),
        sa.Column("appointments_freed_early", sa.Integer(), nullable=False),
        sa.Column("appointments_announced", sa.Integer(), nullable=False),
        sa.Column("appointments_seen", sa.Integer(), nullable=False),
        sa.Column("appointments_missed", sa.Integer(), nullable=False),
        sa.Column("segments_at_place", sa.Integer(), nullable=False),
    )
    op.create_index("ix_monthly_places_month_organisation_id", "monthly_places", ["month", "organisation_id"])

    op.create_table(
        "appointments",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("organisation_id", Id, sa.ForeignKey("organisations.id")),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("starts_at", Moment, nullable=False),
        sa.Column("ends_at", Moment),
        sa.Column("time_zone", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("collective", sa.Boolean(), nullable=False),
        sa.Column("label", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("place_name", sa.Text()),
        sa.Column("place_address", sa.Text()),
        sa.Column("place_phone_number", sa.Text()),
        sa.Column("motif_external_id", sa.Text()),
        sa.Column("service_external_id", sa.Text()),
        sa.Column("location_type", sa.Text(), nullable=False),
        sa.Column("bookable_by_everyone", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment),
        sa.Column("calendar_sequence", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("source_event_at", Moment),
        sa.Column("destroyed_at", Moment),
        sa.Column("not_shown_at", Moment),
        sa.Column("quiet_until", Moment),
        sa.Column("to_read_at", Moment),
        sa.Column("changed_at", Moment, nullable=False),
        sa.UniqueConstraint("source", "external_id"),
    )
    op.create_index(
        "ix_appointments_addressed",
        "appointments",
        ["starts_at"],
        sqlite_where=sa.text("address IS NOT NULL"),
        postgresql_where=sa.text("address IS NOT NULL"),
    )
    op.create_index(
        "ix_appointments_organisation_id_starts_at",
        "appointments",
        [
            "organisation_id",
            "starts_at",
            "location_type",
            "place_name",
            "label",
            "motif_external_id",
            "service_external_id",
        ],
    )
    op.create_index("ix_appointments_starts_at_id", "appointments", ["starts_at", "id"])
    op.create_index("ix_appointments_changed_at_id", "appointments", ["changed_at", "id"])
    op.create_index(
        "ix_appointments_to_read",
        "appointments",
        ["to_read_at"],
        sqlite_where=sa.text("to_read_at IS NOT NULL"),
        postgresql_where=sa.text("to_read_at IS NOT NULL"),
    )

    op.create_table(
        "calendar_feeds",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("organisation_id", Id, sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("place", sa.Text()),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("read_at", Moment),
    )
    op.create_index("ix_calendar_feeds_agent_id", "calendar_feeds", ["agent_id"])

    op.create_table(
        "inbox_alerts",
        sa.Column("organisation_id", Id, sa.ForeignKey("organisations.id"), primary_key=True),
        sa.Column("email", sa.Text(), nullable=False),
    )

    op.create_table(
        "incoming_messages",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("gateway_message_id", sa.Text(), nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("from_number", sa.Text(), nullable=False),
        sa.Column("to_number", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("for_agents", sa.Boolean(), nullable=False),
        sa.Column("topic", sa.Text()),
        sa.Column("organisation_id", Id, sa.ForeignKey("organisations.id")),
        sa.Column("assigned_to", Id, sa.ForeignKey("agents.id")),
        sa.Column("assigned_by", Id, sa.ForeignKey("agents.id")),
        sa.Column("held_by", Id, sa.ForeignKey("agents.id")),
        sa.Column("held_until", Moment),
        sa.Column("comes_back_at", Moment),
        sa.Column("put_off_by", Id, sa.ForeignKey("agents.id")),
        sa.Column("handled_by", Id, sa.ForeignKey("agents.id")),
        sa.Column("handled_at", Moment),
        sa.Column("alerted_at", Moment),
        sa.UniqueConstraint("gateway", "gateway_message_id"),
    )
    op.create_index(
        "ix_incoming_messages_unerased",
        "incoming_messages",
        ["received_at"],
        sqlite_where=sa.text("from_number <> ''"),
        postgresql_where=sa.text("from_number <> ''"),
    )
    op.create_index("ix_incoming_messages_from_number_received_at", "incoming_messages", ["from_number", "received_at"])
    op.create_index(
        "ix_incoming_messages_organisation_id_received_at", "incoming_messages", ["organisation_id", "received_at"]
    )
    op.create_index("ix_incoming_messages_received_at", "incoming_messages", ["received_at"])
    op.create_index(
        "ix_incoming_messages_waiting",
        "incoming_messages",
        ["organisation_id", "from_number", "received_at"],
        sqlite_where=sa.text("for_agents = 1 AND handled_at IS NULL"),
        postgresql_where=sa.text("for_agents AND handled_at IS NULL"),
    )
    op.create_index(
        "ix_incoming_messages_handled",
        "incoming_messages",
        ["organisation_id", "handled_at"],
        sqlite_where=sa.text("for_agents = 1 AND handled_at IS NOT NULL"),
        postgresql_where=sa.text("for_agents AND handled_at IS NOT NULL"),
    )
    op.create_index(
        "ix_incoming_messages_strangers",
        "incoming_messages",
        ["received_at"],
        sqlite_where=sa.text("outcome = 'no_appointment'"),
        postgresql_where=sa.text("outcome = 'no_appointment'"),
    )

    op.create_table(
        "inbox_notes",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("message_id", Id, sa.ForeignKey("incoming_messages.id"), nullable=False),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("written_at", Moment, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_index("ix_inbox_notes_message_id", "inbox_notes", ["message_id"])

    op.create_table(
        "ready_answers",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("organisation_id", Id, sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.UniqueConstraint("organisation_id", "title"),
    )

    op.create_table(
        "incoming_pieces",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("gateway", sa.Text(), nullable=False),
        sa.Column("gateway_message_id", sa.Text(), nullable=False),
        sa.Column("received_at", Moment, nullable=False),
        sa.Column("written_at", Moment),
        sa.Column("from_number", sa.Text(), nullable=False),
        sa.Column("to_number", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("total", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.UniqueConstraint("gateway", "gateway_message_id"),
    )
    op.create_index("ix_incoming_pieces_from_number", "incoming_pieces", ["from_number"])
    op.create_index("ix_incoming_pieces_received_at", "incoming_pieces", ["received_at"])

    op.create_table(
        "seen_messages",
        sa.Column("gateway", sa.Text(), primary_key=True),
        sa.Column("gateway_message_id", sa.Text(), primary_key=True),
        sa.Column("seen_at", Moment, nullable=False),
    )
    op.create_index("ix_seen_messages_seen_at", "seen_messages", ["seen_at"])

    op.create_table(
        "participations",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("appointment_id", Id, sa.ForeignKey("appointments.id"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("usager_external_id", sa.Text()),
        sa.Column("responsible_external_id", sa.Text()),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cancelled_at", Moment),
        sa.Column("cancelled_by", sa.Text()),
        sa.Column("cancelled_way", sa.Text()),
        sa.Column("first_name", sa.Text()),
        sa.Column("last_name", sa.Text()),
        sa.Column("surnames", sa.JSON(), nullable=False),
        sa.Column("first_names", sa.JSON(), nullable=False),
        sa.Column("folded_names", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("phone", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.Column("notify_by_sms", sa.Boolean(), nullable=False),
        sa.Column("notify_by_email", sa.Boolean(), nullable=False),
        sa.Column("send_lifecycle_notifications", sa.Boolean(), nullable=False),
        sa.Column("send_reminder_notification", sa.Boolean(), nullable=False),
        sa.Column("own", sa.JSON()),
        sa.Column("person_event_at", Moment),
        sa.Column("responsible_event_at", Moment),
        sa.Column("erased_at", Moment),
        sa.Column("wrong_answers", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("wrong_answer_at", Moment),
        sa.Column("locked_until", Moment),
        sa.Column("unread_answers", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("unread_answer_at", Moment),
        sa.Column("reminded_at", Moment),
        sa.Column("announced_at", Moment),
        sa.Column("held_until", Moment),
        sa.Column("announced_before", Moment),
        sa.Column("cancellation_requested_at", Moment),
        sa.Column("taking_back_requested_at", Moment),
        sa.Column("removed_at", Moment),
        sa.UniqueConstraint("appointment_id", "external_id"),
        sa.UniqueConstraint("appointment_id", "id"),
    )
    op.create_index(
        "ix_participations_unerased",
        "participations",
        ["appointment_id"],
        sqlite_where=sa.text("erased_at IS NULL"),
        postgresql_where=sa.text("erased_at IS NULL"),
    )
    op.create_index("ix_participations_phone", "participations", ["phone"])
    op.create_index("ix_participations_lower_email", "participations", [sa.text("lower(email)")])
    op.create_index(
        "ix_participations_own",
        "participations",
        ["appointment_id"],
        sqlite_where=sa.text("own IS NOT NULL"),
        postgresql_where=sa.text("own IS NOT NULL"),
    )
    op.create_index(
        "ix_participations_searched",
        "participations",
        ["folded_names", "phone", "appointment_id", "removed_at", "erased_at"],
        sqlite_where=sa.text("removed_at IS NULL AND erased_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL AND erased_at IS NULL"),
    )
    op.create_index("ix_participations_source_usager_external_id", "participations", ["source", "usager_external_id"])
    op.create_index(
        "ix_participations_source_responsible_external_id", "participations", ["source", "responsible_external_id"]
    )
    op.create_index(
        "ix_participations_cancelled_at",
        "participations",
        ["cancelled_at"],
        sqlite_where=sa.text("cancelled_at IS NOT NULL"),
        postgresql_where=sa.text("cancelled_at IS NOT NULL"),
    )

    op.create_table(
        "audit",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("administrator_id", Id, sa.ForeignKey("agents.id")),
        sa.Column("detail", sa.Text()),
        sa.Column("appointment_id", Id, sa.ForeignKey("appointments.id")),
        sa.Column("participation_id", Id),
        sa.ForeignKeyConstraint(
            ["appointment_id", "participation_id"], ["participations.appointment_id", "participations.id"]
        ),
    )
    op.create_index(
        "ix_audit_named",
        "audit",
        ["at"],
        sqlite_where=sa.text("agent IS NOT NULL"),
        postgresql_where=sa.text("agent IS NOT NULL"),
    )
    op.create_index("ix_audit_appointment_id", "audit", ["appointment_id"])

    op.create_table(
        "outgoing_messages",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("gateway", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("html", sa.Text()),
        sa.Column("calendar", sa.Text()),
        sa.Column("calendar_method", sa.Text()),
        sa.Column("reply_to", sa.Text()),
        sa.Column("segments", sa.SmallInteger()),
        sa.Column("appointment_id", Id, sa.ForeignKey("appointments.id")),
        sa.Column("participation_id", Id),
        sa.Column("in_reply_to", Id, sa.ForeignKey("incoming_messages.id")),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id")),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("attempted_at", Moment),
        sa.Column("repeats", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("gateway_message_id", sa.Text()),
        sa.Column("delivery_status", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("sent_at", Moment),
        sa.Column("finished_at", Moment),
        sa.ForeignKeyConstraint(
            ["appointment_id", "participation_id"], ["participations.appointment_id", "participations.id"]
        ),
    )
    op.create_index(
        "ix_outgoing_messages_unerased",
        "outgoing_messages",
        ["created_at"],
        sqlite_where=sa.text("recipient <> ''"),
        postgresql_where=sa.text("recipient <> ''"),
    )
    op.create_index(
        "ix_outgoing_messages_waiting",
        "outgoing_messages",
        ["channel", "lane", "sender", "due_at", "id"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index("ix_outgoing_messages_gateway_message_id", "outgoing_messages", ["gateway_message_id"])
    op.create_index("ix_outgoing_messages_recipient_id", "outgoing_messages", ["recipient", "id"])
    op.create_index("ix_outgoing_messages_created_at", "outgoing_messages", ["created_at"])
    op.create_index(
        "ix_outgoing_messages_addresses",
        "outgoing_messages",
        [sa.text("lower(recipient)")],
        sqlite_where=sa.text("channel = 'email'"),
        postgresql_where=sa.text("channel = 'email'"),
    )
    failed = sa.text("state IN ('refused', 'resting') OR delivery_status IN ('undelivered', 'failed', 'canceled')")
    op.create_index(
        "ix_outgoing_messages_failed",
        "outgoing_messages",
        ["appointment_id"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
    op.create_index(
        "ix_outgoing_messages_given_up",
        "outgoing_messages",
        ["created_at"],
        sqlite_where=sa.text("state IN ('refused', 'resting')"),
        postgresql_where=sa.text("state IN ('refused', 'resting')"),
    )
    op.create_index(
        "ix_outgoing_messages_resting",
        "outgoing_messages",
        ["channel", "kind"],
        sqlite_where=sa.text("state = 'resting'"),
        postgresql_where=sa.text("state = 'resting'"),
    )
    op.create_index(
        "ix_outgoing_messages_answers",
        "outgoing_messages",
        ["in_reply_to"],
        sqlite_where=sa.text("agent_id IS NOT NULL"),
        postgresql_where=sa.text("agent_id IS NOT NULL"),
    )
    op.create_index(
        "ix_outgoing_messages_in_reply_to",
        "outgoing_messages",
        ["in_reply_to"],
        sqlite_where=sa.text("in_reply_to IS NOT NULL"),
        postgresql_where=sa.text("in_reply_to IS NOT NULL"),
    )
    op.create_index(
        "ix_outgoing_messages_to_agents",
        "outgoing_messages",
        ["created_at"],
        sqlite_where=sa.text("kind = 'agents' AND body <> ''"),
        postgresql_where=sa.text("kind = 'agents' AND body <> ''"),
    )
    op.create_index(
        "ix_outgoing_messages_sending",
        "outgoing_messages",
        ["channel", "due_at", "id"],
        sqlite_where=sa.text("state = 'sending'"),
        postgresql_where=sa.text("state = 'sending'"),
    )
    op.create_index(
        "ix_outgoing_messages_unfinished",
        "outgoing_messages",
        ["channel", "recipient", "id"],
        sqlite_where=sa.text("state IN ('waiting', 'sending')"),
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
    )

    op.create_table(
        "cancellation_requests",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("appointment_id", Id, sa.ForeignKey("appointments.id"), nullable=False),
        sa.Column("participation_id", Id),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text()),
        sa.Column("word", sa.Text()),
        sa.Column("in_reply_to", Id, sa.ForeignKey("incoming_messages.id")),
        sa.Column("requested_at", Moment, nullable=False),
        sa.Column("starts_at", Moment, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("leased_until", Moment),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("registered_at", Moment),
        sa.Column("finished_at", Moment),
        sa.Column("problem", sa.Text()),
        sa.ForeignKeyConstraint(
            ["appointment_id", "participation_id"], ["participations.appointment_id", "participations.id"]
        ),
    )
    op.create_index(
        "ix_cancellation_requests_in_reply_to",
        "cancellation_requests",
        ["in_reply_to"],
        sqlite_where=sa.text("in_reply_to IS NOT NULL"),
        postgresql_where=sa.text("in_reply_to IS NOT NULL"),
    )
    op.create_index("ix_cancellation_requests_appointment_id", "cancellation_requests", ["appointment_id"])
    op.create_index(
        "ix_cancellation_requests_waiting",
        "cancellation_requests",
        ["due_at", "id"],
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_cancellation_requests_refused",
        "cancellation_requests",
        ["finished_at"],
        sqlite_where=sa.text("state = 'refused'"),
        postgresql_where=sa.text("state = 'refused'"),
    )

    op.create_table(
        "batches",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id")),
        sa.Column("status", sa.Text()),
        sa.Column("word", sa.Text()),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("begins_at", Moment, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("finished_at", Moment),
    )
    op.create_index(
        "ix_batches_running",
        "batches",
        ["id"],
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_batches_worded",
        "batches",
        ["created_at"],
        sqlite_where=sa.text("word IS NOT NULL"),
        postgresql_where=sa.text("word IS NOT NULL"),
    )
    op.create_table(
        "batch_appointments",
        sa.Column("batch_id", Id, sa.ForeignKey("batches.id"), primary_key=True),
        sa.Column("appointment_id", Id, sa.ForeignKey("appointments.id"), primary_key=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("done_at", Moment),
    )
    op.create_index(
        "ix_batch_appointments_waiting",
        "batch_appointments",
        ["batch_id", "position"],
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )

    op.create_table(
        "listed_appointments",
        sa.Column("outgoing_message_id", Id, sa.ForeignKey("outgoing_messages.id"), primary_key=True),
        sa.Column("appointment_id", Id, sa.ForeignKey("appointments.id"), primary_key=True),
    )
    op.create_index("ix_listed_appointments_appointment_id", "listed_appointments", ["appointment_id"])
    op.create_index("ix_outgoing_messages_appointment_id", "outgoing_messages", ["appointment_id"])

    op.create_table(
        "events",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("position", sa.BigInteger()),
        sa.Column("at", Moment, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("organisation_id", Id, sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("appointment_id", Id),
        sa.Column("participation_id", Id),
        sa.Column("incoming_message_id", Id),
        sa.Column("outgoing_message_id", Id),
        sa.Column("by", sa.Text()),
        sa.Column("way", sa.Text()),
        sa.Column("status", sa.Text()),
    )
    op.create_index("ix_events_position", "events", ["position"], unique=True)
    op.create_index("ix_events_organisation_id_position", "events", ["organisation_id", "position"])
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index(
        "ix_events_new",
        "events",
        ["id"],
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )

    op.create_table(
        "event_order",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
    )

    op.create_table(
        "event_subscriptions",
        sa.Column("id", Id, primary_key=True, autoincrement=True),
        sa.Column("agent_id", Id, sa.ForeignKey("agents.id"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text()),
        sa.Column("old_secret_until", Moment),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("ended_at", Moment),
    )
    op.create_index("ix_event_subscriptions_agent_id", "event_subscriptions", ["agent_id"])
