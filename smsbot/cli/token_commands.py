"""`smsbot tokens …`: tokens of other systems, which use the API without being agents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from smsbot.cli.agent_commands import organisation_id, write
from smsbot.cli.common import CommandFailed, one_clear_line
from smsbot.model import DEFAULT_SOURCE

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from smsbot.agents.service_accounts import ServiceAccount
    from smsbot.agents.tokens import ApiScope

T = TypeVar("T")
_Name = Annotated[str, typer.Argument(help="The name of the service, such as agenda-mairie.")]

app = typer.Typer(
    name="tokens",
    help="Tokens of other systems, which use the API but are not agents.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def create(
    name: _Name,
    scope: Annotated[
        list[str],
        typer.Option(help="What it may do, such as appointments:read; repeat for more. A wrong one lists all."),
    ],
    organisation: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="An organisation it may act in, as the source numbers it; repeat for more."),
    ] = None,
    all_organisations: Annotated[
        bool, typer.Option("--all-organisations", help="It may act in every organisation, also in future ones.")
    ] = False,
    source: Annotated[str, typer.Option(help="The source that numbers the organisations.")] = DEFAULT_SOURCE,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Each of its tokens is valid for so many days; else for ever.")
    ] = None,
) -> None:
    """Create a service, and print its token: only now, alone on the last line.

    The organisations need not be known yet.
    """
    from smsbot.agents.service_accounts import add_service

    with one_clear_line():
        if all_organisations == bool(organisation):
            raise CommandFailed("Give either --organisation ID, once or more, or --all-organisations.")
        scopes = {_scope(each) for each in scope}
        held = None if all_organisations else [(source, organisation_id(each)) for each in organisation or ()]
        now = datetime.now(UTC)
        token = write(lambda connection: add_service(connection, name, scopes, held, now, token_days=days))
        where = "every organisation" if held is None else f"{', '.join(each for _, each in held)} of {source}"
        print(f"{name} may act in {where}. Its token, shown only now:")
        print(token)


@app.command("list")
def list_them() -> None:
    """List the services: what they may do, where, when they were last used and when their tokens end."""
    from smsbot.agents.service_accounts import list_services

    with one_clear_line():
        now = datetime.now(UTC)
        for service in write(lambda connection: list_services(connection, now)):
            print(_line(service))


@app.command()
def rotate(
    name: _Name,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=720, help="The old token stays valid for so many hours; 0: it ends at once.")
    ] = 24,
) -> None:
    """Print a new token of a service: only now, alone on the last line. The old one ends later (--overlap-hours)."""
    from smsbot.agents.service_accounts import rotate as rotated

    now = datetime.now(UTC)
    overlap = timedelta(hours=overlap_hours)
    token = _with(name, lambda connection, service: rotated(connection, service, now, overlap), now)
    told = f"ends on {now + overlap:%Y-%m-%d at %H:%M} UTC" if overlap else "has ended"
    print(f"The old token of {name} {told}. The new one, shown only now:")
    print(token)


@app.command()
def revoke(name: _Name) -> None:
    """End a service at once: its tokens and its webhooks."""
    from smsbot.agents.service_accounts import revoke_service

    now = datetime.now(UTC)
    _with(name, lambda connection, service: revoke_service(connection, service, now), now)
    print(f"{name} is shut out.")


def _with(name: str, act: Callable[[Connection, ServiceAccount], T], now: datetime) -> T:
    """What `act` returns for the service with this name. Fails with one line if there is none."""
    from smsbot.agents.service_accounts import find_service

    with one_clear_line():
        return write(lambda connection: act(connection, find_service(connection, name, now)))


def _scope(written: str) -> ApiScope:
    from smsbot.agents.tokens import ApiScope

    try:
        return ApiScope(written)
    except ValueError:
        raise CommandFailed(f"{written} is not a scope: choose from {', '.join(ApiScope)}.") from None


def _line(service: ServiceAccount) -> str:
    organisations = ", ".join(f"{external_id} of {source}" for source, external_id in service.organisations)
    used = "never used" if service.used_at is None else f"last used {service.used_at:%Y-%m-%d %H:%M}"
    ends = [
        "for ever" if each.expires_at is None else f"until {each.expires_at:%Y-%m-%d %H:%M}" for each in service.tokens
    ]
    told = ", ".join(ends) or "no valid token: smsbot tokens rotate"
    where = "everywhere" if service.agent.everywhere else organisations
    return f"{service.name}  {', '.join(service.scopes)}  {where}  {used}  {told}"
