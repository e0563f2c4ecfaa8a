"""The table "Ce qui change là-bas" of the operators' guide: each of its lines is tested here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from smsbot.appointments.intake import Intake
from smsbot.model import RGPD, AppointmentRecord, ParticipationRecord, PersonRecord, Status, UsagerRecord
from smsbot.sources.rdvsp import AppointmentEvent, SourceEvent, UsagerEvent
from smsbot.store.database import Database
from smsbot.store.tables import incoming_messages, outgoing_messages
from tests.appointments.records import appointment
from tests.test_turn import NOW, PHONE, Line

OTHER, PAUL = "+33699999999", "+33600000002"
STARTS_AT, LATER = NOW + timedelta(days=3), NOW + timedelta(days=5)
GUIDE = (Path(__file__).parents[1] / "docs" / "guide-operateurs.md").read_text(encoding="utf-8")


class There(Line):
    """The source, whose agents change things while Sophie writes."""

    def part_of(
        self, external_id: str = "500", usager: str = "300", status: Status = Status.UNKNOWN, **person: Any
    ) -> ParticipationRecord:
        who = {"first_name": "Sophie", "last_name": "Dupont", "phone": PHONE, **person}
        wanted: dict[str, Any] = {"send_lifecycle_notifications": True, "send_reminder_notification": True}
        record = PersonRecord(**who)
        return ParticipationRecord.of(external_id, record, usager_external_id=usager, status=status, **wanted)

    def tells(
        self,
        *people: ParticipationRecord,
        event: SourceEvent = SourceEvent.UPDATED,
        at: datetime | None = None,
        **fields: Any,
    ) -> Intake:
        self.now += timedelta(seconds=1)
        usual: dict[str, Any] = {"starts_at": STARTS_AT, "ends_at": None, "created_at": NOW - timedelta(days=30)}
        record: AppointmentRecord = appointment("1", participations=people or (self.part_of(),), **usual | fields)
        intake: Intake = self._arrives(AppointmentEvent(event, "1", record, at or self.now, None))
        return intake

    def destroys(self, reason: str | None = None) -> None:
        self._arrives(AppointmentEvent(SourceEvent.DESTROYED, "1", None, self.now, reason))

    def tells_of_usager(self, record: UsagerRecord | None, reason: str | None = None) -> None:
        event = SourceEvent.UPDATED if record is not None else SourceEvent.DESTROYED
        self._arrives(UsagerEvent(event, "300", record, self.now, reason))

    def _arrives(self, event: AppointmentEvent | UsagerEvent) -> Any:
        arrival, now = self.service.arrival, self.now
        return self.database.write_now(lambda connection: arrival.take(connection, "rdvsp", event, now))

    def parts(self) -> dict[str, dict[str, Any]]:
        return self.desk.participations("1")

    def told(self) -> list[str]:
        """The recipients of unasked SMS, without erased ones."""
        rows = self.desk.rows(select(outgoing_messages).order_by(outgoing_messages.c.id))
        return [row["recipient"] for row in rows if row["kind"] == "notification" and row["channel"] == "sms"]

    def texts(self) -> set[str]:
        rows = self.desk.rows(select(incoming_messages.c.body)) + self.desk.rows(select(outgoing_messages.c.body))
        return {row["body"] for row in rows}


LINES: dict[str, Callable[[There], None]] = {}


def line(words: str) -> Callable[[Callable[[There], None]], Callable[[There], None]]:
    """This function tests the line of the table that begins with these words."""

    def keep(prove: Callable[[There], None]) -> Callable[[There], None]:
        LINES[words] = prove
        return prove

    return keep


@line("Le rendez-vous est déplacé")
def _moved(there: There) -> None:
    there.tells()
    assert there.hears("je viens", "annuler dup") == ["coming_thanked", "confirm"]
    there.tells(starts_at=LATER)
    assert there.told() == [PHONE]
    assert there.parts()["500"]["announced_at"] is None
    assert there.hears("oui") == ["confirm_moved"]
    assert there.hears("oui") == ["cancelled"]


@line("Le numéro de téléphone change")
def _another_number(there: There) -> None:
    there.tells()
    assert there.hears("annuler dup") == ["confirm"]
    there.tells(there.part_of(phone=OTHER))
    assert there.hears("oui") != ["cancelled"]
    assert there.parts()["500"]["status"] == "unknown"
    assert there.told() == []
    assert there.hears("annuler dup", "oui", phone=OTHER) == ["confirm", "cancelled"]


@line("Le nom de famille change")
def _another_name(there: There) -> None:
    there.tells()
    assert there.hears("annuler") == ["ask_letters"]
    there.tells(there.part_of(last_name="Martin"))
    assert there.hears("DUP") == ["wrong_letters"]
    assert there.hears("MAR") == ["confirm"]
    there.tells(there.part_of(last_name="Petit"))
    assert there.hears("oui") == ["cancelled"]
    assert there.told() == []


@line("Un rendez-vous individuel de deux personnes est annulé, l'une après l'autre")
def _two_one_after_the_other(there: There) -> None:
    two = there.part_of(), there.part_of("501", "301", first_name="Paul", phone=PAUL)
    there.tells(*two)
    there.tells(replace(two[0], status=Status.REVOKED), two[1])
    assert there.told() == [PHONE]
    assert [part["status"] for part in there.parts().values()] == ["revoked", "unknown"]
    there.tells(*(replace(one, status=Status.REVOKED) for one in two), status=Status.REVOKED)
    assert there.told() == [PHONE, PAUL]
    assert [part["status"] for part in there.parts().values()] == ["revoked", "revoked"]


@line("Une personne n'y participe plus")
def _no_longer_in_it(there: There) -> None:
    two = there.part_of(), there.part_of("501", "301", first_name="Paul", phone=PAUL)
    there.tells(*two)
    there.tells(two[1])
    assert there.told() == []
    assert there.parts()["500"]["removed_at"] is not None
    assert there.hears("annuler") != ["ask_letters"]
    assert there.hears("annuler", phone=PAUL) == ["ask_letters"]


@line("Un rendez-vous collectif de cent personnes est déplacé")
def _a_hundred(there: There) -> None:
    hundred = tuple(there.part_of(str(number), str(number), phone=f"+336000{number:05d}") for number in range(100))
    there.tells(*hundred, collective=True)
    for _ in range(3):  # there is one webhook for each participant, with the same data
        there.tells(*hundred, collective=True, starts_at=LATER)
    assert len(there.told()) == len(set(there.told())) == 100


@line("Deux fiches d'usager sont fusionnées")
def _merged(there: There) -> None:
    there.tells()
    there.hears("annuler", "MAR", "BER")
    there.tells(there.part_of(usager="301", first_name="Anne", last_name="Martin", phone=OTHER))
    (part,) = there.parts().values()
    assert (part["external_id"], part["usager_external_id"], part["surnames"]) == ("500", "301", ["Martin"])
    assert there.hears("annuler", "DUP") != ["ask_letters", "confirm"]
    assert there.hears("annuler mar", "oui", phone=OTHER) == ["confirm", "cancelled"]
    assert there.told() == []


@line("L'usager est anonymisé")
def _anonymised(there: There) -> None:
    there.tells()
    there.hears("annuler dup")
    there.tells_of_usager(UsagerRecord("300", PersonRecord(anonymised=True)))
    (part,) = there.parts().values()
    assert (part["last_name"], part["phone"], part["removed_at"]) == (None, None, None)
    assert there.texts() == {""}
    there.tells()  # a late event brings nobody back
    assert there.parts()["500"]["phone"] is None


@line("Le profil de l'usager est détruit, pour la protection des données (`rgpd`)")
def _erased(there: There) -> None:
    there.tells()
    there.hears("annuler dup")
    there.tells_of_usager(None, RGPD)
    (part,) = there.parts().values()
    assert (part["last_name"], part["phone"]) == (None, None)
    assert part["removed_at"] is not None
    assert there.texts() == {""}


@line("Le profil de l'usager est détruit pour une autre raison")
def _left(there: There) -> None:
    there.tells()
    there.tells_of_usager(None)
    assert there.parts()["500"]["phone"] == PHONE
    assert there.hears("annuler dup") == ["confirm"]


@line("Le rendez-vous est détruit")
def _destroyed(there: There) -> None:
    there.tells()
    there.hears("annuler dup")
    there.destroys()
    assert there.hears("oui") != ["cancelled"]
    assert there.told() == []
    there.tells()
    assert there.parts()["500"]["removed_at"] is not None
    assert there.parts()["500"]["phone"] == PHONE  # kept until the retention ends


@line("Le rendez-vous est détruit, pour la protection des données (`rgpd`)")
def _destroyed_for_good(there: There) -> None:
    there.tells()
    there.hears("annuler dup")
    there.destroys(RGPD)
    assert there.parts()["500"]["phone"] is None
    assert there.texts() == {""}


@line("Tout est envoyé de nouveau (`created`)")
def _replayed(there: There) -> None:
    there.tells(event=SourceEvent.CREATED)
    there.tells(event=SourceEvent.CREATED, starts_at=LATER)
    there.tells(there.part_of(status=Status.REVOKED), event=SourceEvent.CREATED)
    assert there.told() == []
    assert there.parts()["500"]["status"] == "revoked"


@line("Des données plus anciennes arrivent après")
def _late(there: There) -> None:
    there.tells(starts_at=LATER)
    there.tells(event=SourceEvent.CREATED, at=there.now - timedelta(minutes=5))
    assert there.desk.appointment("1")["starts_at"] == LATER
    assert there.told() == []


@pytest.mark.parametrize("words", LINES)
def test_what_an_agent_changes_there_does_here_what_the_guide_says(database: Database, words: str) -> None:
    LINES[words](There(database))


def test_each_line_of_the_guide_is_proved_and_no_other() -> None:
    table = re.search(r"^\| Là-bas \| Ici \|\n\|[ -|]+\|\n((?:\|.*\|\n)+)", GUIDE, re.MULTILINE)
    assert table is not None
    assert [row.split(" | ")[0].removeprefix("| ") for row in table[1].splitlines()] == list(LINES)
