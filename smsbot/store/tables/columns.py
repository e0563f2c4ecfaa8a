"""What the tables share: the metadata, times in UTC, ids, and partial indexes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKeyConstraint, Index, Integer, MetaData, Text, text
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, in UTC on both engines. A naive one is a programming error and raises ValueError.

    SQLite has no such type. There it is text that sorts by time and that SQLite's own functions can read.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = Text() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: give it a time zone")
        utc = value if value.tzinfo is UTC else value.astimezone(UTC)
        return _as_text(utc) if dialect.name == "sqlite" else utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        return _from_text if dialect.name == "sqlite" else _in_utc


@lru_cache(maxsize=256)  # the same time is written into several columns of many rows
def _as_text(utc: datetime) -> str:
    return utc.isoformat(" ", "microseconds").removesuffix("+00:00")


def _from_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite autoincrements only a column that is declared exactly INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


def id_column() -> Column[int]:
    return Column("id", RowId, primary_key=True, autoincrement=True)


def of_its_appointment() -> ForeignKeyConstraint:
    """The foreign key which says that `participation_id` is a participation in `appointment_id`.

    It has both columns because the tables are indexed by the appointment. Otherwise each deletion of a participation
    would scan all rows of these tables.
    """
    return ForeignKeyConstraint(
        ["appointment_id", "participation_id"], ["participations.appointment_id", "participations.id"]
    )


def partial_index(name: str, *columns: str | TextClause, where: str) -> Index:
    """An index of the rows that fulfil `where`, on both engines.

    A statement must write the condition in the same words. Otherwise the engines do not use the index.
    """
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))
