"""Loads many appointments at once, with participations and organisations, and writes what `merging` has decided.

Rows are locked in the same order as in a cancellation, so that the two never wait for each other for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, Update, bindparam, insert, select, update

from smsbot.appointments.intake.merging import Columns, Merge, Stored
from smsbot.model import OrganisationRecord
from smsbot.store.database import serialise, upsert
from smsbot.store.tables import appointments, organisations, participations


@dataclass(frozen=True, slots=True)
class StoredIds:
    """Our ids of an appointment and of all its participations. `participation_ids` are by the ids of the source."""

    appointment_id: int
    participation_ids: Mapping[str, int]


def lock(connection: Connection, source: str, external_ids: Iterable[str]) -> None:
    """Lock these records, known or not, so that nobody else takes them in until the transaction ends."""
    for external_id in sorted(external_ids):
        serialise(connection, f"appointment:{source}:{external_id}")


def load_stored(connection: Connection, source: str, external_ids: Sequence[str]) -> dict[str, Stored]:
    """The stored appointments among these, by their ids at the source. They are locked until the transaction ends."""
    these = (appointments.c.source == source) & appointments.c.external_id.in_(external_ids)
    # The appointments first, as whoever cancels one: with its participations first, the two would wait for each other.
    wholes = connection.execute(select(appointments).where(these).order_by(appointments.c.id).with_for_update()).all()
    parts = connection.execute(
        select(participations)
        .join(appointments)
        .where(these)
        .order_by(participations.c.id)
        .with_for_update(of=participations)
    )
    of_appointment: dict[int, dict[str, Columns]] = {}
    for part in parts:
        of_appointment.setdefault(part.appointment_id, {})[part.external_id] = part._asdict()
    return {whole.external_id: Stored(whole._asdict(), of_appointment.get(whole.id, {})) for whole in wholes}


def write_merges(
    connection: Connection, source: str, stored: Mapping[str, Stored], merges: Mapping[str, Merge], now: datetime
) -> dict[str, StoredIds]:
    """Write what each merge changes, by the appointments' ids at the source."""
    ids = {external_id: int(known.appointment["id"]) for external_id, known in stored.items() if external_id in merges}
    ids |= _insert_appointments(connection, source, merges, without=ids)
    _update(
        connection,
        appointments,
        [
            {**merges[external_id].appointment, "row_id": appointment_id}
            for external_id, appointment_id in ids.items()
            if external_id in stored and _is_news(stored[external_id].appointment, merges[external_id])
        ],
    )
    known = {
        external_id: {part: int(row["id"]) for part, row in stored[external_id].participations.items()}
        if external_id in stored
        else {}
        for external_id in ids
    }
    added = _insert_participations(connection, source, ids, known, merges)
    _update(
        connection,
        participations,
        [
            {**columns, "row_id": known[external_id][part]}
            for external_id, merge in merges.items()
            for part, columns in merge.participations.items()
            if part in known[external_id]
        ],
    )
    remove(connection, [known[each][part] for each, merge in merges.items() for part in merge.removed], now)
    return {each: StoredIds(ids[each], {**known[each], **added.get(ids[each], {})}) for each in merges}


def remember_organisations(
    connection: Connection, source: str, records: Iterable[OrganisationRecord]
) -> Mapping[str, int]:
    """Write what is new about these organisations. Returns our ids, by the ids of the source.

    What a record does not say (None) stays as it is stored: a file may give only a name.
    """
    newest = {record.external_id: record for record in records}
    if not newest:
        return {}
    of_these = (organisations.c.source == source) & organisations.c.external_id.in_(list(newest))
    known = {row.external_id: row._asdict() for row in connection.execute(select(organisations).where(of_these))}
    # Always in the same order, so that two transactions do not wait for each other for ever.
    wanting = [record for _, record in sorted(newest.items()) if _says_news(record, known.get(record.external_id))]
    ids = {external_id: int(row["id"]) for external_id, row in known.items()}
    for record in wanting:
        said = _said(record)
        statement = upsert(connection, organisations).values(source=source, external_id=record.external_id, **said)
        # Without any column to update, RETURNING would leave out a row that exists. So the id is updated to itself.
        statement = statement.on_conflict_do_update(
            index_elements=["source", "external_id"], set_=said or {"external_id": record.external_id}
        )
        ids[record.external_id] = connection.execute(statement.returning(organisations.c.id)).scalar_one()
    return ids


def remove(connection: Connection, participation_ids: Sequence[int], now: datetime) -> None:
    """Mark these participations (our ids) as no longer part of their appointments."""
    if participation_ids:
        connection.execute(
            update(participations).where(participations.c.id.in_(participation_ids)).values(removed_at=now)
        )


def _said(record: OrganisationRecord) -> dict[str, str]:
    return {name: value for name, value in asdict(record).items() if name != "external_id" and value is not None}


def _says_news(record: OrganisationRecord, row: Mapping[str, Any] | None) -> bool:
    return row is None or any(row[name] != value for name, value in _said(record).items())


def _insert_appointments(
    connection: Connection, source: str, merges: Mapping[str, Merge], *, without: Mapping[str, int]
) -> dict[str, int]:
    rows = [
        {**merge.appointment, "source": source, "external_id": external_id}
        for external_id, merge in merges.items()
        if external_id not in without
    ]
    if not rows:
        return {}
    returned = connection.execute(_INSERT_APPOINTMENT, rows)
    return {external_id: appointment_id for appointment_id, external_id in returned}


def _insert_participations(
    connection: Connection,
    source: str,
    ids: Mapping[str, int],
    known: Mapping[str, Mapping[str, int]],
    merges: Mapping[str, Merge],
) -> dict[int, dict[str, int]]:
    rows = [
        {**columns, "appointment_id": ids[external_id], "source": source, "external_id": part}
        for external_id, merge in merges.items()
        for part, columns in merge.participations.items()
        if part not in known[external_id]
    ]
    added: dict[int, dict[str, int]] = {}
    if rows:
        for participation_id, appointment_id, part in connection.execute(_INSERT_PARTICIPATION, rows):
            added.setdefault(appointment_id, {})[part] = participation_id
    return added


def _is_news(row: Columns, merge: Merge) -> bool:
    return any(row[name] != value for name, value in merge.appointment.items())


def _update(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Update rows of `table`. Each of `rows` has values for the same columns, and `row_id`, the id in the table."""
    if rows:
        names = [name for name in rows[0] if name != "row_id"]
        statement: Update = update(table).where(table.c.id == bindparam("row_id"))
        connection.execute(statement.values({name: bindparam(name) for name in names}), list(rows))


_INSERT_APPOINTMENT = insert(appointments).returning(appointments.c.id, appointments.c.external_id)
_INSERT_PARTICIPATION = insert(participations).returning(
    participations.c.id, participations.c.appointment_id, participations.c.external_id
)
