"""Figures added up by the database: over hundreds of organisations, month by month, with those of a year before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, Table, func, select

from smsbot.figures.closing import kept_among
from smsbot.figures.counting import figures
from smsbot.figures.results import Figures, Month, columns_of
from smsbot.store.tables import MONTHLY_COUNTS, PLACE_COUNTS, monthly_figures, monthly_places

Sums: TypeAlias = Counter[str]
"""Numbers by the names of `MONTHLY_COUNTS` and `PLACE_COUNTS`; what is not there is 0."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all organisations that were asked for.

    The others have only what `PLACE_COUNTS` names, of all months together, without those of the year before:
    `by_organisation` (our ids) where several were asked for, `by_place` where it was one.
    """

    by_month: Mapping[Month, Sums] = field(default_factory=dict)
    by_organisation: Mapping[int, Sums] = field(default_factory=dict)
    by_place: Mapping[str, Sums] = field(default_factory=dict)

    def of(self, months: Iterable[Month]) -> Sums:
        """The sums of these months together."""
        return _added(self.by_month.get(month, Counter()) for month in months)


def read_totals(
    connection: Connection, months: Sequence[Month], organisation_ids: Sequence[int], now: datetime
) -> Totals:
    """The totals of these organisations (our ids) in these months, and by month also in the same ones a year before."""
    years = {*months, *(month.plus(-12) for month in months)}
    kept = kept_among(connection, years, now)
    by_month: dict[Any, Sums] = {}
    by_organisation: dict[Any, Sums] = {}
    by_place: dict[Any, Sums] = {}
    for table, names in ((monthly_figures, MONTHLY_COUNTS), (monthly_places, PLACE_COUNTS)):
        _add_kept(connection, by_month, table, table.c.month, names, kept, organisation_ids)
    is_one = len(organisation_ids) == 1
    groups, key = (by_place, "place") if is_one else (by_organisation, "organisation_id")
    this_year = kept.intersection(months)
    _add_kept(connection, groups, monthly_places, monthly_places.c[key], PLACE_COUNTS, this_year, organisation_ids)
    by_month = {Month.parse(month): sums for month, sums in by_month.items()}
    for each in figures(connection, years - kept, organisation_ids=organisation_ids):
        by_month.setdefault(each.month, Counter()).update(_sums(each))
        if each.month in months and each.organisation is not None:
            for place in each.places:
                own = {name: getattr(place, name) for name in PLACE_COUNTS}
                groups.setdefault(place.place if is_one else each.organisation.id, Counter()).update(own)
    return Totals(by_month, by_organisation, by_place)


def _add_kept(
    connection: Connection,
    found: dict[Any, Sums],
    table: Table,
    key: Column[Any],
    names: Sequence[str],
    months: Collection[Month],
    organisation_ids: Sequence[int],
) -> None:
    """Add the kept sums of these months to those by `key`."""
    if not months:
        return
    statement = (
        select(key, *(func.sum(table.c[name]) for name in names))
        .where(table.c.month.in_([str(month) for month in months]), table.c.organisation_id.in_(organisation_ids))
        .group_by(key)
    )
    for whose, *numbers in connection.execute(statement):
        found.setdefault(whose, Counter()).update(dict(zip(names, map(int, numbers), strict=True)))


def _sums(each: Figures) -> Sums:
    columns: Mapping[str, Any] = columns_of(each)
    return Counter({name: columns[name] for name in (*MONTHLY_COUNTS, *PLACE_COUNTS)})


def _added(some: Iterable[Sums]) -> Sums:
    added: Sums = Counter()
    for each in some:
        added.update(each)
    return added
