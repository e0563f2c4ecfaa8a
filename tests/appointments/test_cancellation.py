"""The one door: who may cancel what and when, and what it leaves in the rows, in the audit and for the announcer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest
from sqlalchemy import Connection, select, update

from smsbot.appointments.appointment import Participation
from smsbot.appointments.cancellation import Door, Ended, Verdict
from smsbot.appointments.intake import destroy
from smsbot.appointments.participation_queries import hold_participation, participation_of
from smsbot.appointments.terms import TermsBook
from smsbot.model import Actor, Canceller, MotifRecord, Status, Via
from smsbot.policy import Policy
from smsbot.policy.file import PolicyFile
from smsbot.store.database import Database
from smsbot.store.tables import appointments, audit, participations
from tests.appointments.records import NOW, Desk, NothingHeldBack, appointment, participation
from tests.web.api.office import RecordingAnnouncer

NOTICE = timedelta(hours=4)
SECOND = timedelta(seconds=1)
EARLIER = datetime(2026, 12, 1, tzinfo=UTC)

SMS = Canceller(Actor.USAGER, Via.SMS)
LINK = Canceller(Actor.USAGER, Via.LINK)
API = Canceller(Actor.AGENT, Via.API, Status.REVOKED, agent="ada@one.fr", word="Le médecin est absent.")
ON_REQUEST = Canceller(Actor.AGENT, Via.CONSOLE, Status.EXCUSED, agent="bob@two.fr")

WHOLE = "the whole appointment"
POLICY = {"motifs": {"barred": {"may_be_cancelled": False}, "a day": {"notice_hours": 24}, "none": {"notice_hours": 0}}}

Told: TypeAlias = list[tuple[tuple[str, ...], Canceller, datetime, int]]


@dataclass(frozen=True)
class Left:
    """All that a cancellation may leave in the database."""

    appointment: tuple[str, int, datetime]  # status, calendar sequence, time of the last change
    participations: dict[str, tuple[str, datetime | None, str | None, str | None]]  # status; ended when, by whom, how
    audit: list[tuple[datetime, str, str, str, str | None, str]]  # when, act, by, way, agent, participation


class House:
    """One appointment, the door to end it, and what the announcer was told."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.desk = Desk(database)
        self.announcer = RecordingAnnouncer()
        self.door = Door(TermsBook(Policy(PolicyFile.model_validate(POLICY)), NOTICE), self.announcer)

    def holds(self, *people: str, starts_at: datetime = NOW + timedelta(days=3), **fields: Any) -> None:
        """An appointment with these participations, known for a long time."""
        parts = tuple(participation(each) for each in people or ("500",))
        self.desk.take(appointment(starts_at=starts_at, ends_at=None, participations=parts, **fields), now=EARLIER)

    def id_of(self, person: str) -> int:
        number: int = self.desk.participations()[person]["id"]
        return number

    def cancelling(self, meant: str, canceller: Canceller, now: datetime = NOW) -> Callable[[Connection], Verdict]:
        cancel, number = (
            (self.door.cancel_appointment, self.desk.appointment()["id"])
            if meant == WHOLE
            else (self.door.cancel, self.id_of(meant))
        )
        return lambda connection: cancel(connection, number, canceller, now)

    def cancels(self, meant: str, canceller: Canceller, now: datetime = NOW) -> Verdict:
        return self.database.write_now(self.cancelling(meant, canceller, now))

    def left(self) -> Left:
        row, parts = self.desk.appointment(), self.desk.participations()
        names = {part["id"]: external_id for external_id, part in parts.items()}
        notes = self.desk.rows(select(audit).order_by(audit.c.id))
        assert {note["appointment_id"] for note in notes} <= {row["id"]}
        return Left(
            (row["status"], row["calendar_sequence"], row["changed_at"]),
            {
                external_id: (part["status"], part["cancelled_at"], part["cancelled_by"], part["cancelled_way"])
                for external_id, part in parts.items()
            },
            [(*(note[name] for name in _NOTED), names[note["participation_id"]]) for note in notes],
        )

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {table.name: self.desk.rows(select(table)) for table in (appointments, participations, audit)}

    def told(self) -> Told:
        return [
            (
                tuple(one.external_id for one in ended.participations),
                ended.canceller,
                ended.at,
                ended.calendar_sequence,
            )
            for ended in self.announcer.told
        ]


_NOTED = ("at", "act", "by", "way", "agent")


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


@pytest.mark.parametrize(
    ("motif", "begins_in", "for_usagers"),
    [
        ("77", NOTICE + SECOND, Verdict.CANCELLED),
        ("77", NOTICE, Verdict.TOO_LATE),
        ("77", NOTICE - SECOND, Verdict.TOO_LATE),
        ("77", timedelta(0), Verdict.TOO_LATE),
        ("77", -timedelta(days=1), Verdict.TOO_LATE),
        ("a day", timedelta(hours=24) + SECOND, Verdict.CANCELLED),
        ("a day", timedelta(hours=24), Verdict.TOO_LATE),
        ("none", SECOND, Verdict.CANCELLED),
        ("none", timedelta(0), Verdict.TOO_LATE),
        ("barred", timedelta(days=3), Verdict.BARRED),
        ("barred", NOTICE, Verdict.BARRED),
    ],
)
@pytest.mark.parametrize("canceller", [SMS, API], ids=lambda one: one.by)
def test_who_may_cancel_when(
    house: House, canceller: Canceller, motif: str, begins_in: timedelta, for_usagers: Verdict
) -> None:
    house.holds(starts_at=NOW + begins_in, motif=MotifRecord(motif))
    before = house.everything()
    verdict = house.cancels("500", canceller)
    assert verdict is (for_usagers if canceller.by is Actor.USAGER else Verdict.CANCELLED)
    if verdict is Verdict.CANCELLED:
        assert house.left().participations["500"][0] == canceller.status
    else:
        assert (house.everything(), house.told()) == (before, [])


@pytest.mark.parametrize("canceller", [SMS, LINK, API, ON_REQUEST], ids=lambda one: one.via)
@pytest.mark.parametrize(
    ("collective", "meant", "ended", "appointment_ends"),
    [
        (False, "500", ("500", "501"), True),
        (False, "501", ("501", "500"), True),  # the one that was meant is the first
        (False, WHOLE, ("500", "501"), True),
        (True, "500", ("500",), False),
        (True, "501", ("501",), False),
        (True, WHOLE, ("500", "501"), True),
    ],
)
def test_what_ends(
    house: House, canceller: Canceller, collective: bool, meant: str, ended: tuple[str, ...], appointment_ends: bool
) -> None:
    house.holds("500", "501", "seen", "revoked", "removed", collective=collective)
    for status in ("seen", "revoked"):
        house.desk.run(update(participations).where(participations.c.external_id == status).values(status=status))
    house.desk.run(update(participations).where(participations.c.external_id == "removed").values(removed_at=EARLIER))
    house.desk.run(update(appointments).values(calendar_sequence=7))
    before = house.left()

    assert house.cancels(meant, canceller) is Verdict.CANCELLED
    ending = (canceller.status.value, NOW, canceller.by.value, canceller.via.value)
    assert house.left() == Left(
        (canceller.status.value if appointment_ends else "unknown", 8, NOW),
        before.participations | dict.fromkeys(ended, ending),
        [(NOW, "cancelled", canceller.by.value, canceller.via.value, canceller.agent, one) for one in ended],
    )
    assert house.told() == [(ended, canceller, NOW, 8)]


def test_several_appointments_at_once_each_end_as_they_do_alone(house: House) -> None:
    for number, people, fields in (
        ("1", ("11", "12"), {}),
        ("2", ("21", "22"), {"collective": True}),
        ("3", ("31",), {"starts_at": NOW + NOTICE}),  # too late
        ("4", ("41",), {}),
    ):
        parts = tuple(participation(each) for each in people)
        house.desk.take(appointment(number, ends_at=None, participations=parts, **fields), now=EARLIER)
    ids = {name: row["id"] for number in "1234" for name, row in house.desk.participations(number).items()}

    def end(connection: Connection) -> list[Verdict]:
        meant = [hold_participation(connection, ids[name]) for name in ("11", "41", "21", "31")]
        assert house.door.end(connection, one_there(meant[1]), API, NOW) is Verdict.CANCELLED
        return house.door.end_each(connection, [one_there(one) for one in meant], SMS, NOW)

    assert house.database.write_now(end) == [
        Verdict.CANCELLED,
        Verdict.ALREADY,  # the UPDATE finds that it has ended, although it was read as standing
        Verdict.CANCELLED,
        Verdict.TOO_LATE,
    ]
    assert house.told() == [
        (("41",), API, NOW, 1),
        (("11", "12"), SMS, NOW, 1),
        (("21",), SMS, NOW, 1),
    ]
    ended = {
        each for number in "1234" for each, row in house.desk.participations(number).items() if row["cancelled_at"]
    }
    assert ended == {"11", "12", "21", "41"}
    assert [house.desk.appointment(number)["status"] for number in "1234"] == [
        "excused",
        "unknown",
        "unknown",
        "revoked",
    ]
    noted = house.desk.rows(select(audit.c.by, audit.c.participation_id).order_by(audit.c.id))
    assert [(row["by"], row["participation_id"]) for row in noted] == [
        ("agent", ids["41"]),
        ("usager", ids["11"]),
        ("usager", ids["12"]),
        ("usager", ids["21"]),
    ]


def one_there(found: Participation | None) -> Participation:
    assert found is not None
    return found


def test_one_after_the_other_in_a_collective_appointment(house: House) -> None:
    house.holds("500", "501", collective=True)
    later = NOW + SECOND
    assert [house.cancels("500", SMS), house.cancels("501", API, later)] == [Verdict.CANCELLED] * 2
    assert house.left() == Left(
        ("unknown", 2, later),
        {"500": ("excused", NOW, "usager", "sms"), "501": ("revoked", later, "agent", "api")},
        [(NOW, "cancelled", "usager", "sms", None, "500"), (later, "cancelled", "agent", "api", API.agent, "501")],
    )
    assert house.told() == [(("500",), SMS, NOW, 1), (("501",), API, later, 2)]


def status_is(status: Status) -> Callable[[Desk], object]:
    return lambda desk: desk.run(update(participations).values(status=status.value))


def removed_at_the_source(desk: Desk) -> None:
    desk.take(appointment(participations=()))


def destroyed_at_the_source(desk: Desk) -> None:
    desk.database.write_now(
        lambda connection: destroy(connection, "rdvsp", "4021", event_at=None, reason=None, now=EARLIER)
    )


def marked_as_destroyed(desk: Desk) -> None:
    desk.run(update(appointments).values(destroyed_at=EARLIER))


@pytest.mark.parametrize("canceller", [SMS, API], ids=lambda one: one.by)
@pytest.mark.parametrize(
    ("ends", "for_one", "for_the_whole"),
    [
        *[(status_is(each), Verdict.ALREADY, Verdict.ALREADY) for each in Status if each is not Status.UNKNOWN],
        (removed_at_the_source, Verdict.ALREADY, Verdict.UNKNOWN),
        (destroyed_at_the_source, Verdict.ALREADY, Verdict.UNKNOWN),
        (marked_as_destroyed, Verdict.ALREADY, Verdict.ALREADY),
    ],
)
def test_what_has_ended_before_is_left_alone(
    house: House, canceller: Canceller, ends: Callable[[Desk], object], for_one: Verdict, for_the_whole: Verdict
) -> None:
    house.holds()
    ends(house.desk)
    before = house.everything()
    assert [house.cancels("500", canceller), house.cancels(WHOLE, canceller)] == [for_one, for_the_whole]
    assert (house.everything(), house.told()) == (before, [])


def test_what_is_not_known_is_not_cancelled(house: House) -> None:
    house.holds()
    before = house.everything()
    verdicts = [
        house.database.write_now(lambda connection: house.door.cancel(connection, 99, API, NOW)),
        house.database.write_now(lambda connection: house.door.cancel_appointment(connection, 99, API, NOW)),
    ]
    assert verdicts == [Verdict.UNKNOWN] * 2
    assert (house.everything(), house.told()) == (before, [])


@pytest.mark.parametrize(
    ("first", "second"), [(SMS, LINK), (LINK, API), (API, SMS), (API, ON_REQUEST)], ids=lambda one: one.via
)
def test_who_decides_on_what_was_read_before_the_other_is_told_that_it_is_so(
    house: House, first: Canceller, second: Canceller
) -> None:
    house.holds()
    number = house.id_of("500")

    def both(connection: Connection) -> list[Verdict]:
        read = [participation_of(connection, number) for _ in range(2)]
        return [
            house.door.end(connection, one, canceller, NOW)
            for one, canceller in zip(read, (first, second), strict=True)
            if one is not None
        ]

    assert house.database.write_now(both) == [Verdict.CANCELLED, Verdict.ALREADY]
    assert house.left().participations["500"][2:] == (first.by, first.via)
    assert len(house.left().audit) == 1
    assert house.told() == [(("500",), first, NOW, 1)]


@pytest.mark.anyio
async def test_of_many_at_once_one_wins(house: House) -> None:
    house.holds("500", "501")
    attempts = [("500", SMS), ("501", LINK), ("500", API), ("501", ON_REQUEST), (WHOLE, API)]
    works = [house.cancelling(meant, canceller) for meant, canceller in attempts]
    verdicts = await asyncio.gather(*(house.database.write(work) for work in works * 2))
    assert sorted(verdicts) == [Verdict.ALREADY] * 9 + [Verdict.CANCELLED]
    [(ended, winner, _, sequence)] = house.told()
    assert (sorted(ended), sequence) == (["500", "501"], 1)
    ending = (winner.status, NOW, winner.by, winner.via)
    assert house.left().participations == dict.fromkeys(("500", "501"), ending)
    assert sorted(note[-1] for note in house.left().audit) == ["500", "501"]


class Speechless(NothingHeldBack):
    """An announcer that fails."""

    def ended(self, _connection: Connection, _ended: Ended) -> None:
        raise RuntimeError("no words")


@pytest.mark.parametrize("meant", ["500", WHOLE])
def test_what_cannot_be_told_has_not_happened(house: House, meant: str) -> None:
    house.holds()
    before = house.everything()
    house.door = replace(house.door, announcer=Speechless())
    with pytest.raises(RuntimeError, match="no words"):
        house.cancels(meant, API)
    assert house.everything() == before
