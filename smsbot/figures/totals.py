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

    The others have only what `PLACE_COUNTS` names, without those of the year before: `by_organisation` (our ids), of
    all months together, where several were asked for; `by_place_and_month` where it was one.
    """

    by_month: Mapping[Month, Sums] = field(default_factory=dict)
    by_organisation: Mapping[int, Sums] = field(default_factory=dict)
    by_place_and_month: Mapping[tuple[str, Month], Sums] = field(default_factory=dict)

    @property
    def by_place(self) -> Mapping[str, Sums]:
        """The sums of each place, of all months together."""
        found: dict[str, Sums] = {}
        for (place, _), sums in self.by_place_and_month.items():
            found.setdefault(place, Counter()).update(sums)
        return found

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
        _add_kept(connection, by_month, table, (table.c.month,), names, kept, organisation_ids)
    is_one = len(organisation_ids) == 1
    places = monthly_places.c
    keys = (places.place, places.month) if is_one else (places.organisation_id,)
    groups, this_year = by_place if is_one else by_organisation, kept.intersection(months)
    _add_kept(connection, groups, monthly_places, keys, PLACE_COUNTS, this_year, organisation_ids)
    by_month = {Month.parse(month): sums for month, sums in by_month.items()}
    by_place = {(place, Month.parse(month)): sums for (place, month), sums in by_place.items()}
    for each in figures(connection, years - kept, organisation_ids=organisation_ids):
        by_month.setdefault(each.month, Counter()).update(_sums(each))
        if each.month in months and each.organisation is not None:
            for place in each.places:
                own = {name: getattr(place, name) for name in PLACE_COUNTS}
                if is_one:
                    by_place.setdefault((place.place, each.month), Counter()).update(own)
                else:
                    by_organisation.setdefault(each.organisation.id, Counter()).update(own)
    return Totals(by_month, by_organisation, by_place)


def _add_kept(
    connection: Connection,
    found: dict[Any, Sums],
    table: Table,
    keys: Sequence[Column[Any]],
    names: Sequence[str],
    months: Collection[Month],
    organisation_ids: Sequence[int],
) -> None:
    """Add the kept sums of these months to those by `keys`: by the value of one column, or the values of several."""
    if not months:
        return
    statement = (
        select(*keys, *(func.sum(table.c[name]) for name in names))
        .where(table.c.month.in_([str(month) for month in months]), table.c.organisation_id.in_(organisation_ids))
        .group_by(*keys)
    )
    for row in connection.execute(statement):
        whose = row[0] if len(keys) == 1 else tuple(row[: len(keys)])
        numbers = row[len(keys) :]
        found.setdefault(whose, Counter()).update(dict(zip(names, map(int, numbers), strict=True)))


def _sums(each: Figures) -> Sums:
    columns: Mapping[str, Any] = columns_of(each)
    of_places = {name: each.of_places(name) for name in PLACE_COUNTS}
    return Counter({name: columns[name] for name in MONTHLY_COUNTS} | of_places)


def _added(some: Iterable[Sums]) -> Sums:
    added: Sums = Counter()
    for each in some:
        added.update(each)
    return added
