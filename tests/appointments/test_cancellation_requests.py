"""Requests to cancel at a connected source: stored, claimed and finished. Nothing is cancelled before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from smsbot.agents.appointment_actions import AgentCancellation, cancel_as_agent
from smsbot.appointments.cancellation import Door, Verdict
from smsbot.appointments.request_attempts import claim_requests, extend_lease, finish_request, postpone
from smsbot.appointments.requests import (
    CancellationRequest,
    RequestState,
    hurry,
    note_registered,
    open_requests,
    unregistered,
)
from smsbot.appointments.terms import TermsBook
from smsbot.model import Actor, Canceller, MotifRecord, Status, Via
from smsbot.policy import Policy
from smsbot.policy.file import PolicyFile
from smsbot.store.database import Database
from smsbot.store.tables import appointments, audit, cancellation_requests, participations
from tests.appointments.records import NOW, Desk, appointment, participation
from tests.web.api.office import RecordingAnnouncer

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SMS = Canceller(Actor.USAGER, Via.SMS)
API = Canceller(Actor.AGENT, Via.API, Status.REVOKED, agent="ada@one.fr", word="Absente.")
POLICY = {"motifs": {"barred": {"may_be_cancelled": False}}}


class Asked:
    """A door that asks the source, and the rows that it writes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.desk = Desk(database)
        self.announcer = RecordingAnnouncer()
        terms = TermsBook(Policy(PolicyFile.model_validate(POLICY)), timedelta(hours=4))
        self.door = Door(terms, self.announcer, frozenset({"rdvsp"}))

    def holds(self, *people: str, external_id: str = "4021", **fields: Any) -> None:
        fields = {"starts_at": NOW + timedelta(days=3), "ends_at": None, **fields}
        parts = tuple(participation(each) for each in people or ("500",))
        self.desk.take(appointment(external_id, participations=parts, **fields), now=NOW - timedelta(days=30))

    def cancels(self, person: str, canceller: Canceller = SMS, now: datetime = NOW) -> Verdict:
        number = self.desk.participations()[person]["id"]
        return self.database.write_now(lambda connection: self.door.cancel(connection, number, canceller, now))

    def cancels_whole(self, canceller: Canceller = API, now: datetime = NOW) -> Verdict:
        number = self.desk.appointment()["id"]
        return self.database.write_now(
            lambda connection: self.door.cancel_appointment(connection, number, canceller, now)
        )

    def claims(self, now: datetime = NOW, at_most: int = 10) -> list[CancellationRequest]:
        return self.database.write_now(
            lambda connection: claim_requests(connection, now, now + MINUTE, at_most, sources=["rdvsp"])
        )

    def finishes(self, request: CancellationRequest, state: RequestState = RequestState.REFUSED) -> bool:
        return self.database.write_now(lambda connection: finish_request(connection, request, state, "Why.", NOW))

    def marked(self) -> dict[str, datetime | None]:
        return {name: row["cancellation_requested_at"] for name, row in self.desk.participations().items()}

    def statuses(self) -> set[str]:
        return {row["status"] for row in self.desk.participations().values()}

    def requests(self) -> list[dict[str, Any]]:
        return self.desk.rows(select(cancellation_requests).order_by(cancellation_requests.c.id))

    def acts(self) -> list[tuple[str, str, str, str | None]]:
        names = {row["id"]: name for name, row in self.desk.participations().items()}
        rows = self.desk.rows(select(audit).order_by(audit.c.id))
        return [(row["act"], row["by"], names[row["participation_id"]], row["agent"]) for row in rows]


@pytest.fixture
def asked(database: Database) -> Asked:
    return Asked(database)


@pytest.mark.parametrize(
    ("collective", "meant", "marked"),
    [
        (False, "500", ("500", "501")),
        (True, "500", ("500",)),
        (False, None, ("500", "501")),
        (True, None, ("500", "501")),
    ],
)
@pytest.mark.parametrize("canceller", [SMS, API], ids=lambda one: one.by)
def test_it_is_asked_for_and_nothing_ends(
    asked: Asked, canceller: Canceller, collective: bool, meant: str | None, marked: Sequence[str]
) -> None:
    asked.holds("500", "501", "seen", collective=collective)
    seen = participations.c.external_id == "seen"
    asked.desk.run(update(participations).where(seen).values(status="seen"))
    verdict = asked.cancels(meant, canceller) if meant else asked.cancels_whole(canceller)
    assert verdict is Verdict.REQUESTED
    assert asked.statuses() == {"unknown", "seen"}
    assert asked.marked() == {name: NOW if name in marked else None for name in ("500", "501", "seen")}
    assert asked.acts() == [("cancellation_requested", canceller.by, name, canceller.agent) for name in marked]
    assert asked.announcer.told == []
    whole = asked.desk.appointment()
    assert (whole["status"], whole["calendar_sequence"], whole["changed_at"]) == ("unknown", 0, NOW)
    [row] = asked.requests()
    expected = {
        "appointment_id": whole["id"],
        "participation_id": asked.desk.participations()[meant]["id"] if meant else None,
        "status": canceller.status,
        "by": canceller.by,
        "way": canceller.via,
        "agent": canceller.agent,
        "word": canceller.word,
        "requested_at": NOW,
        "starts_at": NOW + timedelta(days=3),
        "state": "waiting",
        "due_at": NOW,
        "attempts": 0,
    }
    assert {name: row[name] for name in expected} == expected


def test_another_source_is_not_asked(asked: Asked) -> None:
    asked.door = replace(asked.door, connected=frozenset({"another"}))
    asked.holds()
    assert asked.cancels("500") is Verdict.CANCELLED
    assert asked.requests() == []


@pytest.mark.parametrize(
    ("motif", "begins_in", "for_usagers"),
    [
        ("77", timedelta(hours=4) + SECOND, Verdict.REQUESTED),
        ("77", timedelta(hours=4), Verdict.TOO_LATE),
        ("barred", timedelta(days=3), Verdict.BARRED),
    ],
)
@pytest.mark.parametrize("canceller", [SMS, API], ids=lambda one: one.by)
def test_the_same_rules_hold(
    asked: Asked, canceller: Canceller, motif: str, begins_in: timedelta, for_usagers: Verdict
) -> None:
    asked.holds(starts_at=NOW + begins_in, motif=MotifRecord(motif))
    verdict = for_usagers if canceller.by is Actor.USAGER else Verdict.REQUESTED
    assert asked.cancels("500", canceller) is verdict
    assert len(asked.requests()) == (verdict is Verdict.REQUESTED)


@pytest.mark.parametrize("status", ["seen", "excused", "revoked", "noshow"])
def test_what_has_ended_is_not_asked_for(asked: Asked, status: str) -> None:
    asked.holds()
    asked.desk.run(update(participations).values(status=status))
    assert [asked.cancels("500"), asked.cancels_whole()] == [Verdict.ALREADY] * 2
    assert asked.requests() == []


@pytest.mark.parametrize("later", [SECOND, timedelta(days=2, hours=22)])
def test_asked_again_while_it_is_open_it_stays_one(asked: Asked, later: timedelta) -> None:
    asked.holds("500", "501")
    asked.cancels("500")
    before = (asked.requests(), asked.marked(), asked.acts())
    again = [
        asked.cancels("500", SMS, NOW + later),
        asked.cancels("501", SMS, NOW + later),
        asked.cancels("501", API, NOW + later),
        asked.cancels_whole(API, NOW + later),
    ]
    assert again == [Verdict.REQUESTED] * 4, "also when the notice period has begun since"
    assert (asked.requests(), asked.marked(), asked.acts()) == before


def test_who_is_added_to_an_individual_appointment_ends_with_the_others(asked: Asked) -> None:
    asked.holds("500")
    asked.cancels("500")
    asked.holds("500", "502")
    assert asked.cancels("502", SMS, NOW + SECOND) is Verdict.REQUESTED
    assert len(asked.requests()) == 1
    assert asked.marked() == {"500": NOW, "502": NOW + SECOND}


def test_the_whole_of_a_collective_one_comes_on_top_of_one_part(asked: Asked) -> None:
    asked.holds("500", "501", collective=True)
    asked.cancels("500")
    assert asked.cancels_whole(API, NOW + SECOND) is Verdict.REQUESTED
    assert [row["participation_id"] is None for row in asked.requests()] == [False, True]
    assert asked.marked() == {"500": NOW, "501": NOW + SECOND}
    [first] = asked.claims()
    assert asked.finishes(first)
    assert asked.marked() == {"500": NOW, "501": NOW + SECOND}, "the whole is still asked for"
    [second] = asked.claims(NOW + SECOND)
    assert asked.finishes(second)
    assert asked.marked() == {"500": None, "501": None}


def test_agents_are_told_that_it_is_requested(asked: Asked) -> None:
    asked.holds()
    number = asked.desk.appointment()["id"]
    outcomes = [
        asked.database.write_now(lambda connection: cancel_as_agent(connection, asked.door, number, None, API, NOW))
        for _ in range(2)
    ]
    assert outcomes == [AgentCancellation.REQUESTED] * 2


# Claiming and finishing -----------------------------------------------------------------------------------------------


def test_one_process_has_it_until_its_lease_ends(asked: Asked) -> None:
    asked.holds()
    asked.cancels("500", replace(SMS, in_reply_to=None))
    assert asked.claims(NOW - SECOND) == []
    [request] = asked.claims()
    assert (request.attempts, request.leased_until) == (1, NOW + MINUTE)
    assert (request.source, request.appointment_external_id) == ("rdvsp", "4021")
    assert request.canceller == SMS
    assert asked.claims(NOW + MINUTE - SECOND) == []
    [again] = asked.claims(NOW + MINUTE)
    assert again.attempts == 2
    # The first process is still alive, but it cannot change anything any more.
    late = NOW + 2 * MINUTE
    assert not asked.finishes(request)
    assert asked.database.write_now(lambda c: extend_lease(c, request, late)) is None
    assert not asked.database.write_now(lambda c: postpone(c, request, late, "Why.", counts=True))
    extended = asked.database.write_now(lambda c: extend_lease(c, again, late + MINUTE))
    assert extended is not None
    assert asked.claims(late) == []
    assert asked.finishes(extended)
    assert asked.claims(late + timedelta(hours=1)) == []
    assert not asked.finishes(extended)


@pytest.mark.parametrize(("counts", "attempts"), [(True, 2), (False, 1)])
def test_a_postponed_one_comes_back_when_it_is_due(asked: Asked, counts: bool, attempts: int) -> None:
    asked.holds()
    asked.cancels("500")
    [request] = asked.claims()
    due = NOW + timedelta(seconds=10)
    assert asked.database.write_now(lambda c: postpone(c, request, due, "No answer.", counts=counts))
    assert asked.claims(due - SECOND) == []
    [again] = asked.claims(due)
    assert again.attempts == attempts
    assert asked.requests()[0]["problem"] == "No answer."


def test_what_its_source_tells_has_it_looked_at_now_but_never_twice_at_once(asked: Asked) -> None:
    asked.holds()
    asked.cancels("500")
    number = asked.desk.appointment()["id"]
    [request] = asked.claims()
    asked.database.write_now(lambda c: hurry(c, number, NOW))
    assert asked.claims() == []
    asked.database.write_now(lambda c: postpone(c, request, NOW + MINUTE, "No answer.", counts=True))
    asked.database.write_now(lambda c: hurry(c, number, NOW + SECOND))
    assert len(asked.claims(NOW + SECOND)) == 1


def test_of_one_appointment_one_is_claimed_at_a_time(asked: Asked) -> None:
    asked.holds("500", "501", collective=True)
    asked.cancels("500")
    asked.cancels("501")
    [first] = asked.claims(NOW + SECOND)
    assert asked.claims(NOW + SECOND) == []
    asked.database.write_now(lambda c: postpone(c, first, NOW + MINUTE, "No answer.", counts=True))
    [second] = asked.claims(NOW + SECOND)
    assert second.participation_id != first.participation_id
    assert asked.claims(NOW + MINUTE) == [], "the other one's lease is not over"


def test_of_several_appointments_so_many_are_claimed(asked: Asked) -> None:
    for number in range(3):
        asked.holds(str(number), external_id=str(number))
        part = asked.desk.participations(str(number))[str(number)]["id"]
        asked.database.write_now(partial(asked.door.cancel, participation_id=part, canceller=SMS, now=NOW))
    assert [len(asked.claims(at_most=2)), len(asked.claims(at_most=2)), len(asked.claims())] == [2, 1, 0]


def test_a_moment_that_a_wrong_clock_wrote_holds_nothing_up(asked: Asked) -> None:
    asked.holds()
    asked.cancels("500", SMS, NOW)
    asked.desk.run(
        update(cancellation_requests).values(
            due_at=NOW + timedelta(days=300), leased_until=NOW + timedelta(days=300, minutes=1)
        )
    )
    assert len(asked.claims()) == 1


@pytest.mark.parametrize(
    ("state", "act"),
    [
        (RequestState.REFUSED, "cancellation_refused"),
        (RequestState.OVERTAKEN, "cancellation_overtaken"),
        (RequestState.GIVEN_UP, "cancellation_given_up"),
    ],
)
def test_what_ends_without_a_cancellation_is_noted(asked: Asked, state: RequestState, act: str) -> None:
    asked.holds("500", "501")
    asked.cancels("500")
    [request] = asked.claims()
    assert asked.finishes(request, state)
    assert asked.marked() == {"500": None, "501": None}
    assert asked.acts()[2:] == [(act, "source", "500", None), (act, "source", "501", None)]
    [row] = asked.requests()
    assert (row["state"], row["finished_at"], row["problem"], row["leased_until"]) == (state, NOW, "Why.", None)
    number = asked.desk.appointment()["id"]
    assert asked.database.read_now(lambda c: open_requests(c, number)) == []
    assert asked.cancels("500") is Verdict.REQUESTED, "it can be asked for anew"


def test_what_its_source_says_is_cancelled_ends_here(asked: Asked) -> None:
    asked.holds("500", "501", "502")
    asked.cancels("501")
    [request] = asked.claims()
    parts = {name: row["id"] for name, row in asked.desk.participations().items()}
    told = {parts["500"]: Status.REVOKED, parts["501"]: Status.EXCUSED}
    asked.database.write_now(lambda c: asked.door.carried_out(c, request, told, NOW + SECOND))
    rows = asked.desk.participations()
    assert {name: rows[name]["status"] for name in rows} == {"500": "revoked", "501": "excused", "502": "unknown"}
    assert {rows[name]["cancelled_way"] for name in ("500", "501")} == {"sms"}
    [ended] = asked.announcer.told
    assert [one.external_id for one in ended.participations] == ["501", "500"]
    assert (ended.canceller, ended.at, ended.calendar_sequence) == (SMS, NOW + SECOND, 1)
    assert asked.acts()[3:] == [("cancelled", "usager", "501", None), ("cancelled", "usager", "500", None)]
    asked.database.write_now(lambda c: asked.door.carried_out(c, request, told, NOW + MINUTE))
    assert len(asked.announcer.told) == 1


# Patience -------------------------------------------------------------------------------------------------------------


def test_the_usager_is_told_once_that_it_is_registered(asked: Asked) -> None:
    asked.holds()
    asked.cancels("500")

    def waiting(now: datetime) -> list[int]:
        return [each.id for each in asked.database.read_now(lambda c: unregistered(c, "rdvsp", now - 8 * SECOND))]

    def tells(request_id: int) -> bool:
        return asked.database.write_now(lambda c: note_registered(c, request_id, NOW + 8 * SECOND))

    assert waiting(NOW + 7 * SECOND) == []
    [this] = waiting(NOW + 8 * SECOND)
    assert [tells(this), tells(this)] == [True, False]
    assert waiting(NOW + MINUTE) == []


def test_whose_request_has_ended_is_not_told_that_it_is_registered(asked: Asked) -> None:
    asked.holds()
    asked.cancels("500")
    [request] = asked.claims()
    asked.finishes(request)
    assert not asked.database.write_now(lambda c: note_registered(c, request.id, NOW))


def test_another_appointment_has_nothing_of_it(asked: Asked) -> None:
    asked.holds()
    asked.holds("500", external_id="another")
    asked.cancels("500")
    [row] = asked.desk.rows(select(appointments).where(appointments.c.external_id == "another"))
    assert row["changed_at"] < NOW
    assert {part["cancellation_requested_at"] for part in asked.desk.participations("another").values()} == {None}
