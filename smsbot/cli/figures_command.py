"""`smsbot figures`: prints monthly figures of the service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from smsbot.cli.common import CommandFailed, one_clear_line, ready_database
from smsbot.model import DEFAULT_SOURCE

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from smsbot.figures.results import Figures, Month
    from smsbot.store.database import Database

MONTHS = 12
"""How many months are shown by default, including the present one."""

app = typer.Typer()


@app.command()
def figures(
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help=f"The month; by default the last {MONTHS}.")
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(metavar="ID", help="Only one organisation, as the source numbers it.")
    ] = None,
    source: Annotated[str, typer.Option(help="The source that numbers the organisation.")] = DEFAULT_SOURCE,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, one line for each organisation and month.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Count the months with kept figures again, and show the differences.")
    ] = False,
    recount: Annotated[bool, typer.Option("--recount", help="The same, and keep the new figures.")] = False,
) -> None:
    """Print figures per organisation and month: cancellations, messages, costs. They name nobody.

    Before you publish them, look at small numbers: in a small place they may point at a person. The figures of a month
    become final five weeks after its end. With --check they are counted again; exit status 1 if they differ.
    """
    from smsbot.figures.closing import kept_or_counted
    from smsbot.figures.results import to_csv
    from smsbot.settings import Settings

    with one_clear_line():
        settings = Settings.load()
        if check or recount:
            with ready_database(settings) as database:
                _check(database, repair=recount)
            return
        months = _months(month, datetime.now(UTC))

        def work(connection: Connection) -> list[Figures]:
            only = None if organisation is None else [_organisation_id(connection, organisation, source)]
            return kept_or_counted(connection, months, organisation_ids=only)

        with ready_database(settings) as database:
            found = database.read_now(work)
        if csv:
            sys.stdout.write(to_csv(found, settings.segment_price))
            return
        for line in _lines(found, settings.segment_price):
            print(line)


def _check(database: Database, *, repair: bool) -> None:
    """Count the months with kept figures again. Raises `CommandFailed` if they differ, unless `repair` keeps them."""
    from smsbot.figures.closing import countable_again, keep, kept_or_counted
    from smsbot.figures.counting import figures as count

    months = database.read_now(countable_again)
    differing = 0
    for month in months:
        counted = database.read_now(partial(count, months=[month]))
        kept = database.read_now(partial(kept_or_counted, months=[month]))
        if counted == kept:
            continue
        differing += 1
        for line in _differing(kept, counted):
            print(line)
        if repair:
            database.write_now(partial(keep, month=month, counted=counted, now=datetime.now(UTC)))
    if differing and not repair:
        raise CommandFailed(f"The figures of {differing} months differ: smsbot figures --recount keeps the new ones.")
    print(f"Figures of {len(months)} months counted again, {differing} differed.")


def _differing(kept: list[Figures], counted: list[Figures]) -> Iterator[str]:
    from smsbot.figures.results import columns_of

    of_kept, of_counted = ({(str(one.month), one.organisation): one for one in some} for some in (kept, counted))
    for month, organisation in sorted(of_kept.keys() | of_counted.keys(), key=str):
        of_one = (of_kept.get((month, organisation)), of_counted.get((month, organisation)))
        before, after = (dict(columns_of(one)) if one else {} for one in of_one)
        whose = organisation.external_id if organisation else "none"
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                told = f"{before.get(name, 'nothing')} kept, {after.get(name, 'nothing')} counted"
                yield f"{month}, organisation {whose}, {name.replace('_', ' ')}: {told}"


def _months(written: str | None, now: datetime) -> tuple[Month, ...]:
    from smsbot.figures.results import Month

    if written is None:
        return Month.of(now).and_before(MONTHS)
    try:
        return (Month.parse(written),)
    except ValueError as problem:
        raise CommandFailed(f"{problem}.") from None


def _organisation_id(connection: Connection, external_id: str, source: str) -> int:
    from sqlalchemy import select

    from smsbot.store.tables import organisations

    its = (organisations.c.source == source) & (organisations.c.external_id == external_id)
    found: int | None = connection.execute(select(organisations.c.id).where(its)).scalar_one_or_none()
    if found is None:
        raise CommandFailed(f"There is no organisation {external_id} of the source {source}.")
    return found


def _lines(found: list[Figures], segment_price: Decimal | None) -> Iterator[str]:
    from smsbot.figures.results import columns_of

    if not found:
        yield "There is nothing to count."
    for each in found:
        values = dict(columns_of(each, segment_price))
        whose = f"{values.pop('organisation_name')} ({values.pop('organisation_id')} of {values.pop('source')})"
        yield f"{values.pop('month')}  {whose if each.organisation else 'of no organisation'}"
        for name, value in values.items():
            if value not in ("", 0):
                yield f"  {name.replace('_', ' ')}: {value}"
