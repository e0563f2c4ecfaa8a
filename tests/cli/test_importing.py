"""The work of `smsbot import`, without the command line."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, func, select
from typer.testing import CliRunner, Result

from smsbot.app import Service
from smsbot.appointments.intake import Feed, last_words_heard
from smsbot.cli.common import CommandFailed
from smsbot.cli.main import app
from smsbot.cli.operations.importing import TAKEN_TOGETHER, ImportOptions, ImportReport, import_file, refuse_connected
from smsbot.notifications.reminders import Reminders
from smsbot.settings import ServiceSettings, Settings
from smsbot.sources.file_lines import RefusedLine, TakenWithout, UnreadableFile, Unusable
from smsbot.store.database import Database
from smsbot.store.tables import appointments, outgoing_messages, participations

CSV = (
    "external_id;starts_at;last_name;first_name;phone;place;organisation_name\n"
    "A;12/05/2027 14h30;Dupont;Sophie;06 12 34 56 78;Mairie;CCAS\n"
    "B;12/05/2027 15h00;Benali;Karim;0692 12 34 56;Mairie;CCAS\n"
    "C;hier;Roux;Léa;;;\n"
    "A;12/05/2027 14h30;Martin;Paul;06 12 34 56 79;Mairie;CCAS\n"
)
REFUSED = RefusedLine("line 4", "starts_at is not a date and time such as 2026-05-12 14:30 or 12/05/2026 14h30.")


def count(database: Database, table: Table) -> int:
    counting = select(func.count()).select_from(table)
    return database.read_now(lambda connection: connection.execute(counting).scalar_one())


def test_an_import_says_what_it_did_and_done_again_does_nothing(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "appointments.csv"
    file.write_text(CSV, encoding="cp1252")
    assert import_file(database, file) == ImportReport(2, 0, 0, 0, (REFUSED,))
    assert import_file(database, file) == ImportReport(0, 0, 2, 0, (REFUSED,))
    file.write_text(CSV.replace("15h00", "16h00"))
    assert import_file(database, file) == ImportReport(0, 1, 1, 0, (REFUSED,))
    assert (count(database, appointments), count(database, participations)) == (2, 3)
    assert count(database, outgoing_messages) == 0


def test_a_source_of_its_own_has_ids_of_its_own(sqlite_database: Database, tmp_path: Path) -> None:
    file = tmp_path / "appointments.csv"
    file.write_text(CSV)
    import_file(sqlite_database, file)
    assert import_file(sqlite_database, file, ImportOptions("ccas")).new == 2


def test_an_import_brings_back_nothing_that_was_cancelled_here(sqlite_database: Database, tmp_path: Path) -> None:
    file = tmp_path / "appointments.csv"
    file.write_text(CSV)
    import_file(sqlite_database, file)
    ended = {"status": "excused", "cancelled_way": "sms"}
    sqlite_database.write_now(lambda connection: connection.execute(participations.update().values(ended)).close())
    assert import_file(sqlite_database, file).unchanged == 2
    statuses = sqlite_database.read_now(
        lambda connection: connection.execute(select(participations.c.status)).scalars().all()
    )
    assert statuses == ["excused"] * 3


def test_more_than_one_transaction_holds(sqlite_database: Database, tmp_path: Path) -> None:
    file = tmp_path / "page.json"
    number = 2 * TAKEN_TOGETHER + 1
    rdv = {"starts_at": "2027-05-12T14:30:00+02:00", "organisation": {"id": 1}}
    rdvs = [{"id": n, "participations": [{"id": n}], **rdv} for n in range(number)]
    file.write_text(json.dumps({"rdvs": rdvs, "meta": {}}))
    assert import_file(sqlite_database, file).new == number
    assert import_file(sqlite_database, file).unchanged == number


def test_of_several_webhooks_in_a_file_the_newest_is_left(sqlite_database: Database, tmp_path: Path) -> None:
    file = tmp_path / "webhooks.json"
    meta = {"model": "Rdv", "event": "updated"}
    webhooks = [
        {
            "data": {"id": 1, "starts_at": f"2027-05-12T1{second}:00:00Z", "organisation": {"id": 1}},
            "meta": {**meta, "timestamp": f"2026-01-01T00:00:0{second}Z"},
        }
        for second in (2, 5, 3)
    ]
    file.write_text(json.dumps(webhooks))
    report = import_file(sqlite_database, file)
    assert (report.new, report.changed, report.ignored) == (1, 1, 1)
    starts_at = sqlite_database.read_now(
        lambda connection: connection.execute(select(appointments.c.starts_at)).scalar_one()
    )
    assert starts_at.hour == 15


def test_a_file_that_cannot_be_read_is_one_clear_error(sqlite_database: Database, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        import_file(sqlite_database, tmp_path / "none.csv")


def test_a_number_and_an_address_that_are_none_are_told(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "appointments.csv"
    file.write_text(
        "external_id,starts_at,last_name,phone,email,organisation_id\n"
        "A,2027-05-12 14:30,Dupont,06 12 34 56,foo@,1\n"
        "B,hier,Roux,,,1\n"
        "C,2027-05-12 15:30,Benali,,,1\n"
    )
    report = import_file(database, file)
    assert (report.new, report.refused, report.left_out) == (2, 1, 2)
    assert list(report.lines()) == [
        "2 new, 0 changed, 0 unchanged, 1 refused.",
        "2 left out: telephone numbers and e-mail addresses that cannot be used.",
        "line 2: taken without its telephone number: the value in the file is not a usable telephone number; "
        "correct it and import the file again.",
        "line 2: taken without its e-mail address: the value in the file is not a usable e-mail address; "
        "correct it and import the file again.",
        f"line 3: {REFUSED.reason}",
    ]
    file.write_text(file.read_text().replace("06 12 34 56,foo@", "06 12 34 56 78,foo@exemple.fr"))
    report = import_file(database, file)
    assert (report.changed, report.left_out) == (1, 0)
    reached = select(participations.c.phone, participations.c.email).order_by(participations.c.id).limit(1)
    row = database.read_now(lambda connection: connection.execute(reached).one())
    assert tuple(row) == ("+33612345678", "foo@exemple.fr")


def test_what_a_file_has_no_column_for_stays_as_known(sqlite_database: Database, tmp_path: Path) -> None:
    file = tmp_path / "appointments.csv"
    reached = select(participations.c.phone, participations.c.email)
    for content, known in (
        (
            "phone,email,organisation_id\nA,2027-05-12 14:30,Dupont,0612345678,s@exemple.fr,1\n",
            ("+33612345678", "s@exemple.fr"),
        ),
        ("phone\nA,2027-05-12 14:30,Dupont,0612345679\n", ("+33612345679", "s@exemple.fr")),
        ("email\nA,2027-05-12 14:30,Dupont,\n", ("+33612345679", None)),
    ):
        file.write_text(f"external_id,starts_at,last_name,{content}")
        import_file(sqlite_database, file)
        row = sqlite_database.read_now(lambda connection: connection.execute(reached).one())
        assert tuple(row) == known


def test_the_report_as_the_shell_prints_it() -> None:
    assert list(ImportReport(2, 1, 0, 0, (REFUSED,)).lines()) == [
        "2 new, 1 changed, 0 unchanged, 1 refused.",
        f"line 4: {REFUSED.reason}",
    ]
    assert list(ImportReport(0, 0, 0, 3, ()).lines())[1].startswith("3 ignored")
    left_out = TakenWithout("line 2", Unusable.PHONE)
    assert list(ImportReport(1, 0, 0, 0, (left_out, REFUSED)).lines())[2:] == [
        f"line 2: {left_out.reason}",
        f"line 4: {REFUSED.reason}",
    ]


SERVICE_PUBLIC = "https://rdv.example.fr"
OAUTH = {"rdvsp_client_id": "id", "rdvsp_client_secret": "secret"}
INSTANCES = """
[sources.mairie]
secret_env = "SMSBOT_MAIRIE_SECRET"
url = "https://mairie.example.fr"
email = "smsbot@mairie.example.fr"
password_env = "SMSBOT_MAIRIE_PASSWORD"
[sources.ccas]
secret_env = "SMSBOT_CCAS_SECRET"
"""


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({}, {"mairie"}),
        ({"rdvsp_url": SERVICE_PUBLIC, **OAUTH}, {"rdvsp", "mairie"}),
    ],
)
def test_a_connected_source_takes_no_file(values: dict[str, str], refused: set[str], tmp_path: Path) -> None:
    config = tmp_path / "smsbot.toml"
    config.write_text(INSTANCES)
    settings = Settings.exactly(config=config, **values)
    for source in ("rdvsp", "mairie", "ccas", "anything"):
        if source not in refused:
            refuse_connected(settings, source)
            continue
        with pytest.raises(CommandFailed) as failed:
            refuse_connected(settings, source)
        assert failed.value.sentence == (
            f"The source {source} is connected: only RDV Service Public changes its appointments. "
            "smsbot rdvsp sync reads them there; for a file of other appointments give another --source."
        )


class TestReminders:
    """The reminders that an import causes, with a service that reminds two days before."""

    @pytest.fixture
    def reminders(self, sqlite_database: Database) -> Reminders:
        settings = ServiceSettings.exactly(
            secret_key="a secret of the tests, of 32 bytes or more",
            twilio_account_sid="AC" + "0" * 32,
            twilio_auth_token="token",
            sender="+33937000000",
            mail_from="rdv@example.fr",
            quiet_hours="off",
        )
        return Service(settings, sqlite_database).reminders

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """Two appointments within the time of reminders, and one next month."""
        now = datetime.now(UTC)
        rows = [("A", now + timedelta(hours=30)), ("B", now + timedelta(hours=40)), ("C", now + timedelta(days=30))]
        file = tmp_path / "soon.csv"
        lines = (f"{name};{at.isoformat(timespec='seconds')};Roux;0612345678;1\n" for name, at in rows)
        file.write_text("external_id;starts_at;last_name;phone;organisation_id\n" + "".join(lines))
        return file

    def due(self, database: Database, reminders: Reminders, after: timedelta = timedelta(0)) -> int:
        found = database.read_now(lambda connection: reminders.due(connection, datetime.now(UTC) + after))
        return len(found.participation_ids)

    def test_those_that_leave_at_once_are_counted(
        self, sqlite_database: Database, reminders: Reminders, file: Path
    ) -> None:
        report = import_file(sqlite_database, file, ImportOptions(dry_run=True, reminders=reminders))
        assert (report.new, report.reminders) == (3, 2)
        assert count(sqlite_database, appointments) == 0, "a dry run keeps nothing"
        report = import_file(sqlite_database, file, ImportOptions(reminders=reminders))
        assert (report.new, report.reminders, self.due(sqlite_database, reminders)) == (3, 2, 2)
        assert import_file(sqlite_database, file, ImportOptions(reminders=reminders)).reminders == 0

    def test_those_of_an_import_before_can_be_held(
        self, sqlite_database: Database, reminders: Reminders, file: Path
    ) -> None:
        import_file(sqlite_database, file, ImportOptions(reminders=reminders))
        assert self.due(sqlite_database, reminders) == 2
        report = import_file(sqlite_database, file, ImportOptions(quiet_for=timedelta(hours=3), reminders=reminders))
        assert (report.unchanged, self.due(sqlite_database, reminders)) == (3, 0)

    def test_they_can_be_held(self, sqlite_database: Database, reminders: Reminders, file: Path) -> None:
        options = ImportOptions(quiet_for=timedelta(hours=3), reminders=reminders)
        assert import_file(sqlite_database, file, options).reminders == 0
        assert self.due(sqlite_database, reminders) == 0
        assert self.due(sqlite_database, reminders, after=timedelta(hours=2, minutes=59)) == 0
        assert self.due(sqlite_database, reminders, after=timedelta(hours=3, minutes=1)) == 2


def shell(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> Result:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SMSBOT_DATABASE_URL", f"sqlite:///{folder / 'smsbot.db'}")
    return CliRunner().invoke(app, ["import", *arguments])


def test_refused_rows_are_in_a_file_of_their_own_that_can_be_corrected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rdv.csv"
    file.write_bytes(CSV.encode("cp1252") + b"A;12/05/2027 16h30;Noir;Max;06 12 34 56 70;Mairie;CCAS")
    done = shell(monkeypatch, tmp_path, "rdv.csv")
    assert done.exit_code == 1
    assert "2 new, 0 changed, 0 unchanged, 2 refused." in done.stdout
    assert "the refused rows are in rdv-refused.csv" in done.stderr
    with closing(Database(f"sqlite:///{tmp_path / 'smsbot.db'}")) as database:
        assert database.read_now(last_words_heard).keys() == {("rdvsp", Feed.FILE)}, "for the figures"
    refused = tmp_path / "rdv-refused.csv"
    assert refused.stat().st_mode & 0o077 == 0
    rows = refused.read_text(encoding="utf-8-sig").splitlines()
    assert rows[0] == CSV.splitlines()[0]
    assert sorted(row.split(";")[2] for row in rows[1:]) == ["Dupont", "Martin", "Noir", "Roux"]
    text = refused.read_text(encoding="utf-8-sig").replace("hier", "12/05/2027 10h").replace("16h30", "14h30")
    refused.write_text(text, encoding="utf-8")
    done = shell(monkeypatch, tmp_path, "rdv-refused.csv")
    assert done.exit_code == 1, "the line without an organisation is still refused"
    done = shell(monkeypatch, tmp_path, "rdv.csv", "--dry-run")
    assert "This was a dry run" in done.stdout
    with closing(Database(f"sqlite:///{tmp_path / 'smsbot.db'}")) as database:
        there = select(func.count()).select_from(participations).where(participations.c.removed_at.is_(None))
        assert database.read_now(lambda connection: connection.execute(there).scalar_one()) == 4, (
            "nobody is thought gone"
        )


def test_a_template_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = shell(monkeypatch, tmp_path, "--template")
    (tmp_path / "filled.csv").write_text(printed.stdout, encoding="utf-8")
    done = shell(monkeypatch, tmp_path, "filled.csv")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "1 new, 0 changed, 0 unchanged, 0 refused.")
    assert shell(monkeypatch, tmp_path).exit_code == 2
    assert shell(monkeypatch, tmp_path, "filled.csv", "--columns", "x=y").stderr.startswith("'x=y' names no column")
