"""Adds figures up in the database: over hundreds of organisations, month by month, with those of a year before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, Table, func, select

from smsbot.figures.closing import kept_among
from smsbot.figures.counting import figures
from smsbot.figures.results import Figures, Month, columns_of
from smsbot.store.many import is_one_of
from smsbot.store.prepared import Prepared, RowValues, in_one_journey
from smsbot.store.tables import MONTHLY_COUNTS, PLACE_COUNTS, monthly_figures, monthly_places

Sums: TypeAlias = Counter[str]
"""Numbers by the names of `MONTHLY_COUNTS` and `PLACE_COUNTS`. Missing ones are 0."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all organisations that were asked for.

    The other two have only `PLACE_COUNTS`, without the year before. `by_organisation` (our ids) has the sums of all
    months together, if several organisations were asked for; `by_place_and_month` is for a single one.
    """

    by_month: Mapping[Month, Sums] = field(default_factory=dict)
    by_organisation: Mapping[int, Sums] = field(default_factory=dict)
    by_place_and_month: Mapping[tuple[str, Month], Sums] = field(default_factory=dict)

    @property
    def by_place(self) -> Mapping[str, Sums]:
        """The sums for each place, over all months."""
        found: dict[str, Sums] = {}
        for (place, _), sums in self.by_place_and_month.items():
            found.setdefault(place, Counter()).update(sums)
        return found

    def of(self, months: Iterable[Month]) -> Sums:
        """The sums over these months."""
        return _added(self.by_month.get(month, Counter()) for month in months)


def read_totals(
    connection: Connection, months: Sequence[Month], organisation_ids: Sequence[int], now: datetime
) -> Totals:
    """The totals of these organisations (our ids) in these months; `by_month` also has those of the year before."""
    years = {*months, *(month.plus(-12) for month in months)}
    kept = kept_among(connection, years, now)
    by_month: dict[Any, Sums] = {}
    by_organisation: dict[Any, Sums] = {}
    by_place: dict[Any, Sums] = {}
    is_one = len(organisation_ids) == 1
    groups = by_place if is_one else by_organisation
    theirs = {"months": [str(month) for month in kept], "organisations": organisation_ids}
    this_year = theirs | {"months": [str(month) for month in kept.intersection(months)]}
    its_sums = _BY_PLACE if is_one else _BY_ORGANISATION
    summed = ((by_month, _MONTHS), (by_month, _PLACES), (groups, its_sums)) if kept else ()
    asked = [(sums.prepared, this_year if found is groups else theirs) for found, sums in summed]
    for (found, sums), rows in zip(summed, in_one_journey(connection, *asked), strict=True):
        for row in rows:
            found.setdefault(sums.key_of(row), Counter()).update(sums.counts_of(row))
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


class _KeptSums:
    """The statement that adds up the stored counts of `names` for each value of the columns `keys`.

    Its parameters are the `months` and our ids of the `organisations`.
    """

    def __init__(self, table: Table, keys: Sequence[Column[Any]], names: Sequence[str]) -> None:
        self._keys, self._names = len(keys), names
        self.prepared = Prepared(
            select(*keys, *(func.sum(table.c[name]) for name in names))
            .where(is_one_of(table.c.month, "months"), is_one_of(table.c.organisation_id, "organisations"))
            .group_by(*keys)
        )

    def key_of(self, row: RowValues) -> Any:
        """The value of the key, or a tuple if there are several keys."""
        return row[0] if self._keys == 1 else tuple(row[: self._keys])

    def counts_of(self, row: RowValues) -> dict[str, int]:
        return dict(zip(self._names, map(int, row[self._keys :]), strict=True))


_MONTHS = _KeptSums(monthly_figures, (monthly_figures.c.month,), MONTHLY_COUNTS)
_PLACES = _KeptSums(monthly_places, (monthly_places.c.month,), PLACE_COUNTS)
_BY_PLACE = _KeptSums(monthly_places, (monthly_places.c.place, monthly_places.c.month), PLACE_COUNTS)
_BY_ORGANISATION = _KeptSums(monthly_places, (monthly_places.c.organisation_id,), PLACE_COUNTS)


def _sums(each: Figures) -> Sums:
    columns: Mapping[str, Any] = columns_of(each)
    of_places = {name: each.of_places(name) for name in PLACE_COUNTS}
    return Counter({name: columns[name] for name in MONTHLY_COUNTS} | of_places)


def _added(some: Iterable[Sums]) -> Sums:
    added: Sums = Counter()
    for each in some:
        added.update(each)
    return added
