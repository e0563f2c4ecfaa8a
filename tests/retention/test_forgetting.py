"""A person's two requests: the copy of their data, and its erasure. After the erasure, the copy is empty."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from smsbot.appointments.erasure import erase
from smsbot.appointments.intake import take_record
from smsbot.model import AppointmentRecord, ParticipationRecord, PersonRecord, Status
from smsbot.retention.person import ContactAddress
from smsbot.retention.personal_rights import Forgotten, StillComing, export, forget
from smsbot.store.tables import appointments, conversations, incoming_messages, outgoing_messages, participations
from tests.retention.people import NOW, World, days

A, B = "+33612345678", "+33687654321"
MAIL = "Sophie@exemple.fr"
LATELY = NOW - days(3)
BY_PHONE, BY_MAIL = ContactAddress(phone=A), ContactAddress(email=MAIL.lower())
NOTHING = Forgotten(0, 0, 0, 0, 0, on_stop_list=False)


def ask(world: World, contact: ContactAddress, organisations: list[int] | None = None) -> dict[str, Any]:
    told = world.database.read_now(lambda connection: export(connection, contact, NOW, organisation_ids=organisations))
    assert json.loads(json.dumps(told)) == told, "it is JSON through and through"
    return told


def erase_them(
    world: World, contact: ContactAddress, organisations: list[int] | None = None, *, including_coming: bool = False
) -> Forgotten:
    return world.database.write_now(
        lambda connection: forget(
            connection, contact, NOW, organisation_ids=organisations, including_coming=including_coming
        )
    )


def story(world: World, organisation: int | None = None, *, starts_at: datetime = LATELY, **person: Any) -> int:
    """Sophie's appointment, with a question, an answer and a receipt. Returns her participation."""
    appointment = world.appointment(starts_at, organisation or world.organisation(), address="3 rue des Lilas")
    reached = {"phone": A, "email": MAIL, **person}
    this = world.participation(appointment, "Dupont", reached.pop("phone"), reached.pop("email"), **reached)
    about = {"appointment_id": appointment, "participation_id": this}
    at = starts_at - days(4)
    received = world.received(A, at, "ANNULER svp", organisation_id=organisation)
    world.sent(A, at, "Les 3 lettres ?", in_reply_to=received, **about)
    world.sent(MAIL, at, "C'est annulé", subject="Annulation", html="<p>", **about)
    world.conversation(A, at)
    world.act(at, "agent@mairie.fr", **about)
    world.request(at, "agent@mairie.fr", "à sa demande", **about)
    return this


class TestExport:
    def test_all_that_is_kept_is_told_and_agents_are_not(self, world: World) -> None:
        story(world)
        world.opt_out(A, NOW - days(1))
        told = ask(world, BY_PHONE)
        (participation,) = told["participations"]
        assert participation["last_name"] == "Dupont"
        assert participation["appointment"]["address"] == "3 rue des Lilas"
        assert participation["appointment"]["starts_at"] == "2026-11-17T12:00:00Z"
        assert participation["organisation"]["name"] == "CCAS"
        assert [message["body"] for message in told["messages_received"]] == ["ANNULER svp"]
        assert [message["body"] for message in told["messages_sent"]] == ["Les 3 lettres ?", "C'est annulé"]
        assert [len(told[key]) for key in ("conversations", "acts")] == [1, 1]
        assert [request["word"] for request in told["cancellation_requests"]] == ["à sa demande"]
        assert told["stop_list"] == [{"number": A, "opted_out_at": "2026-11-19T12:00:00Z", "by_stranger": False}]
        assert "agent@mairie.fr" not in json.dumps(told)

    def test_a_number_and_an_address_of_the_same_person_find_the_same(self, world: World) -> None:
        story(world)
        by_phone, by_mail = ask(world, BY_PHONE), ask(world, BY_MAIL)
        assert by_phone.pop("asked_for") == A
        assert by_mail.pop("asked_for") == MAIL.lower()
        assert by_phone == by_mail

    def test_a_number_of_ones_own_that_is_not_in_use_is_found_too(self, world: World) -> None:
        story(world, phone=B, email=None, own={"first_name": "Léa", "phone": A, "email": MAIL})
        assert len(ask(world, BY_PHONE)["participations"]) == 1
        assert len(ask(world, BY_MAIL)["participations"]) == 1

    def test_of_others_nothing_is_told(self, world: World) -> None:
        mine = story(world)
        whole = world.row(participations, mine).appointment_id
        world.participation(whole, "Benali", B, "karim@exemple.fr")  # in the same appointment
        story(world, email="autre@exemple.fr")  # with the same number
        told = json.dumps(ask(world, BY_MAIL))
        assert "Benali" not in told
        assert "autre@exemple.fr" not in told
        assert ask(world, BY_MAIL)["messages_received"] == [], "who wrote from a shared number is not known"

    def test_of_a_stranger_what_they_wrote_and_got(self, world: World) -> None:
        received = world.received(A, NOW, "qui êtes-vous")
        world.sent(A, NOW, "Ce numéro", in_reply_to=received)
        told = ask(world, BY_PHONE)
        assert (len(told["messages_received"]), len(told["messages_sent"])) == (1, 1)

    def test_an_agents_own_mail_is_nobodys_to_see(self, world: World) -> None:
        world.sent(MAIL, NOW, "https://…/agents/password/secret", subject="Mot de passe")
        assert ask(world, BY_MAIL)["messages_sent"] == []


class TestForget:
    @pytest.mark.parametrize("contact", [BY_PHONE, BY_MAIL])
    def test_afterwards_nothing_is_kept(self, world: World, contact: ContactAddress) -> None:
        story(world)
        story(world, starts_at=NOW - days(60))
        assert erase_them(world, contact) == Forgotten(2, 0, 4, 2, 2, on_stop_list=False)
        told = ask(world, contact)
        assert {key for key, value in told.items() if value} == {"asked_for", "asked_at"}
        left = world.told()
        for word in ("Dupont", A, MAIL, "annulé", "svp", "Lilas", "demande"):
            assert word not in left, word
        assert erase_them(world, contact) == NOTHING

    def test_of_a_stranger_too(self, world: World) -> None:
        received = world.received(A, NOW, "qui êtes-vous")
        world.sent(A, NOW, "Ce numéro", in_reply_to=received, state="waiting")
        world.conversation(A, NOW)
        assert erase_them(world, BY_PHONE) == Forgotten(0, 0, 1, 1, 1, on_stop_list=False)
        assert A not in world.told()

    def test_others_keep_theirs(self, world: World) -> None:
        mine, other = story(world), story(world, email="autre@exemple.fr")
        assert erase_them(world, BY_MAIL).participations == 1
        assert world.row(participations, mine).phone is None
        assert world.row(participations, other).phone == A
        assert A in world.told(conversations)
        assert A in world.told(incoming_messages)
        assert world.told(outgoing_messages).count(A) == 1

    def test_a_home_address_stays_while_somebody_else_is_expected_there(self, world: World) -> None:
        whole = world.row(participations, story(world)).appointment_id
        other = world.participation(whole, "Benali", B, None)
        erase_them(world, BY_PHONE)
        assert world.row(appointments, whole).address == "3 rue des Lilas"
        world.database.write_now(lambda connection: erase(connection, [other], now=NOW))
        assert world.row(appointments, whole).address is None

    def test_the_stop_list_keeps_the_number_alone(self, world: World) -> None:
        story(world)
        world.opt_out(A, NOW)
        assert erase_them(world, BY_MAIL).on_stop_list
        assert world.told().count(A) == 1

    def test_coming_appointments_are_a_reason_to_ask_first(self, world: World) -> None:
        story(world, starts_at=NOW + days(1))
        story(world, starts_at=NOW + days(2), status="excused")
        before = world.told()
        with pytest.raises(StillComing) as refused:
            erase_them(world, BY_PHONE)
        assert refused.value.number == 1
        assert world.told() == before

    def test_coming_ones_end_quietly_and_the_source_does_not_bring_them_back(self, world: World) -> None:
        this = story(world, starts_at=NOW + days(1))
        world.sent(A, NOW, "Rappel", kind="reminder", state="waiting", participation_id=this)
        known = world.row(participations, this)
        whole = world.row(appointments, known.appointment_id)
        result = erase_them(world, BY_PHONE, including_coming=True)
        assert (result.participations, result.coming) == (1, 1)
        row = world.row(participations, this)
        assert (row.status, row.removed_at, row.erased_at) == ("unknown", NOW, NOW)
        assert "waiting" not in world.told(outgoing_messages)

        person = ParticipationRecord.of(
            known.external_id, PersonRecord(last_name="Dupont", phone=A), status=Status.UNKNOWN
        )
        again = AppointmentRecord(
            external_id=whole.external_id, starts_at=whole.starts_at, organisation=None, participations=(person,)
        )
        world.database.write_now(
            lambda connection: take_record(connection, "rdvsp", again, event_at=NOW + days(1), now=NOW + days(1))
        )
        assert world.row(participations, this).removed_at == NOW
        assert A not in world.told()


class TestWithinOrganisations:
    """The button in the agents' console erases only in the agent's organisations."""

    def test_another_organisations_appointments_stay(self, world: World) -> None:
        here, there = world.organisation(), world.organisation()
        mine, other = story(world, here), story(world, there)
        assert len(ask(world, BY_PHONE, [here])["participations"]) == 1
        assert [each["organisation_id"] for each in ask(world, BY_PHONE, [here])["messages_received"]] == [here]
        result = erase_them(world, BY_PHONE, [here])
        assert (result.participations, result.sent, result.received, result.conversations) == (1, 2, 1, 0)
        assert world.row(participations, mine).phone is None
        assert world.row(participations, other).phone == A
        assert ask(world, BY_PHONE, [here])["messages_received"] == []
        assert len(ask(world, BY_PHONE, [there])["messages_received"]) == 1

    def test_whom_they_do_not_know_they_learn_nothing_of(self, world: World) -> None:
        here, there = world.organisation(), world.organisation()
        story(world, there)
        world.received(A, NOW, "qui êtes-vous")
        world.opt_out(A, NOW)
        before = world.told()
        told = ask(world, BY_PHONE, [here])
        assert {key for key, value in told.items() if value} == {"asked_for", "asked_at"}
        assert erase_them(world, BY_PHONE, [here]) == NOTHING
        assert world.told() == before

    def test_without_any_organisation_there_is_nothing(self, world: World) -> None:
        story(world)
        assert erase_them(world, BY_PHONE, []) == NOTHING
