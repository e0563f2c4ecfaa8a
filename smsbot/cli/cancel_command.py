"""`smsbot cancel`: cancels one appointment as agents do, or with `--day` many at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated

import typer

from smsbot.cli.common import CommandFailed, one_clear_line, ready_database
from smsbot.model import DEFAULT_SOURCE

app = typer.Typer()


@app.command()
def cancel(
    by: Annotated[str, typer.Option(help="Who cancels: agent, or an agent's e-mail address, for the audit.")],
    appointment: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The appointment's id, ours or the source's.")
    ] = None,
    source: Annotated[str, typer.Option(help="The source that the ids belong to.")] = DEFAULT_SOURCE,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Instead of ID: all appointments of this day.")
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(metavar="ID", help="With --day: of this organisation, as the source numbers it.")
    ] = None,
    place: Annotated[str | None, typer.Option(help="With --day: only at the place with this name.")] = None,
    begins_from: Annotated[
        datetime | None, typer.Option("--from", formats=["%H:%M"], help="With --day: from this hour on, local time.")
    ] = None,
    begins_before: Annotated[
        datetime | None, typer.Option("--to", formats=["%H:%M"], help="With --day: before this hour, local time.")
    ] = None,
    word: Annotated[str | None, typer.Option(help="With --day: a text that is added to the message.")] = None,
    only_write: Annotated[
        bool, typer.Option("--only-write", help="With --day: cancel nothing, only send people the word.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --day: do not ask for confirmation.")] = False,
) -> None:
    """Cancel an appointment as an agent, or with --day and --organisation many at once."""
    if by != "agent" and "@" not in by:
        raise typer.BadParameter("only agents cancel from the shell: --by agent", param_hint="--by")
    if (appointment is None) == (day is None):
        raise typer.BadParameter("give either the ID of an appointment, or --day and --organisation")
    agent = None if by == "agent" else by
    if day is None:
        if organisation or place or begins_from or begins_before or word or only_write or yes:
            raise typer.BadParameter("these options go with --day, not with an ID")
        assert appointment is not None
        _cancel_one(appointment, source, agent)
        return
    if organisation is None:
        raise typer.BadParameter("--day needs --organisation ID", param_hint="--organisation")
    hours = [None if each is None else each.time() for each in (begins_from, begins_before)]
    _cancel_many(day.date(), organisation, source, place, hours[0], hours[1], word, only_write, agent, yes)


def _cancel_one(appointment: str, source: str, agent: str | None) -> None:
    from smsbot.app import Service
    from smsbot.cli.operations.cancelling import cancel_appointment
    from smsbot.settings import ServiceSettings

    with one_clear_line():
        settings = ServiceSettings.load()
        with ready_database(settings) as database:
            door = Service(settings, database).door
            print(cancel_appointment(database, door, appointment, source, agent, datetime.now(UTC)))


def _cancel_many(
    day: date,
    organisation: str,
    source: str,
    place: str | None,
    begins_from: time | None,
    begins_before: time | None,
    word: str | None,
    only_write: bool,
    agent: str | None,
    yes: bool,
) -> None:
    from smsbot.app import Service
    from smsbot.cli.operations.cancelling import SAID_OF_MANY, BatchOrder, carry_out, prepare
    from smsbot.settings import ServiceSettings

    order = BatchOrder(day, organisation, source, place, begins_from, begins_before, word, only_write, agent)
    with one_clear_line():
        settings = ServiceSettings.load()
        with ready_database(settings) as database:
            service = Service(settings, database)
            worker = service.batch_worker
            prepared = database.read_now(lambda connection: prepare(connection, worker, order, service.clock()))
            for line in prepared.lines(settings.segment_price):
                print(line)
            if not yes:
                typer.confirm("Do it?", abort=True)
            outcomes = carry_out(database, worker, prepared, service.clock)
            for outcome, number in outcomes.items():
                print(f"{number} {SAID_OF_MANY[outcome]}.")
            if outcomes[None] or any(outcome is not None and outcome.value == "failed" for outcome in outcomes):
                raise CommandFailed("Not all of it was done.")
