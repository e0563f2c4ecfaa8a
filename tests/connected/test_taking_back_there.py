"""An usager takes a cancellation back at RDV Service Public: the state there and here, and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from smsbot.connected import carrying_attempt
from smsbot.events import EventType
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.store.database import Database
from smsbot.store.tables import events, participations
from tests.connected.carried import (
    ANSWER_LOST,
    DIES_AFTER,
    DIES_AT_COMMIT,
    DIES_BEFORE,
    HOUR,
    MARTIN,
    MINUTE,
    NO_ANSWER,
    PHONE,
    REFUSED,
    SECOND,
    SIGNED_OUT,
    Mishap,
    World,
)

LINK = Canceller(Actor.USAGER, Via.LINK)
API = Canceller(Actor.AGENT, Via.API, Status.REVOKED, agent="ada@one.fr")
ON_REQUEST = Canceller(Actor.AGENT, Via.CONSOLE, Status.EXCUSED, agent="ada@one.fr")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying_attempt, "NOT_SHOWN_AGAIN_SECONDS", 0.0)


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    world = World(database)
    yield world
    world.close()


def cancelled(world: World, *people: str, **how: Any) -> int:
    """An appointment that its usager has cancelled. It is cancelled here and there, and the webhooks have come."""
    rdv = world.books(*people, **how)
    world.hears("annuler dup", "oui")
    world.carries()
    world.posts()
    assert world.told() == ["cancelled"]
    world.api.calls.clear()
    return rdv


def take_back(world: World, phone: str = PHONE) -> None:
    assert world.hears("c'est une erreur", "oui", phone=phone) == ["take_back", None]


def since(world: World) -> list[str]:
    """The SMS to the telephone after "annulé"."""
    return world.told()[1:]


def stands(world: World, rdv: int) -> bool:
    """Whether both sides say that it stands, and nothing is open."""
    known = world.known(rdv)
    is_open = any(each["taking_back_requested_at"] or each["cancellation_requested_at"] for each in known)
    here_and_there = {*world.here(rdv), *world.there(rdv), world.row(rdv)["status"]}
    return here_and_there == {"unknown"} and not is_open


# It stands there, and then people are told ----------------------------------------------------------------------------


def test_it_is_told_once_its_source_has_answered(world: World) -> None:
    rdv = cancelled(world)
    take_back(world)
    assert (world.there(rdv), since(world)) == (["excused"], [])
    world.carries()
    assert world.api.calls == [f"read {rdv}", f"unknown {world.parts(rdv)[0]}"]
    assert stands(world, rdv)
    assert since(world) == ["taken back"]
    assert "jeudi 7 janvier" in world.sms()[-1]
    assert world.acts()[2:] == ["taking_back_requested", "cancellation_taken_back"]
    kinds = [row["type"] for row in world.rows(select(events).order_by(events.c.id))]
    assert kinds[-1] == EventType.CANCELLATION_TAKEN_BACK
    world.posts()
    world.rereads()
    world.carries(after=HOUR)
    assert (stands(world, rdv), since(world), world.inbox()) == (True, ["taken back"], [])
    assert world.hears("annuler dup", "oui") == ["confirm", None]
    world.carries()
    assert (world.here(rdv), since(world)) == (["excused"], ["taken back", "cancelled"])


@pytest.mark.parametrize("notifies", [True, False])
def test_all_that_ended_with_it_stands_again_and_those_are_told_who_were_told(
    database: Database, notifies: bool
) -> None:
    world = World(database, rdvsp_notifies=notifies)
    rdv = cancelled(world, "Dupont", "Martin")
    take_back(world)
    world.carries()
    assert stands(world, rdv)
    assert world.api.calls[1:] == [f"unknown {each}" for each in world.parts(rdv)]
    own = [subject for to, subject in world.emails() if to == "dupont@example.org"]
    assert own == ([] if notifies else ["C’est annulé", "Finalement maintenu"])
    world.close()


def test_in_a_collective_one_only_theirs_stands_again_unless_the_seat_is_taken(world: World) -> None:
    rdv = cancelled(world, "Dupont", "Martin", collectif=True)
    world.agenda.rdv(rdv).seats = 2
    take_back(world)
    world.carries()
    assert world.there(rdv) == ["unknown", "unknown"]
    world.hears("annuler dup", "oui")
    world.carries()
    world.agenda.add_participant(rdv, world.agenda.add_user(last_name="Petit"))
    take_back(world)
    world.carries()
    assert world.there(rdv) == ["excused", "unknown", "unknown"]
    assert (world.state(), since(world)) == ("overtaken", ["taken back", "cancelled", "not taken back"])
    assert world.inbox() == ["oui"]


def test_who_cancelled_by_link_hears_neither_day_nor_hour(world: World) -> None:
    rdv = world.books()
    world.cancels(rdv, LINK)
    world.carries()
    take_back(world)
    world.carries()
    assert stands(world, rdv)
    assert world.sms()[-1] == "C'est rétabli : nous gardons votre RDV."


# Before the cancellation was carried out ------------------------------------------------------------------------------


def test_what_was_never_sent_is_withdrawn_without_asking(world: World) -> None:
    rdv = world.books()
    world.hears("annuler dup", "oui")
    world.carries(SIGNED_OUT, after=2 * carrying_attempt.FRESH)
    take_back(world)
    world.api.calls.clear()
    world.carries(SIGNED_OUT, after=SECOND)
    assert (stands(world, rdv), world.api.calls) == (True, [])
    assert [each["state"] for each in world.requests()] == ["withdrawn", "done"]
    assert world.told()[-1] == "taken back"
    assert world.acts() == ["cancellation_requested", "taking_back_requested", "cancellation_taken_back"]


@pytest.mark.parametrize("mishap", [NO_ANSWER, ANSWER_LOST, DIES_BEFORE, DIES_AFTER, DIES_AT_COMMIT])
def test_in_doubt_it_is_read_first_and_never_told_as_cancelled(world: World, mishap: Mishap) -> None:
    rdv = world.books("Dupont", "Martin")
    world.hears("annuler dup", "oui")
    world.carries(mishap)
    take_back(world)
    world.start()
    world.carries(after=carrying_attempt.LEASE)
    assert stands(world, rdv)
    assert world.told()[-1:] == ["taken back"]
    assert "cancelled" not in world.told()
    world.posts()
    world.rereads()
    assert stands(world, rdv)
    assert [each["state"] for each in world.requests()] == ["withdrawn", "done"]


def test_while_it_is_being_cancelled_it_waits_and_both_come_out_right(world: World) -> None:
    rdv = world.books()
    world.hears("annuler dup", "oui")
    world.carries(Mishap(meanwhile=lambda: take_back(world)))
    assert (world.there(rdv), world.here(rdv), world.told()) == (["excused"], ["excused"], [])
    world.carries()
    assert (stands(world, rdv), world.told()) == (True, ["taken back"])


def test_refused_while_it_was_in_doubt_nothing_is_claimed(world: World) -> None:
    rdv = world.books()
    world.hears("annuler dup", "oui")
    world.carries(ANSWER_LOST)
    take_back(world)
    world.carries(REFUSED, after=SECOND)
    assert (world.state(), world.told(), world.inbox()) == ("refused", ["taking back given up"], ["oui"])
    world.rereads()
    assert world.here(rdv) == world.there(rdv) == ["excused"]


def test_a_cancellation_in_doubt_that_stays_counts_as_theirs(world: World) -> None:
    rdv = world.books()
    world.hears("annuler dup", "oui")
    world.carries(ANSWER_LOST)
    take_back(world)
    world.carries(Mishap(), REFUSED, after=SECOND)
    [part] = world.known(rdv)
    assert (part["status"], part["cancelled_by"], part["cancelled_way"]) == ("excused", "usager", "sms")
    assert (world.told(), world.inbox()) == (["not taken back"], ["oui"])


# No answer ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mishap", [NO_ANSWER, ANSWER_LOST, DIES_BEFORE, DIES_AFTER, DIES_AT_COMMIT])
@pytest.mark.parametrize("place", [0, 1])
def test_without_an_answer_it_is_read_before_it_is_repeated(world: World, place: int, mishap: Mishap) -> None:
    rdv = cancelled(world)
    take_back(world)
    world.carries(*[Mishap()] * place, mishap)
    assert (since(world), world.here(rdv), world.state()) == ([], ["excused"], "waiting")
    world.start()
    world.posts()
    world.carries(after=carrying_attempt.LEASE)
    patches = world.api.calls.count(f"unknown {world.parts(rdv)[0]}")
    assert patches == (2 if place == 1 and mishap in (NO_ANSWER, DIES_BEFORE) else 1)
    assert stands(world, rdv)
    assert since(world)[-1] == "taken back"
    assert since(world).count("taken back") == 1


def test_they_hear_once_that_it_is_being_asked_for_and_then_that_nobody_knows(world: World) -> None:
    rdv = cancelled(world)
    take_back(world)
    world.carries(NO_ANSWER, after=7 * SECOND)
    assert since(world) == []
    world.carries(NO_ANSWER, after=SECOND)
    assert since(world) == ["taking back registered"]
    assert world.hears("erreur", "annuler") == ["taking_back_under_way", None]
    begun = world.now
    while world.state() == "waiting":
        world.now = max(world.requests()[-1]["due_at"], world.now + SECOND)
        world.carries(NO_ANSWER)
    assert since(world) == ["taking back registered", "taking back under way", "taking back given up"]
    assert world.now - begun < carrying_attempt.TAKING_BACK_FOR + MINUTE
    assert world.requests()[-1]["attempts"] > 10
    assert (world.state(), world.here(rdv)) == ("given_up", ["excused"])
    assert "appelez le 04 72 11 11 11." in world.sms()[-1]
    assert set(world.inbox()) == {"oui", "annuler"}
    assert world.acts()[-1] == "taking_back_given_up"
    assert world.row(rdv)["to_read_at"] is not None


def test_it_is_given_up_when_it_begins(database: Database) -> None:
    world = World(database, cancellation_notice_hours=0)
    rdv = cancelled(world, in_days=0.01)
    take_back(world)
    world.carries(NO_ANSWER)
    world.now = world.agenda.rdv(rdv).starts_at
    world.carries(NO_ANSWER)
    assert (world.state(), since(world)) == ("given_up", ["taking back registered", "taking back given up"])
    world.close()


# Refused and overtaken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1])
def test_a_refusal_is_told_and_agents_see_it(world: World, place: int) -> None:
    rdv = cancelled(world)
    take_back(world)
    world.carries(*[Mishap()] * place, REFUSED)
    assert (world.here(rdv), world.state(), since(world)) == (["excused"], "refused", ["not taken back"])
    assert "appelez le 04 72 11 11 11." in world.sms()[-1]
    assert world.inbox() == ["oui"]
    assert world.acts()[-1] == "taking_back_refused"
    assert world.known(rdv)[0]["taking_back_requested_at"] is None


@pytest.mark.parametrize("webhook", ["before", "after"])
@pytest.mark.parametrize(
    ("status", "told"),
    [("seen", "taking back given up"), ("noshow", "taking back given up"), ("revoked", "not taken back")],
)
def test_an_agents_word_there_stands(world: World, status: str, told: str, webhook: str) -> None:
    rdv = cancelled(world)
    take_back(world)
    world.agenda.set_status(world.parts(rdv)[0], status)
    if webhook == "before":
        world.posts()
    world.carries()
    world.posts()
    world.rereads()
    assert world.api.calls == [f"read {rdv}"]
    assert (world.there(rdv), world.here(rdv), world.state()) == ([status], [status], "overtaken")
    assert (since(world), world.inbox()) == ([told], ["oui"])


def test_what_an_agent_has_moved_or_closed_as_a_whole_stays_cancelled(world: World) -> None:
    moved = cancelled(world)
    take_back(world)
    world.agenda.move(moved, world.now + 72 * HOUR)
    world.carries()
    assert (world.there(moved), since(world)) == (["excused"], ["not taken back"])


def test_what_is_closed_as_a_whole_there_is_refused(world: World) -> None:
    rdv = cancelled(world)
    [part] = world.agenda.rdv(rdv).participations
    part.status = "unknown"  # but the appointment itself is still cancelled: `update_status`
    take_back(world)
    world.carries()
    assert (world.state(), since(world), world.inbox()) == ("refused", ["not taken back"], ["oui"])


@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("how", ["destroyed", "removed"])
def test_what_is_gone_is_not_taken_back(world: World, how: str, sent: bool) -> None:
    if sent:
        rdv = cancelled(world, "Dupont", "Martin")
    else:
        rdv = world.books("Dupont", "Martin")
        world.hears("annuler dup", "oui")
    take_back(world)
    if how == "destroyed":
        world.agenda.destroy(rdv)
    else:
        world.agenda.remove_participant(world.parts(rdv)[0])
    world.posts()
    world.carries()
    assert (world.state(), world.told()[-1], world.inbox()) == ("overtaken", "not taken back", ["oui"])


@pytest.mark.parametrize("canceller", [API, ON_REQUEST])
def test_what_an_agent_cancels_here_in_between_is_not_opened(world: World, canceller: Canceller) -> None:
    rdv = world.books()
    world.hears("annuler dup", "oui")
    world.carries(NO_ANSWER)
    take_back(world)
    world.carries(NO_ANSWER)  # the taking back now waits longer than what the agent asks for
    world.cancels(rdv, canceller)
    world.carries()
    world.carries(after=MINUTE)
    assert world.here(rdv) == world.there(rdv) == [canceller.status]
    assert world.told()[-1] == "not taken back"
    assert not any(call.startswith("unknown") for call in world.api.calls)


def test_an_old_webhook_does_not_end_what_stands_again(world: World) -> None:
    rdv = world.books()
    world.hears("annuler dup", "oui")
    world.carries()
    take_back(world)
    world.carries()
    record = world.agenda.rdv(rdv)
    record.participations[0].status = record.status = "excused"  # as an older webhook says it
    world.syncs(rdv)
    assert (world.here(rdv), world.told()) == (["unknown"], ["cancelled", "taken back"])
    assert world.row(rdv)["to_read_at"] is not None
    record.participations[0].status = record.status = "unknown"
    world.now += SECOND
    world.rereads()
    assert stands(world, rdv)
    world.agenda.set_status(world.parts(rdv)[0], "excused")
    world.posts()
    world.now += SECOND
    world.rereads()
    assert world.here(rdv) == ["excused"], "an agent has noted it there"


# Two telephones -------------------------------------------------------------------------------------------------------


def test_the_other_participant_hears_that_it_is_asked_for(world: World) -> None:
    rdv = cancelled(world, "Dupont", "Martin")
    assert world.hears("erreur", phone=MARTIN) == ["take_back"]
    take_back(world)
    assert world.hears("oui", phone=MARTIN) == ["taking_back_under_way"]
    world.carries()
    assert stands(world, rdv)
    assert since(world) == ["taken back"]
    assert world.rows(select(participations.c.cancelled_by).distinct()) == [{"cancelled_by": None}]


def test_the_setting_holds(database: Database) -> None:
    world = World(database, take_back_minutes=0)
    cancelled(world)
    assert world.hears("erreur") == ["no_appointment"]
    assert "ERREUR" not in world.sms()[0]
    world.close()


def test_after_the_minutes_it_stays(world: World) -> None:
    cancelled(world)
    world.now += timedelta(minutes=15)
    assert world.hears("erreur") == ["not_taken_back"]
