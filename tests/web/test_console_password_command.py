"""`smsbot agent password`: with a password set in the shell, the agent can sign in."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest
import typer
from typer.testing import CliRunner

from smsbot.agents.tokens import issue_token, known_token
from smsbot.cli.agent_commands import change_password, password
from smsbot.cli.common import CommandFailed
from smsbot.store.database import Database
from tests.web.console_site import ADA, NOW, Office

PHRASE = "quatre mots sans rapport"


def test_a_password_from_the_shell_opens_the_console_and_ends_other_sessions(database: Database) -> None:
    office = Office(database)
    elsewhere = office.at_desk()
    change_password(database, ADA.upper(), PHRASE, NOW + timedelta(minutes=1))
    assert elsewhere.get("/rdv").heading == "Connexion"
    assert office.visitor().sign_in(password=PHRASE).path == "/rdv"


@pytest.mark.parametrize("end_tokens", [True, False])
def test_api_tokens_end_with_the_old_password_where_asked(sqlite_database: Database, end_tokens: bool) -> None:
    office = Office(sqlite_database)
    token = sqlite_database.write_now(lambda c: issue_token(c, office.agent(ADA), NOW))
    change_password(sqlite_database, ADA, PHRASE, NOW, end_tokens=end_tokens)
    known = sqlite_database.read_now(lambda c: known_token(c, token, NOW))
    assert (known is None) is end_tokens


@pytest.mark.parametrize(
    ("email", "chosen", "words"),
    [
        ("nobody@mairie.fr", PHRASE, "There is no agent"),
        ("no address", PHRASE, "is not an e-mail address"),
        (ADA, "court", "too short"),
        (ADA, "x" * 300, "too long"),
        (ADA, "aaaaaaaaaaaaaa", "too easily guessed"),
    ],
)
def test_what_is_wrong_is_said(sqlite_database: Database, email: str, chosen: str, words: str) -> None:
    Office(sqlite_database)
    with pytest.raises(CommandFailed, match=words):
        change_password(sqlite_database, email, chosen, NOW)


def test_the_command_reads_a_line_where_nobody_sits(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(sqlite_database)
    monkeypatch.setattr("smsbot.cli.agent_commands.ready_database", lambda _: closing(Database(_url(sqlite_database))))
    app = typer.Typer()
    app.command()(password)
    result = CliRunner().invoke(app, [ADA], input=f"{PHRASE}\n")
    assert (result.exit_code, result.stdout) == (0, f"{ADA} has a new password; every session has ended.\n")
    assert office.visitor().sign_in(password=PHRASE).path == "/rdv"
    assert CliRunner().invoke(app, [ADA], input="court\n").exit_code == 1


def _url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)
