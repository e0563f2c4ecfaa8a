"""The organisations that appointments are with, as their sources describe them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from smsbot.model import OrganisationRecord
from smsbot.store.database import insert
from smsbot.store.tables import organisations


def remember(connection: Connection, source: str, records: Iterable[OrganisationRecord]) -> Mapping[str, int]:
    """Our ids of these organisations by theirs, what is new about them having been written.

    Where a record does not say (None), what is known stays: a file may give a name alone.
    """
    newest = {record.external_id: record for record in records}
    if not newest:
        return {}
    of_these = (organisations.c.source == source) & organisations.c.external_id.in_(list(newest))
    known = {row.external_id: row._asdict() for row in connection.execute(select(organisations).where(of_these))}
    # Always in the same order: two transactions that write some of the same organisations then wait, and do not block.
    wanting = [record for _, record in sorted(newest.items()) if _is_news(record, known.get(record.external_id))]
    ids = {external_id: int(row["id"]) for external_id, row in known.items()}
    for record in wanting:
        said = _said(record)
        statement = insert(connection, organisations).values(source=source, external_id=record.external_id, **said)
        # The update names the id where nothing else is said: without any, the row that is there would not be returned.
        statement = statement.on_conflict_do_update(
            index_elements=["source", "external_id"], set_=said or {"external_id": record.external_id}
        )
        ids[record.external_id] = connection.execute(statement.returning(organisations.c.id)).scalar_one()
    return ids


def _said(record: OrganisationRecord) -> dict[str, str]:
    return {name: value for name, value in asdict(record).items() if name != "external_id" and value is not None}


def _is_news(record: OrganisationRecord, row: Mapping[str, Any] | None) -> bool:
    return row is None or any(row[name] != value for name, value in _said(record).items())
