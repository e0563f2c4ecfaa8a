"""A request to cancel at RDV Service Public: the state there, the state here, and what the usager is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from smsbot.connected import carrying, carrying_attempt
from smsbot.connected.source_api import Answered, CallFailedForNow
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.store.database import Database
from smsbot.store.tables import outgoing_messages, participations
from tests.connected.carried import (
    ANSWER_LOST,
    DAY,
    DIES_AFTER,
    DIES_AT_COMMIT,
    DIES_BEFORE,
    HOUR,
    MARTIN,
    MINUTE,
    NO_ANSWER,
    OURS,
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


@pytest.fixture
def make_world(database: Database) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**settings: Any) -> World:
        made.append(World(database, **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()


def asked(world: World, *people: str, **how: Any) -> int:
    """An appointment whose usager has just said yes."""
    rdv = world.books(*people, **how)
    world.hears("annuler dup", "oui")
    return rdv


# It is cancelled there, and then people are told ----------------------------------------------------------------------


def test_annule_is_told_once_its_source_has_answered(world: World) -> None:
    rdv = asked(world)
    assert (world.there(rdv), world.told()) == (["unknown"], [])
    world.carries()
    assert world.api.calls == [f"excused {world.parts(rdv)[0]}"]
    assert (world.there(rdv), world.here(rdv), world.state()) == (["excused"], ["excused"], "done")
    assert world.told() == ["cancelled"]
    assert world.acts() == ["cancellation_requested", "cancelled"]
    [part] = world.known(rdv)
    assert part["cancellation_requested_at"] is None
    assert (part["cancelled_by"], part["cancelled_way"], part["cancelled_at"]) == ("usager", "sms", world.now)
    row = world.row(rdv)
    assert (row["status"], row["calendar_sequence"], row["to_read_at"]) == ("excused", 1, None)
    assert row["source_event_at"] == world.now.replace(microsecond=0)
    world.carries(after=HOUR)
    assert world.told() == ["cancelled"]
    assert len(world.api.calls) == 1


def test_the_answer_goes_back_to_the_yes(world: World) -> None:
    asked(world)
    world.carries()
    [reply] = [row for row in world.rows(select(outgoing_messages)) if row["body"].startswith("C'est annulé")]
    said = (reply["recipient"], reply["sender"], reply["kind"], reply["segments"], reply["lane"])
    assert said == (PHONE, OURS, "reply", 1, 0)
    assert reply["in_reply_to"] == world.requests()[0]["in_reply_to"]


def test_an_individual_appointment_ends_for_all(world: World) -> None:
    rdv = asked(world, "Dupont", "Martin")
    world.carries()
    assert world.api.calls == [f"excused {each}" for each in world.parts(rdv)]
    assert (world.there(rdv), world.here(rdv)) == (["excused"] * 2, ["excused"] * 2)
    assert world.told() == ["cancelled"]


def test_in_a_collective_one_only_theirs_ends(world: World) -> None:
    rdv = asked(world, "Dupont", "Martin", collectif=True)
    world.carries()
    assert (world.there(rdv), world.here(rdv)) == (["excused", "unknown"], ["excused", "unknown"])
    assert world.row(rdv)["status"] == "unknown"


def test_who_was_added_there_meanwhile_ends_with_the_others(world: World) -> None:
    rdv = asked(world)
    world.agenda.add_participant(rdv, world.agenda.add_user(last_name="Martin", phone_number_formatted=MARTIN))
    world.carries()
    assert world.there(rdv) == ["excused"] * 2
    assert world.state() == "done"
    world.posts()
    assert world.here(rdv) == ["excused"] * 2


@pytest.mark.parametrize(("canceller", "status"), [(API, "revoked"), (ON_REQUEST, "excused")])
@pytest.mark.parametrize("person", [0, None])
def test_an_agents_cancellation_goes_there_first_too(
    world: World, canceller: Canceller, status: str, person: int | None
) -> None:
    rdv = world.books("Dupont", "Martin", collectif=person is None)
    assert world.cancels(rdv, canceller, person) == "requested"
    world.carries()
    assert (world.there(rdv), world.here(rdv)) == ([status] * 2, [status] * 2)
    assert world.row(rdv)["status"] == status
    assert world.acts().count("cancelled") == 2


def test_a_receipt_follows_by_link_and_no_sms(make_world: Callable[..., World]) -> None:
    world = make_world(rdvsp_notifies=False)
    rdv = world.books()
    assert world.cancels(rdv, LINK) == "requested"
    assert world.emails() == []
    world.carries()
    assert (world.told(), world.emails()) == ([], [("dupont@example.org", "C’est annulé")])


# No answer ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mishap", [NO_ANSWER, ANSWER_LOST, DIES_BEFORE, DIES_AFTER, DIES_AT_COMMIT])
def test_without_an_answer_it_is_read_before_it_is_repeated(world: World, mishap: Mishap) -> None:
    rdv = asked(world)
    world.carries(mishap)
    assert (world.told(), world.here(rdv), world.state()) == ([], ["unknown"], "waiting")
    world.start()
    world.carries(after=carrying_attempt.LEASE)
    patch = f"excused {world.parts(rdv)[0]}"
    assert world.api.calls == [patch, f"read {rdv}", *([] if mishap.acts or mishap.dies_at_commit else [patch])]
    assert (world.there(rdv), world.here(rdv), world.state()) == (["excused"], ["excused"], "done")
    assert world.told()[-1] == "cancelled"
    assert world.told().count("cancelled") == 1


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("place", [0, 1])
def test_lost_between_two_participations(world: World, place: int, acts: bool) -> None:
    rdv = asked(world, "Dupont", "Martin")
    world.carries(*[Mishap()] * place, ANSWER_LOST if acts else NO_ANSWER)
    assert world.told() == []
    world.posts()
    assert (world.here(rdv), world.row(rdv)["status"]) == (["unknown"] * 2, "unknown"), "half of it is not told"
    world.carries(after=SECOND)
    assert (world.there(rdv), world.here(rdv), world.state()) == (["excused"] * 2, ["excused"] * 2, "done")
    assert world.told() == ["cancelled"]


def test_the_pauses_grow_and_a_retry_after_is_honoured(world: World) -> None:
    asked(world, in_days=30)
    pauses = []
    for _ in range(12):
        world.carries(NO_ANSWER)
        pauses.append((world.requests()[0]["due_at"] - world.now).total_seconds())
        world.now = world.requests()[0]["due_at"]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    world.carries(Mishap(lambda: CallFailedForNow("429", timedelta(minutes=7))))
    assert world.requests()[0]["due_at"] == world.now + timedelta(minutes=7)
    assert world.requests()[0]["problem"] == "429"


def test_while_nobody_is_signed_in_it_waits_and_no_attempt_is_used_up(world: World) -> None:
    rdv = asked(world)
    for _ in range(20):
        world.carries(SIGNED_OUT, after=carrying.UNTIL_SIGNED_IN)
    assert world.requests()[0]["attempts"] == 0
    assert world.told() == ["registered"]
    world.carries(after=carrying.UNTIL_SIGNED_IN)
    assert (world.there(rdv), world.told()) == (["excused"], ["registered", "cancelled"])


def test_patience_is_told_once(world: World) -> None:
    asked(world)
    world.carries(NO_ANSWER, after=7 * SECOND)
    assert world.told() == []
    world.carries(NO_ANSWER, after=SECOND)
    for _ in range(3):
        world.carries(NO_ANSWER, after=HOUR)
    assert world.told() == ["registered"]
    assert world.hears("annuler") == ["request_under_way"]
    world.carries(after=HOUR)
    assert world.told() == ["registered", "under way", "cancelled"]


def test_who_was_told_by_an_answer_is_not_told_again(world: World) -> None:
    asked(world)
    world.carries(NO_ANSWER)
    assert world.hears("annuler") == ["request_under_way"]
    world.carries(NO_ANSWER, after=MINUTE)
    assert world.told() == ["under way"]


def test_the_usager_hears_while_the_first_attempt_still_waits_for_its_answer(world: World) -> None:
    rdv = asked(world)

    async def slow() -> None:
        answer = asyncio.Event()
        usual = world.api.set_status

        async def late(participation_external_id: str, status: Status) -> Answered:
            await answer.wait()
            return await usual(participation_external_id, status)

        world.api.set_status = late  # type: ignore[method-assign]
        await world.carrying.once()
        world.now += 8 * SECOND
        await world.carrying.once()
        assert world.told() == ["registered"]
        assert world.there(rdv) == ["unknown"]
        answer.set()
        await world.carrying.settled()

    world.run(slow())
    assert world.told() == ["registered", "cancelled"]


# Refused --------------------------------------------------------------------------------------------------------------


def test_a_refusal_is_told_and_the_appointment_stands(world: World) -> None:
    rdv = asked(world)
    world.carries(REFUSED)
    assert (world.there(rdv), world.here(rdv), world.state()) == (["unknown"], ["unknown"], "refused")
    assert world.told() == ["refused"]
    assert "appelez le 04 72 11 11 11." in world.sms()[-1]
    assert world.inbox() == ["oui"]
    assert world.acts() == ["cancellation_requested", "cancellation_refused"]
    assert world.known(rdv)[0]["cancellation_requested_at"] is None
    assert world.row(rdv)["to_read_at"] == world.now
    world.carries(after=DAY)
    assert world.told() == ["refused"]
    assert world.hears("annuler", "dup") == ["ask_letters", "confirm"]


def test_half_cancelled_agents_read_it_in_words(world: World) -> None:
    rdv = asked(world, "Dupont", "Martin")
    world.carries(Mishap(), REFUSED)
    assert world.there(rdv) == ["excused", "unknown"]
    assert world.here(rdv) == ["excused", "unknown"], "as it stands there"
    assert world.told() == ["refused"]
    assert world.sms(MARTIN) == []
    assert "cancellation_half_done" in world.acts()
    assert world.inbox() == ["oui"]
    world.posts()
    assert (world.told(), world.sms(MARTIN)) == (["refused"], [])


def test_where_an_attempt_before_may_have_done_it_nothing_is_claimed(world: World) -> None:
    rdv = asked(world)
    world.carries(ANSWER_LOST)
    world.carries(REFUSED, after=SECOND)  # reading is refused, because the account's role has changed
    assert (world.there(rdv), world.state(), world.told()) == (["excused"], "refused", ["given up"])
    assert world.row(rdv)["to_read_at"] == world.now


# Overtaken ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("webhook", ["before", "after"])
@pytest.mark.parametrize(("status", "told"), [("seen", "held"), ("noshow", "held"), ("revoked", "revoked")])
def test_a_repetition_never_overrides_an_agent(world: World, status: str, told: str, webhook: str) -> None:
    rdv = asked(world)
    world.carries(NO_ANSWER)
    world.agenda.set_all(rdv, status)
    if webhook == "before":
        world.posts()
    world.carries(after=SECOND)
    world.posts()
    assert world.api.calls[1:] == [f"read {rdv}"]
    assert (world.there(rdv), world.here(rdv), world.state()) == ([status], [status], "overtaken")
    assert world.told() == [told]
    assert world.acts().count("cancellation_overtaken") == 1
    world.carries(after=HOUR)
    assert world.told() == [told]


@pytest.mark.parametrize("webhook", ["before", "after"])
@pytest.mark.parametrize("hours", [72, 2])
def test_what_was_moved_stands_at_its_new_time(world: World, hours: int, webhook: str) -> None:
    rdv = asked(world)
    world.carries(NO_ANSWER)
    world.agenda.move(rdv, world.now + hours * HOUR)
    if webhook == "before":
        world.posts()
    world.carries(after=SECOND)
    world.posts()
    assert (world.there(rdv), world.here(rdv), world.state()) == (["unknown"], ["unknown"], "overtaken")
    assert world.row(rdv)["starts_at"] == world.agenda.rdv(rdv).starts_at
    assert world.told() == ["moved"]
    assert world.sms()[-1].endswith("répondez ANNULER." if hours > 4 else "appelez le 04 72 11 11 11.")


@pytest.mark.parametrize("webhook", ["before", "after"])
@pytest.mark.parametrize("how", ["destroyed", "removed"])
def test_what_is_gone_is_said_to_be_gone(world: World, how: str, webhook: str) -> None:
    rdv = asked(world, "Dupont", "Martin")
    world.carries(NO_ANSWER)
    if how == "destroyed":
        world.agenda.destroy(rdv)
    else:
        world.agenda.remove_participant(world.parts(rdv)[0])
    if webhook == "before":
        world.posts()
    world.carries(after=SECOND)
    assert "excused" not in " ".join(world.api.calls[1:])
    assert world.state() == "overtaken"
    [told] = world.told()
    assert "n'est plus dans l'agenda" in told


def test_an_agent_who_is_faster_between_two_participations_is_not_overridden(world: World) -> None:
    rdv = asked(world, "Dupont", "Martin")
    second = world.parts(rdv)[1]
    world.carries(Mishap(meanwhile=lambda: world.agenda.set_status(second, "seen")))
    assert world.there(rdv) == ["excused", "seen"]
    assert f"excused {second}" not in world.api.calls
    assert world.state() == "done"


def test_revoked_there_while_an_agent_here_wished_it_is_done(world: World) -> None:
    rdv = world.books()
    world.cancels(rdv, ON_REQUEST)
    world.carries(NO_ANSWER)
    world.agenda.set_all(rdv, "revoked")
    world.carries(after=SECOND)
    assert (world.there(rdv), world.here(rdv), world.state()) == (["revoked"], ["revoked"], "done")


# It has begun ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mishap", "told"), [(NO_ANSWER, "given up"), (ANSWER_LOST, "cancelled")])
def test_when_it_begins_it_is_given_up_unless_reading_tells(world: World, mishap: Mishap, told: str) -> None:
    rdv = asked(world, in_days=0.25)
    world.carries(mishap)
    world.carries(after=6 * HOUR)
    assert world.told()[-1] == told
    assert world.state() == ("done" if told == "cancelled" else "given_up")
    assert world.here(rdv) == world.there(rdv)


def test_without_any_answer_it_is_given_up_the_moment_it_begins(world: World) -> None:
    rdv = asked(world, in_days=0.25)
    world.carries(NO_ANSWER, after=SECOND)
    begins = world.agenda.rdv(rdv).starts_at
    while world.state() == "waiting":
        assert world.now <= begins
        world.now = max(world.requests()[0]["due_at"], world.now + SECOND)
        world.carries(NO_ANSWER)
    assert world.now - begins < 2 * SECOND
    assert world.told() == ["registered", "given up"]
    assert world.inbox() == ["oui"]
    assert world.row(rdv)["to_read_at"] is not None


def test_an_agent_may_cancel_what_has_begun(world: World) -> None:
    rdv = world.books(in_days=0.01)
    world.now += HOUR
    world.cancels(rdv, API)
    world.carries()
    assert (world.there(rdv), world.state()) == (["revoked"], "done")


# Who is told ------------------------------------------------------------------------------------------------------


def test_after_stop_nothing_is_sent_and_it_is_cancelled_all_the_same(world: World) -> None:
    rdv = asked(world)
    world.hears("STOP")
    before = world.sms()
    world.carries()
    assert world.there(rdv) == ["excused"]
    assert world.sms() == before


@pytest.mark.parametrize("phone", [PHONE, None])
def test_what_was_asked_by_link_and_refused_is_told_by_sms_or_else_by_e_mail(world: World, phone: str | None) -> None:
    rdv = world.books()
    world.database.write_now(lambda c: c.execute(update(participations).values(phone=phone)).close())
    world.cancels(rdv, LINK)
    world.carries(REFUSED)
    assert world.told() == (["refused"] if phone else [])
    assert world.emails() == ([] if phone else [("dupont@example.org", "Toujours prévu")])


def test_an_agents_request_that_is_refused_bothers_no_usager(world: World) -> None:
    rdv = world.books()
    world.cancels(rdv, API)
    world.carries(REFUSED)
    assert (world.sms(), world.emails()) == ([], [])
    assert world.acts() == ["cancellation_requested", "cancellation_refused"]


# Several --------------------------------------------------------------------------------------------------------------


def test_two_in_one_collective_appointment_go_one_after_the_other(world: World) -> None:
    rdv = asked(world, "Dupont", "Martin", collectif=True)
    world.hears("annuler mar", "oui", phone=MARTIN)
    world.carries()
    world.carries()
    assert world.api.calls == [f"excused {each}" for each in world.parts(rdv)]
    assert (world.told(), world.told(MARTIN)) == (["cancelled"], ["cancelled"])


def test_of_two_processes_one_carries_it_out(world: World) -> None:
    asked(world)
    other = world.service.carrying({"rdvsp": world.api})

    async def both() -> None:
        await world.carrying.once()
        await other.once()
        await world.carrying.settled()
        await other.settled()

    world.run(both())
    assert len(world.api.calls) == 1
    assert world.told() == ["cancelled"]


def test_who_has_lost_the_lease_writes_nothing(world: World) -> None:
    asked(world)

    def taken_over() -> None:
        world.now += 2 * carrying_attempt.LEASE

    other = world.service.carrying({"rdvsp": world.api})

    async def late() -> None:
        world.api.mishaps.append(Mishap(meanwhile=taken_over))
        await world.carrying.once()
        while not world.api.calls:
            await asyncio.sleep(0)
        await other.once()
        await world.carrying.settled()
        await other.settled()

    world.run(late())
    assert world.told().count("cancelled") == 1
    assert world.state() == "done"


# Its own echo ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [("Dupont",), ("Dupont", "Martin")])
@pytest.mark.parametrize("notifies", [True, False])
def test_its_own_echo_tells_nobody_anything(
    make_world: Callable[..., World], notifies: bool, people: tuple[str, ...]
) -> None:
    world = make_world(rdvsp_notifies=notifies)
    rdv = asked(world, *people)
    world.carries()
    before = (world.sms(), world.sms(MARTIN), world.emails(), world.acts(), world.here(rdv))
    world.posts()
    world.posts()
    world.carries(after=SECOND)
    assert (world.sms(), world.sms(MARTIN), world.emails(), world.acts(), world.here(rdv)) == before


def test_an_echo_before_the_answer_does_not_end_it(world: World) -> None:
    rdv = asked(world)
    world.carries(ANSWER_LOST)
    world.posts()
    assert (world.here(rdv), world.told()) == (["unknown"], [])
    world.carries()
    assert (world.here(rdv), world.told()) == (["excused"], ["cancelled"]), "the echo has it looked at now"
