"""The rules of the field, through the real process: each walk has a phone of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from tests.walks.running import OUR_NUMBER, Service, rdv, user

_NUMBERS: Iterator[int] = count(1000)


def dupont(phone: str, **other: Any) -> dict[str, Any]:
    return user(next(_NUMBERS), phone_number=None, phone_number_formatted=phone, **other)


def book(shared: Service, phone: str, in_hours: float = 72, person: dict[str, Any] | None = None, **other: Any) -> int:
    number = next(_NUMBERS)
    answer = shared.post_rdv(rdv(number, person or dupont(phone), in_hours=in_hours, **other))
    assert answer.status_code == 200
    return number


def motif(number: int, **other: Any) -> dict[str, Any]:
    return {"id": number, "location_type": "public_office", "bookable_by": "agents", "service_id": 4, **other}


def test_three_wrong_answers_lock_and_the_last_reply_says_whom_to_call(shared: Service, phone: str) -> None:
    book(shared, phone)
    replies = shared.talk("annuler", "MAR", "BER", "PET", phone=phone)
    assert "3" in replies[1]
    assert "lettres" in replies[1]
    assert "04 72 11 11 11" in replies[3]
    assert shared.is_silent_on("annuler", phone)
    assert shared.is_silent_on("DUP", phone)


def test_too_late_says_the_rule_and_whom_to_call(shared: Service, phone: str) -> None:
    book(shared, phone, in_hours=3.9)
    reply = shared.asks("ANNULER", phone).body
    assert "4" in reply
    assert "04 72 11 11 11" in reply
    assert "DUP" not in reply.upper().replace("DUPLICATA", "")


def test_a_longer_notice_of_one_motif(shared: Service, phone: str) -> None:
    book(shared, phone, in_hours=20, motif=motif(902))
    reply = shared.asks("ANNULER", phone).body
    assert "24h" in reply.replace(" ", "")


def test_what_may_not_be_cancelled_this_way(shared: Service, phone: str) -> None:
    book(shared, phone, motif=motif(900))
    assert "04 72 11 11 11" in shared.asks("ANNULER", phone).body


def test_a_warning_before_the_yes(shared: Service, phone: str) -> None:
    book(shared, phone, motif=motif(901))
    *_, question = shared.talk("annuler", "dup", phone=phone)
    assert "votre dossier sera clos" in question
    assert "OUI" in question
    assert "NON" in question
    assert "annulé" in shared.asks("oui", phone).body


def test_a_choice_by_number_and_suite(shared: Service, phone: str) -> None:
    for day in range(1, 7):
        book(shared, phone, in_hours=24 * day + 6, person=dupont(phone))
    shared.talk("annuler", "dup", phone=phone)
    first = shared.to(phone)[-1].body
    second = shared.asks("SUITE", phone).body
    assert [f"{number}:" in first for number in range(1, 7)] == [True] * 4 + [False] * 2
    assert [f"{number}:" in second for number in range(1, 7)] == [False] * 4 + [True] * 2
    assert "OUI" in shared.asks("6", phone).body
    assert "annulé" in shared.asks("oui", phone).body


def test_stop_wins_and_does_not_cancel(shared: Service, phone: str) -> None:
    book(shared, phone)
    shared.talk("annuler", "dup", "STOP", phone=phone)
    assert shared.is_silent_on("oui", phone)
    assert shared.is_silent_on("annuler", phone)
    resumed, asked = shared.talk("START", "annuler", phone=phone)
    assert "SMS" in resumed
    assert "lettres" in asked, "the appointment is still there"


@pytest.mark.parametrize(
    ("text", "to", "opt_out_type"), [("CANCEL", "+33937000001", None), ("STOP", OUR_NUMBER, "STOP")]
)
def test_where_the_gateway_answers_stop_the_bot_is_silent(
    shared: Service, phone: str, text: str, to: str, opt_out_type: str | None
) -> None:
    book(shared, phone)
    assert shared.sends(text, phone, to=to, opt_out_type=opt_out_type).status_code == 200
    assert shared.is_silent_on("annuler", phone)
    assert shared.to(phone) == []


def test_cancel_and_yes_are_ordinary_words(shared: Service, phone: str) -> None:
    book(shared, phone)
    assert "lettres" in shared.asks("CANCEL", phone).body
    shared.asks("DUP", phone)
    assert "annulé" in shared.asks("YES", phone).body


def test_a_stranger_is_told_once(shared: Service, phone: str) -> None:
    assert "lannuaire.service-public.fr" in shared.asks("bonjour", phone).body
    assert shared.is_silent_on("annuler", phone)


def test_a_stranger_of_another_country_is_not_told(shared: Service) -> None:
    assert shared.is_silent_on("bonjour", "+14155550123")


def test_a_child_is_reached_through_the_responsible_person(shared: Service, phone: str) -> None:
    parent = dupont(phone)
    child = user(
        next(_NUMBERS),
        first_name="Léo",
        last_name="Martin",
        phone_number_formatted=None,
        phone_number=None,
        email=None,
        responsible_id=parent["id"],
        responsible=parent,
    )
    book(shared, phone, person=child)
    assert "OUI" in shared.asks("annuler mar", phone).body
    assert "gardons" in shared.asks("non", phone).body
    assert "OUI" in shared.asks("annuler dup", phone).body


def test_cancelled_by_the_source_in_the_middle(shared: Service, phone: str) -> None:
    person = dupont(phone)
    number = book(shared, phone, person=person)
    shared.talk("annuler", "dup", phone=phone)
    shared.post_rdv(rdv(number, person, status="revoked"), "updated")
    told = shared.asks("oui", phone)
    assert "OUI" not in told.body


def test_an_older_event_changes_nothing(shared: Service, phone: str) -> None:
    person = dupont(phone)
    number = book(shared, phone, person=person)
    old = datetime.now(UTC) - timedelta(hours=2)
    shared.post_rdv(rdv(number, person, status="revoked"), "updated", at=old)
    assert "lettres" in shared.asks("annuler", phone).body


def test_destroyed_never_comes_back(shared: Service, phone: str) -> None:
    person = dupont(phone)
    number = book(shared, phone, person=person)
    assert shared.post_rdv({"id": number}, "destroyed").status_code == 200
    assert shared.post_rdv(rdv(number, person), "updated").status_code == 200
    assert "lannuaire" in shared.asks("annuler", phone).body


def test_in_an_individual_appointment_the_others_are_told(shared: Service, phone: str) -> None:
    other_phone = phone.replace("+336", "+337")
    number = next(_NUMBERS)
    other = dupont(other_phone, last_name="Martin", email=f"martin{number}@example.org")
    shared.post_rdv(rdv(number, dupont(phone, email=f"dupont{number}@example.org"), other))
    shared.talk("annuler dup", "oui", phone=phone)
    assert "annulé" in shared.wait_for(other_phone, 1)[0].body
    assert shared.is_silent_on("merci", phone)
    shared.wait_until_all_has_left()
    told = [mail.recipients[0] for mail in shared.smtp.messages if str(number) in mail.recipients[0]]
    assert sorted(told) == [f"dupont{number}@example.org", f"martin{number}@example.org"]


def test_in_a_collective_one_only_theirs_ends(shared: Service, phone: str) -> None:
    other_phone = phone.replace("+336", "+337")
    number = next(_NUMBERS)
    shared.post_rdv(rdv(number, dupont(phone), dupont(other_phone, last_name="Martin"), collectif=True))
    _, done = shared.talk("annuler dup", "oui", phone=phone)
    assert "participation" in done
    assert shared.to(other_phone) == []
    assert "OUI" in shared.asks("annuler mar", other_phone).body


def test_times_overseas_are_told_on_the_clocks_there(shared: Service, phone: str) -> None:
    starts_at = (datetime.now(UTC) + timedelta(days=3)).replace(hour=6, minute=30)
    person = dupont("+262692123456")
    book(shared, phone, person=person, starts_at=starts_at.isoformat(), time_zone="Indian/Reunion")
    assert "10h30" in shared.asks("annuler dup", "+262692123456").body


def test_statuses_are_recorded_in_any_order(shared: Service, phone: str) -> None:
    book(shared, phone)
    sid = shared.asks("annuler", phone).sid
    for status in ("delivered", "sent", "queued"):
        answer = shared.twilio.report(sid, status).result(10)
        assert answer is not None
        assert answer.status_code == 200


def test_a_webhook_that_is_not_of_interest_or_malformed(shared: Service) -> None:
    meta = {"model": "Motif", "event": "updated", "webhook_reason": None, "timestamp": "2026-01-01 10:00:00 +0100"}
    assert shared.post_webhook({"data": {"id": 1}, "meta": meta}).status_code == 200
    assert shared.post_webhook({"data": {}, "meta": {**meta, "model": "Rdv"}}).status_code == 400
    assert shared.post_webhook({"data": {}, "meta": meta}, "/webhooks/rdvsp/unknown").status_code == 404


def test_who_comes_is_thanked_and_told_nothing_that_no_reminder_told(shared: Service, phone: str) -> None:
    book(shared, phone)
    assert shared.asks("Oui je serai là", phone).body == "C'est noté. Merci d'avoir prévenu."
    assert "OUI" in shared.talk("annuler", "dup", phone=phone)[-1]


def test_who_wants_another_date_is_told_how_to_give_this_one_up(shared: Service, phone: str) -> None:
    book(shared, phone)
    reply = shared.asks("on peut décaler à un autre jour ?", phone).body
    assert "autre date" in reply.lower()
    assert "ANNULER" in reply
