"""`smsbot gateway …`: shows the ready-made descriptions of gateways, and tests whether a gateway works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smsbot.cli.common import CommandFailed, one_clear_line

app = typer.Typer(
    name="gateway",
    help="Gateways for SMS: see the ready-made descriptions, send one SMS, see how a webhook is read.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_NAME = typer.Argument(metavar="NAME", help="The gateway: twilio, vonage, or a name in smsbot.toml.")


@app.command()
def providers(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show the whole description of this one, as TOML.")
    ] = None,
) -> None:
    """List the providers that smsbot.toml can use, with the environment variables that each needs."""
    import tomllib

    from smsbot.policy.providers import provider_names, provider_text
    from smsbot.policy.values import did_you_mean

    with one_clear_line():
        known = provider_names()
        if name is None:
            width = max(map(len, known))
            for one in known:
                table = tomllib.loads(provider_text(one))
                ways = "both ways" if "incoming" in table else "one way"
                print(f"{one:{width}}  {ways:9}  {' '.join(table['secrets'].values())}")
        elif name in known:
            print(provider_text(name).rstrip("\n"))
        else:
            guess = did_you_mean(name, known) or "; smsbot gateway providers lists them."
            raise CommandFailed(f"There is no provider {name}{guess}")


@app.command("try")
def try_it(
    name: Annotated[str, _NAME],
    to: Annotated[
        str | None, typer.Option(help="The number that gets the SMS, such as 0612345678; without it you are asked.")
    ] = None,
    sender: Annotated[str | None, typer.Option(help="The sender; by default one that uses this gateway.")] = None,
    text: Annotated[str, typer.Option(help="What the SMS says.")] = "Ceci est un essai de smsbot.",
    yes: Annotated[bool, typer.Option("--yes", help="Send it without asking.")] = False,
) -> None:
    """Send one real SMS, and show what was sent and received, without the secrets.

    It goes straight to the provider, which bills it. The order of messages, the rates and the STOPs of the service do
    not apply. Nothing is stored.
    """
    from smsbot.cli.operations.gateway_trials import Trial

    with one_clear_line():
        trial = Trial.prepare(name, sender, to if to is not None else typer.prompt("Number that the SMS goes to"), text)
        print(trial.announcement)
        if not yes:
            typer.confirm("Send it?", abort=True)
        for line in trial.run():
            print(line)


@app.command()
def replay(
    name: Annotated[str, _NAME],
    file: Annotated[
        Path, typer.Argument(help="A request as it came (POST /webhooks/… with its headers), or only its body.")
    ],
    status: Annotated[
        bool, typer.Option("--status", help="It is a status of a sent message; not needed for a request to …/status.")
    ] = False,
) -> None:
    """Show how a recorded webhook is read; nothing is stored and nobody gets an answer."""
    from smsbot.cli.operations.webhook_replay import read_webhook

    with one_clear_line():
        for line in read_webhook(name, file.read_bytes(), is_status=status):
            print(line)
