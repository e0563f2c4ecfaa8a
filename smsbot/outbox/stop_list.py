"""The numbers that have said STOP. They get no SMS until START."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared
from smsbot.store.tables import opt_outs

OPTED_OUT_AMONG = Prepared(select(opt_outs.c.number).where(is_one_of(opt_outs.c.number, "phones")))
"""The numbers among `phones` (E.164) that have said STOP."""


def opted_out_among(connection: Connection, numbers: Collection[str]) -> set[str]:
    """Those of these numbers (E.164) that have said STOP."""
    rows = OPTED_OUT_AMONG.rows(connection, {"phones": list(numbers)}) if numbers else []
    return {number for [number] in rows}


def is_opted_out(connection: Connection, number: str) -> bool:
    """Whether this number (E.164) has said STOP."""
    return bool(opted_out_among(connection, [number]))
