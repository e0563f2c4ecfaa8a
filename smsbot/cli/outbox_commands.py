"""`smsbot outbox …`: the messages that wait, rest or were refused, for the operator of the service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from smsbot.cli.common import one_clear_line, ready_database
from smsbot.instants import to_iso

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from smsbot.outbox.operator_actions import Listed
    from smsbot.store.database import Database

T = TypeVar("T")
StateName = Literal["waiting", "sending", "sent", "refused", "resting"]
"""The values of `smsbot.outbox.operator_actions.MessageState`, for the option."""

_LARGEST_ID = 2**63 - 1

app = typer.Typer(
    name="outbox",
    help="Outgoing messages: see which ones rest, send them again, give them up.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_IDS = typer.Argument(metavar="ID…", help="The messages' ids, as smsbot outbox list shows them.")


@app.command("list")
def list_them(
    state: Annotated[StateName, typer.Option(help="The state of the messages.")] = "resting",
    limit: Annotated[int, typer.Option(help="How many to list, the oldest first.", min=1, max=10_000)] = 50,
) -> None:
    """List messages, by default those that were given up and rest; without recipients and texts."""
    from smsbot.outbox.operator_actions import MessageState, list_messages

    with one_clear_line():
        found = _read(lambda connection: list_messages(connection, MessageState(state), limit + 1))
        for each in found[:limit]:
            print(_line(each))
        if not found:
            print(f"No message is {state}.")
        elif len(found) > limit:
            print(f"There are more than these {limit}: see --limit.")


@app.command()
def show(this: Annotated[int, typer.Argument(metavar="ID", help="The message's id.")]) -> None:
    """Show all of one message, including its recipient and text."""
    from smsbot.outbox.operator_actions import show_message

    with one_clear_line():
        for name, value in _read(lambda connection: show_message(connection, *_possible([this]))).items():
            if value is not None:
                print(f"{name}: {_told(value)}")


@app.command()
def retry(
    ids: Annotated[list[int] | None, _IDS] = None,
    all_resting: Annotated[
        bool,
        typer.Option(
            "--all-resting",
            help="All that rest, except those that must not be sent any more: after STOP, or if the appointment began.",
        ),
    ] = False,
) -> None:
    """Send resting or refused messages once more; if that fails, they rest again."""
    from smsbot.outbox import operator_actions

    if bool(ids) is all_resting:
        raise typer.BadParameter("give either ids or --all-resting")
    with one_clear_line():
        now = datetime.now(UTC)
        if ids:
            _write(lambda connection: operator_actions.retry(connection, _possible(ids), now))
            print(f"Sent again: {_numbers(ids)}.")
            return
        result = _write(lambda connection: operator_actions.retry_all_resting(connection, now))
        print(f"Sent again: {result.retried} of {result.retried + sum(result.left.values())} that rested.")
        for obstacle, number in result.left.items():
            print(f"Left resting: {number}, each of which {obstacle}.")


@app.command()
def drop(ids: Annotated[list[int], _IDS]) -> None:
    """Give up messages that wait or rest: they are not sent. smsbot outbox retry can still send them."""
    from smsbot.outbox import operator_actions

    with one_clear_line():
        now = datetime.now(UTC)
        _write(lambda connection: operator_actions.drop(connection, _possible(ids), now))
        print(f"Dropped: {_numbers(ids)}.")


def _read(work: Callable[[Connection], T]) -> T:
    return _on_database(lambda database: database.read_now(work))


def _write(work: Callable[[Connection], T]) -> T:
    return _on_database(lambda database: database.write_now(work))


def _possible(ids: list[int]) -> list[int]:
    """These ids. Raises NoSuchMessage if one is too large for a database."""
    from smsbot.outbox.operator_actions import NoSuchMessage

    beyond = sorted({each for each in ids if abs(each) > _LARGEST_ID})
    if beyond:
        raise NoSuchMessage(beyond)
    return ids


def _on_database(task: Callable[[Database], T]) -> T:
    from smsbot.settings import Settings

    with ready_database(Settings.load()) as database:
        return task(database)


def _numbers(ids: list[int]) -> str:
    return ", ".join(str(each) for each in sorted(set(ids)))


def _line(each: Listed) -> str:
    failure = f"  {each.code}: {each.sentence}" if each.code else ""
    written = f"{each.created_at:%Y-%m-%d %H:%M} UTC"
    tries = "1 attempt" if each.attempts == 1 else f"{each.attempts} attempts"
    return f"{each.id}  {each.state}  {each.channel} {each.kind}  {written}  {tries}{failure}"


def _told(value: object) -> object:
    return to_iso(value) if isinstance(value, datetime) else value
