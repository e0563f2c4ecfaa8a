"""The audit: who did what to which appointment or account, when and by which channel. All its rows are written here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypeAlias

from sqlalchemy import Connection

from smsbot.model import Actor, Via
from smsbot.store.many import Inserts
from smsbot.store.tables import audit

AuditedAct: TypeAlias = Literal[
    "cancelled",
    "cancellation_requested",
    "cancellation_refused",
    "cancellation_half_done",
    "cancellation_overtaken",
    "cancellation_given_up",
    "cancellation_taken_back",
    "taking_back_requested",
    "taking_back_refused",
    "taking_back_overtaken",
    "taking_back_given_up",
    "reopened",
    "destroyed",
    "announced",
    "locked",
    "unlocked",
    "answered",
    "written_to",
    "sent_again",
    "agent_added",
    "agent_revoked",
    "organisation_taken",
    "role_given",
    "account_renamed",
    "alert_address_set",
    "calendar_made",
    "calendar_renewed",
    "calendar_ended",
    "service_added",
    "service_rotated",
    "service_revoked",
]


def note(
    connection: Connection,
    at: datetime,
    act: AuditedAct,
    by: Actor,
    via: Via,
    *,
    appointment_id: int | None = None,
    participation_id: int | None = None,
    agent: str | None = None,
    administrator_id: int | None = None,
    detail: str | None = None,
) -> None:
    """Write one row, in the transaction of the act. `at` is aware UTC.

    `agent` is the e-mail address of the agent who did it, or whose account was changed; for another system it is the
    name of its account. `administrator_id` is the agent who changed an account in the console. `detail` is what the
    account was given or lost: roles and organisations, by ids.
    """
    about = {"appointment_id": appointment_id, "participation_id": participation_id}
    who = {"agent": agent, "administrator_id": administrator_id, "detail": detail}
    _INSERT.rows(connection, [{"at": at, "act": act, "by": by.value, "way": via.value, **who, **about}])


def note_each(
    connection: Connection,
    at: datetime,
    act: AuditedAct,
    by: Actor,
    via: Via,
    about: Iterable[tuple[int, int]],
    *,
    agent: str | None = None,
) -> None:
    """Write one row for each pair in `about`: our ids of an appointment and a participation."""
    who = {"agent": agent, "administrator_id": None, "detail": None}
    same = {"at": at, "act": act, "by": by.value, "way": via.value, **who}
    rows = [
        {**same, "appointment_id": appointment_id, "participation_id": participation_id}
        for appointment_id, participation_id in about
    ]
    _INSERT.rows(connection, rows)


def note_on_accounts(
    connection: Connection,
    at: datetime,
    via: Via,
    done: Iterable[tuple[AuditedAct, str, str | None]],
    administrator_id: int | None,
) -> None:
    """Write one row for each change of an account. `done` has the act, the account's address and the detail.

    `administrator_id` is the agent who did it in the console; None for the shell.
    """
    by = Actor.SYSTEM if administrator_id is None else Actor.AGENT
    same = {"at": at, "by": by.value, "way": via.value, "administrator_id": administrator_id}
    about = {"appointment_id": None, "participation_id": None}
    rows = [{**same, **about, "act": act, "agent": email, "detail": detail} for act, email, detail in done]
    _INSERT.rows(connection, rows)


_INSERT = Inserts(
    audit, "at", "act", "by", "way", "agent", "administrator_id", "detail", "appointment_id", "participation_id"
)
