"""Mistakes of operators, and what they are told: each sentence names the thing and says what to do, in one line.

The two tables have mistakes that people make. The valid forms of each value are in `tests/test_settings.py`,
`tests/policy` and `tests/sources`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from smsbot.checks import Level
from smsbot.checks.installation import look_at_installation
from smsbot.cli.operations.importing import import_file
from smsbot.gateways.opening_gateways import open_gateways
from smsbot.policy import Policy
from smsbot.problem import Problem
from smsbot.settings import PREFIX, ServiceSettings
from smsbot.sources.csv_appointments import column_names
from smsbot.store.database import Database
from smsbot.store.engines import cause_of
from tests.lines import every_line

RIGHT = {
    "SMSBOT_SECRET_KEY": "a secret of the tests, of 32 bytes or more",
    "SMSBOT_PUBLIC_URL": "https://rdv.example.fr",
    "SMSBOT_SENDER": "36105",
    "SMSBOT_MAIL_FROM": "rdv@example.fr",
    "SMSBOT_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "SMSBOT_TWILIO_AUTH_TOKEN": "token",
}

THING = re.compile(
    r"SMSBOT_\w+|smsbot\.toml, line \d+: |\.env|\bline \d+: |\brecord \d+: |[Tt]he file|COLUMN=HEADING|^\+336"
)
REMEDY = re.compile(
    r"should|\bset\b|did you mean|remove|shorten|save|rename|add it|make it|\btake\b|\bput\b|\bwrite\b|\bgive\b|needs|"
    r"known are|close it|keep one|correct it|--template|such as|in quotes|\blook at\b|need each other",
    re.IGNORECASE,
)


def is_well_said(line: str) -> bool:
    return THING.search(line) is not None and REMEDY.search(line) is not None and "\n" not in line


@dataclass(frozen=True, slots=True)
class Wrong:
    """An installation with one mistake. A value of None leaves the variable out; `env` is added to `.env`."""

    says: str
    changed: Mapping[str, str | None] = field(default_factory=dict)
    toml: str | bytes = ""
    env: bytes = b""


def wrong(name: str, value: str | None, should_be: str, **others: str | None) -> Wrong:
    how = "missing" if value is None else "wrong"
    says = f"{name} is {how}: it should be {should_be}; set it in the environment or in .env"
    return Wrong(says, {name: value, **others})


def in_toml(toml: str | bytes, line: int, says: str) -> Wrong:
    return Wrong(f"smsbot.toml, line {line}: {says}", toml=toml)


SEND = "[gateways.a]\nsend = { url = 'https://a.fr', json = { to = '{recipient}', text = '{text}' } }\n"
A_NUMBER = "a number such as +33937000000, a short code, a name of up to 11 letters and digits, …"
A_RANDOM_TEXT = "a random text of 32 bytes or more (python3 -c '…')"
A_PUBLIC_ADDRESS = "the address at which the outside reaches the service, such as https://rdv.example.fr, …"
ONE_SENDER = "the one sender of the e-mails, such as rdv@example.fr or Rendez-vous <rdv@example.fr>"
ON_OR_OFF = "true or false if SMSBOT_SENDER is a Messaging Service (MG…): …"
SIGNATURE = "the account's signature secret, beside SMSBOT_VONAGE_APPLICATION_ID and …"
OAUTH_ID = "the id of this service's OAuth application at SMSBOT_RDVSP_URL (needed with it; …)"
SMTP = "smtp://, smtps:// or smtp+starttls://, then user:password@ if needed, a host and a port"

WRONG_SETTINGS = [
    # What everybody needs
    wrong("SMSBOT_SECRET_KEY", None, A_RANDOM_TEXT),
    wrong("SMSBOT_SECRET_KEY", "motdepasse", A_RANDOM_TEXT),
    wrong("SMSBOT_SENDER", None, A_NUMBER),
    wrong("SMSBOT_SENDER", "0937000000", A_NUMBER),
    wrong("SMSBOT_SENDER", "+33 9 37 00 00 00", A_NUMBER),
    wrong("SMSBOT_SENDER", "Mairie de Lyon", A_NUMBER),
    Wrong("+33612345678 is a personal mobile number: …. Take a short code, …", {"SMSBOT_SENDER": "+33612345678"}),
    wrong("SMSBOT_SENDER_TWO_WAY", "oui", ON_OR_OFF),
    Wrong(f"SMSBOT_SENDER_TWO_WAY is wrong: it should be {ON_OR_OFF}", {"SMSBOT_SENDER": "MG" + "0" * 32}),
    wrong("SMSBOT_MAIL_FROM", None, ONE_SENDER),
    wrong("SMSBOT_MAIL_FROM", "RDV rdv@example.fr", ONE_SENDER),
    wrong("SMSBOT_PUBLIC_URL", "www.rdv.example.fr", A_PUBLIC_ADDRESS),
    Wrong(
        "http://rdv.example.fr is not encrypted, …: serve it over https and set …",
        {"SMSBOT_PUBLIC_URL": "http://rdv.example.fr"},
    ),
    Wrong("links in messages lead to http://localhost:8000, …: set SMSBOT_PUBLIC_URL …", {"SMSBOT_PUBLIC_URL": None}),
    Wrong(
        "links in messages lead to https://192.168.1.10, …: set SMSBOT_PUBLIC_URL …",
        {"SMSBOT_PUBLIC_URL": "https://192.168.1.10"},
    ),
    # Gateways
    wrong("SMSBOT_TWILIO_ACCOUNT_SID", "SK" + "0" * 32, "the account's SID, which begins with AC"),
    Wrong(
        "there is no gateway for SMS: set SMSBOT_TWILIO_ACCOUNT_SID and SMSBOT_TWILIO_AUTH_TOKEN, or …",
        {"SMSBOT_TWILIO_ACCOUNT_SID": None, "SMSBOT_TWILIO_AUTH_TOKEN": None},
    ),
    wrong(
        "SMSBOT_VONAGE_SIGNATURE_SECRET",
        None,
        SIGNATURE,
        SMSBOT_VONAGE_API_KEY="abcd1234",
        SMSBOT_VONAGE_API_SECRET="s",
    ),
    # The database, the mail server, the other addresses
    wrong("SMSBOT_DATABASE_URL", "postgres", "sqlite:///path or postgresql://user:password@host/database"),
    wrong("SMSBOT_DATABASE_URL", "mysql://smsbot@localhost/smsbot", "sqlite:///path or postgresql://…"),
    Wrong(
        "… does not exist: make it, or set SMSBOT_DATABASE_URL", {"SMSBOT_DATABASE_URL": "sqlite:///absent/smsbot.db"}
    ),
    wrong("SMSBOT_SMTP_URL", "smtp.example.fr", SMTP),
    wrong("SMSBOT_SMTP_URL", "https://smtp.example.fr", SMTP),
    wrong("SMSBOT_TRUSTED_PROXIES", "nginx", "the addresses or networks of the proxies in front, …"),
    wrong("SMSBOT_CONFIG", "/etc/smsbot.tml", "the path of an existing file (smsbot.toml; see smsbot.example.toml)"),
    # Numbers as people write them
    wrong("SMSBOT_REMINDER_HOURS", "48h", "a number of hours above 0, up to 8760"),
    wrong("SMSBOT_CANCELLATION_NOTICE_HOURS", "4 heures", "a number of hours from 0 to 8760"),
    wrong("SMSBOT_QUIET_HOURS", "21h-8h", "hours in which reminders wait, such as 21-8 or 21:30-7:45, or off"),
    wrong("SMSBOT_TAKE_BACK_MINUTES", "15 min", "a number of minutes from 0 (never) to 1440"),
    wrong("SMSBOT_RETENTION_DAYS", "trois mois", "a whole number of days from 1 to 3650"),
    wrong("SMSBOT_SEGMENT_PRICE", "0,07", "the price of one SMS segment in euros, such as 0.07"),
    wrong("SMSBOT_RATE_PER_SECOND", "illimité", "a number of messages from 0.001 to 1000; …"),
    wrong("SMSBOT_ANSWERED_PREFIXES", "0033", "country prefixes with commas between them, such as +33,+590"),
    wrong("SMSBOT_ANSWERS_PER_DAY", "aucune", "a whole number from 1 to 1000"),
    wrong("SMSBOT_LOG_LEVEL", "verbose", "debug, info, warning or error"),
    wrong("SMSBOT_LOG_FORMAT", "texte", "json or console"),
    # RDV Service Public and sign-in
    wrong("SMSBOT_RDVSP_NOTIFIES", "oui", "true or false"),
    wrong(
        "SMSBOT_OIDC_CLIENT_ID", "rdv", "the id under which SMSBOT_OIDC_ISSUER knows this service (needed with it; …)"
    ),
    # Names
    Wrong('SMSBOT_SENDR is not known and changes nothing; did you mean "SMSBOT_SENDER"?', {"SMSBOT_SENDR": "36105"}),
    Wrong("SMSBOT_ZZZ is not known and changes nothing: remove it (.env.example has all names)", {"SMSBOT_ZZZ": "1"}),
    # The file .env itself
    Wrong(".env is not UTF-8 text: save it as UTF-8", env="SMSBOT_MAIL_FROM=Général <a@b.fr>".encode("latin-1")),
    # smsbot.toml
    in_toml("[organisation.12]\nlabel = 'RDV'", 1, 'organisation is not known here; did you mean "organisations"?'),
    in_toml(
        "[motifs.77]\nlabel = 'Protection maternelle et infantile'", 2, "[motifs.77] label takes 34 …: shorten it to 30"
    ),
    in_toml(
        "[motifs.77]\nmay_be_cancelled = non", 2, "this is not TOML: invalid value; texts are written in quotes, …"
    ),
    in_toml("[motifs.77]\nlabel = RDV", 2, "this is not TOML: invalid value; texts are written in quotes, …"),
    in_toml(
        "[motifs.77]\nlabel: 'RDV'",
        2,
        "this is not TOML: expected '=' after a key in a key/value pair; write key = value",
    ),
    in_toml("[motifs.77]\nlabel = 'a'\nlabel = 'b'", 3, "this is not TOML: cannot overwrite a value; …: keep one"),
    in_toml("[motifs.77]\n[motifs.77]", 2, "this is not TOML: cannot declare …; the table occurs twice: keep one"),
    in_toml(
        "[motifs.77]\nlabel = 'd\xe9marche'".encode("latin-1"), 2, "this is not UTF-8 text: save the file as UTF-8"
    ),
    in_toml(
        "[organisations.12]\nnotice_hours = '24h'", 2, "[organisations.12] notice_hours should be a number of hours …"
    ),
    in_toml(
        "[organisations.12]\ntime_zone = 'Paris'",
        2,
        "[organisations.12] time_zone should be an IANA time zone such as …",
    ),
    in_toml("[operator]\nname = ''", 2, "[operator] name should not be empty: fill it in, or remove it"),
    in_toml(
        "[operator]\nreply_to = 'accueil'",
        2,
        "[operator] reply_to should be an e-mail address, such as accueil@example.fr …",
    ),
    in_toml('[channels."06 12"]', 1, '[channels] "06 12" should be a number such as +33937000000, …'),
    in_toml(
        "[channels.36105]\ngateways = ['twillio']",
        2,
        '[channels.36105.gateways.0] gateway is not known; did you mean "twilio"?',
    ),
    in_toml("[sources.mairie]\nurl = 'https://rdv.fr'", 1, "[sources.mairie] secret_env is missing: add it (…)"),
    # Gateways in smsbot.toml
    in_toml(
        "[gateways.x]\nprovider = 'sms-factor'",
        1,
        '[gateways] x names the provider "sms-factor", …; did you mean "smsfactor"?',
    ),
    in_toml(
        "[gateways.x]\nprovider = 'smsfactor'",
        1,
        "[gateways.x.incoming] recipient or our_number, one of the two, should …",
    ),
    in_toml(
        "[gateways.x]\nprovider = 'infobip'",
        1,
        "[gateways.x.send] url is missing: add it (smsbot.example.toml describes it)",
    ),
    in_toml(
        f"{SEND}secrets.key = 'clé-réelle'",
        3,
        "[gateways.a.secrets] key should be the name of an environment variable …",
    ),
    in_toml(
        f"{SEND}check = {{ url = '/credits', good = [1] }}", 3, "[gateways.a.check] result and good need each other: …"
    ),
    in_toml(
        f"{SEND}check = {{ url = 'credits' }}",
        3,
        "[gateways.a.check] url should be an address that begins with https://",
    ),
    Wrong(
        "SMSBOT_46ELKS_USERNAME is missing, though smsbot.toml names it: set it in the environment or in .env",
        toml="[gateways.46elks]\nprovider = '46elks'",
    ),
    Wrong(
        "SMSBOT_VONAGE_APPLICATION_ID (or SMSBOT_VONAGE_API_KEY) is missing, …: set it in the environment or in .env",
        toml="[channels.36105]\ngateways = ['vonage']",
    ),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation's folder, with no variables except those of its `.env`."""
    monkeypatch.chdir(tmp_path)
    for name in ServiceSettings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
    return tmp_path


def told_at_start() -> Iterator[str]:
    """What `smsbot check` and `smsbot serve` say about the installation in this folder, without the network."""
    try:
        settings = ServiceSettings.load()
        policy = Policy.load(settings.config, settings.usual_sender)
        file = Path(settings.database_url.removeprefix("sqlite:///"))
        for finding in look_at_installation(settings, policy, file):
            if finding.level is not Level.WELL and finding.subject != "files":
                yield finding.sentence
        asyncio.run(_opened(settings, policy))
    except Problem as problem:
        yield from problem.sentences


async def _opened(settings: ServiceSettings, policy: Policy) -> None:
    async with open_gateways(settings, policy):
        pass


def fits(said: str, line: str) -> bool:
    """Whether the line is as in the table; "…" stands for any text."""
    return re.fullmatch(re.escape(said).replace("…", ".*"), line) is not None


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len(WRONG_SETTINGS) >= 60
    assert len(WRONG_FILES) >= 30


@every_line("case", WRONG_SETTINGS)
def test_a_wrong_setting_is_told(folder: Path, case: Wrong) -> None:
    written = {name: value for name, value in {**RIGHT, **case.changed}.items() if value is not None}
    env = "".join(f"{name}={value}\n" for name, value in written.items()).encode()
    (folder / ".env").write_bytes(env + case.env)
    toml = folder / "smsbot.toml"
    toml.unlink(missing_ok=True)
    if case.toml:
        toml.write_bytes(case.toml if isinstance(case.toml, bytes) else case.toml.encode())
    told = list(told_at_start())
    assert any(fits(case.says, line) for line in told), told
    assert [line for line in told if not is_well_said(line)] == []
    secret = case.changed.get("SMSBOT_SECRET_KEY")
    assert secret is None or not any(secret in line for line in told)


def test_a_part_of_a_password_is_never_told_as_a_host() -> None:
    error = OperationalError("SELECT 1", None, Exception("failed to resolve host 'word': Name or service not known"))
    assert "its host is not found; in the password @ : / ? # are written %40 %3A" in cause_of(error)
    assert "word'" not in cause_of(error)


def test_an_installation_that_is_right_is_told_nothing(folder: Path) -> None:
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in RIGHT.items()), encoding="utf-8")
    assert list(told_at_start()) == []


HEAD = "external_id;starts_at;last_name;phone;email;organisation_id\n"
ROW = "A;12/05/2027 14h30;Dupont;06 12 34 56 78;s@exemple.fr;1\n"
NO_TABLE = (
    "The file is neither JSON nor CSV with the columns external_id and starts_at: smsbot import --template prints one."
)
NO_DATE = "line 2: starts_at is not a date and time such as 2026-05-12 14:30 or 12/05/2026 14h30."
NO_DAY = "line 2: starts_at is not a date and time of the calendar: write the day first, as in 12/05/2026 14h30."
NO_PHONE = "line 2: taken without its telephone number: the value in the file is not a usable telephone number; correct it and import the file again."
AS_THERE = ": write it as RDV Service Public does, or leave it out."


def row(old: str, new: str) -> str:
    assert old in ROW
    return HEAD + ROW.replace(old, new, 1)


def rdv(**changed: object) -> str:
    person = {"id": 1, "user": {"id": 1, "last_name": "Dupont", "phone_number": "06 12 34 56 78"}}
    whole = {"id": 7, "starts_at": "2027-05-12T14:30:00+02:00", "organisation": {"id": 1}, "participations": [person]}
    return json.dumps(whole | changed)


def somebody(**person: object) -> list[dict[str, object]]:
    return [{"id": 1, "user": {"id": 1, "last_name": "Dupont", **person}}]


WRONG_FILES: list[tuple[str | bytes, str]] = [
    # Other files
    ("", NO_TABLE),
    (b"PK\x03\x04workbook", "The file is a workbook (Excel, LibreOffice): save its sheet as CSV first."),
    (b"\xd0\xcf\x11\xe0workbook of 2003", "The file is a workbook (Excel, LibreOffice): save its sheet as CSV first."),
    (b"%PDF-1.7\n%\xe2\xe3", NO_TABLE),
    ("<html><body>Connexion</body></html>", NO_TABLE),
    ((HEAD + ROW).encode("utf-16"), "The file is in UTF-16: save it in UTF-8 first."),
    (ROW, NO_TABLE),
    # Headings
    (
        "Dossier;Date;Heure;Nom\n1;2;3;4\n",
        'The file is …: external_id is missing, …. Say which is which, as --columns "external_id=Dossier", …',
    ),
    (
        "Identifiant;Quand;Nom\n1;2;3\n",
        'The file is …: starts_at is missing, …. Say which is which, as --columns "starts_at=Quand", …',
    ),
    # Dates and hours
    (row("12/05/2027 14h30", "demain"), NO_DATE),
    (row(" 14h30", ""), NO_DATE),
    (row("12/05/2027", "05/13/2027"), NO_DAY),
    (row("12/05/2027", "31/02/2027"), NO_DAY),
    (row("14h30", "25h30"), NO_DAY),
    (
        row("12/05/2027 14h30", "28/03/2027 02:30"),
        "line 2: starts_at is an hour that the clocks skip in Europe/Paris: give one that exists.",
    ),
    (row("A;12/05/2027", "B;12/05/2017"), "1 new have begun already, …: look at the years in the file."),
    (
        "external_id;starts_at;time_zone;organisation_id\nA;2027-05-12 14:30;Paris;1\n",
        "line 2: time_zone is not a name such as Europe/Paris or Indian/Reunion.",
    ),
    # The row
    (row("A;", ";"), "line 2: external_id is missing: each appointment needs one of its own."),
    (row("A;", f"{'A' * 300};"), "line 2: external_id is too long: shorten it."),
    (
        row("Dupont", "Dupont;Sophie"),
        "line 2: The row has 7 fields, the header 6: put a text that contains the delimiter in quotation marks.",
    ),
    (row("Dupont", '"Dupont'), "line 2: A quotation mark is not closed: close it, or take it out."),
    (row("Dupont", "x" * 200_000), "line 2: A field is too long: shorten it."),
    (
        (HEAD + ROW).encode().replace(b"Dupont", b"Du\x81pont"),
        "line 2: The text is neither UTF-8 nor Windows-1252: save the file as UTF-8.",
    ),
    (
        HEAD + ROW + ROW.replace("14h30", "15h30"),
        "line 3: starts_at differs from line 2, …: give both the same time, or this one another external_id.",
    ),
    (
        row("A;", "C;").replace(";1\n", ";\n"),
        "line 2: It is new and names no organisation, so no agent could see it: give it one.",
    ),
    # How people are reached
    (row("06 12 34 56 78", "06 12 34 56"), NO_PHONE),
    (row("06 12 34 56 78", "06 12 34 56 78 / 07 12 34 56 78"), NO_PHONE),
    (row("06 12 34 56 78", "6,12E+08"), NO_PHONE),
    (
        row("06 12 34 56 78", "01 42 00 00 00"),
        "line 2: its telephone number cannot get SMS, …: messages go by e-mail only; give a mobile number …",
    ),
    (
        row("s@exemple.fr", "sophie@"),
        "line 2: taken without its e-mail address: …; correct it and import the file again.",
    ),
    # JSON
    (rdv()[:-1], "The file is not valid JSON: …. Save the whole file again."),
    (
        rdv(starts_at="12/05/2027"),
        f"record 1: data.starts_at is not a date and time such as 2025-01-15T10:00:00+01:00{AS_THERE}",
    ),
    (rdv(status="cancelled"), f"record 1: data.status is not one of unknown, seen, excused, revoked, noshow{AS_THERE}"),
    (
        rdv(id=8, organisation=None),
        "record 1: It is new and names no organisation, so no agent could see it: give it one.",
    ),
    (
        rdv(participations=somebody(phone_number="01 42 00 00 00")),
        "record 1: its telephone number cannot get SMS, …: nobody gets a message, …; give a mobile number …",
    ),
    (
        rdv(participations=somebody(phone_number="06 12")),
        "record 1: taken without the telephone number of participations.0.user: …; correct it …",
    ),
    ('{"rendez_vous": []}', f"record 1: data.id is missing{AS_THERE}"),
    (
        '[{"data": {"id": 1}, "meta": {"model": "Motif", "event": "updated"}}]',
        f"record 1: It is a webhook without an appointment{AS_THERE}",
    ),
]


@every_line(("content", "says"), WRONG_FILES)
def test_a_wrong_file_is_told(sqlite_database: Database, tmp_path: Path, content: str | bytes, says: str) -> None:
    file = tmp_path / "rdv.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        first, *told = import_file(sqlite_database, file).lines()
        told = [line for line in told if " left out: " not in line]
        assert " refused." in first
    except Problem as problem:
        told = list(problem.sentences)
    assert any(fits(says, line) for line in told), told
    assert [line for line in told if not is_well_said(line)] == []


def test_what_is_wrong_with_the_columns_is_told() -> None:
    with pytest.raises(Problem) as problem:
        column_names("id=Dossier")
    assert is_well_said(problem.value.sentence)
