"""`smsbot rdvsp …`: RDV Service Public, if it owns its appointments. `rdvsp_operations` does the work."""

from __future__ import annotations

from typing import Annotated

import typer

from smsbot.cli.common import one_clear_line

app = typer.Typer(
    name="rdvsp",
    help="RDV Service Public, if it owns its appointments: sign in, set up, sync, see the state.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_Source = Annotated[
    str | None, typer.Option("--source", help="The source, as in smsbot.toml; rdvsp for SMSBOT_RDVSP_URL.")
]


@app.command()
def login(source: _Source = None) -> None:
    """Sign in: print an address where an agent of RDV Service Public consents, and wait for that."""
    from smsbot.cli.operations.rdvsp_operations import login as run

    with one_clear_line():
        run(source)


@app.command()
def setup(source: _Source = None) -> None:
    """Check what the account may see, register the webhook if it is missing, and sync."""
    from smsbot.cli.operations.rdvsp_operations import setup as run

    with one_clear_line():
        run(source)


@app.command()
def sync(source: _Source = None) -> None:
    """Read all coming appointments and repair what was missed; notifies nobody, can be stopped and repeated."""
    from smsbot.cli.operations.rdvsp_operations import sync as run

    with one_clear_line():
        run(source)


@app.command()
def status(source: _Source = None) -> None:
    """Show who is signed in and until when, the last webhook and sync, and what is waiting."""
    from smsbot.cli.operations.rdvsp_operations import status as run

    with one_clear_line():
        run(source)
