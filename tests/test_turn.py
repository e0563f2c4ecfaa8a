"""One incoming message, and all that it leaves in the database, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from smsbot.app import Service
from smsbot.appointments.cancellation import Ended
from smsbot.appointments.intake import destroy
from smsbot.appointments.terms import TermsBook
from smsbot.gateways.base import IncomingSms
from smsbot.incoming.message_claims import Arrived
from smsbot.incoming.receiving import Reception
from smsbot.incoming.turn import Turn, TurnOutcome
from smsbot.messages.sms import Sms, SmsTexts
from smsbot.model import Actor, Canceller, OrganisationRecord, PlaceRecord, Status, Via
from smsbot.policy import Policy
from smsbot.settings import ServiceSettings
from smsbot.store.database import Database
from smsbot.store.tables import (
    audit,
    cancellation_requests,
    conversations,
    incoming_messages,
    metadata,
    opt_outs,
    organisations,
    outgoing_messages,
    participations,
)
from smsbot.understanding import Keyword
from tests.appointments.records import Desk, NothingHeldBack, appointment, participation

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
OURS, OTHER = "+33937000000", "+33644600000"
PHONE, MARTIN = "+33612345678", "+33687654321"
SECOND, DAY = timedelta(seconds=1), timedelta(hours=24)
WEEKS_AHEAD = TermsBook(Policy(), timedelta(weeks=4))


class Line:
    """Telephones that write to a service, second after second."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.desk = Desk(database)
        values = {
            "secret_key": "a secret of the tests, of 32 bytes or more",
            "twilio_account_sid": "AC" + "0" * 32,
            "twilio_auth_token": "token",
            "sender": OURS,
            "mail_from": "rdv@example.fr",
        }
        self.service = Service(ServiceSettings.exactly(**values | settings), database)
        self.turn: Turn = self.service.turn
        self.now = NOW
        self.written = 0

    def books(self, external_id: str = "1", days: float = 3, organisation: str = "12", **person: Any) -> None:
        """Make an appointment in so many days, of Sophie Dupont unless `person` says otherwise."""
        record = appointment(
            external_id,
            starts_at=NOW + timedelta(days=days),
            ends_at=None,
            organisation=OrganisationRecord(organisation, f"Mairie {organisation}"),
            participations=(participation(f"{external_id}-1", **{"email": None, **person}),),
        )
        self.desk.take(record, now=NOW - timedelta(days=30))

    def message(self, body: str, sid: str | None = None, *, phone: str = PHONE, to: str = OURS) -> IncomingSms:
        self.written += 1
        return IncomingSms("twilio", sid or f"SM{self.written}", phone, to, body)

    def takes(self, message: IncomingSms, **how: Any) -> TurnOutcome | None:
        self.now += SECOND
        arrived = Arrived(message, self.now, **how)
        [outcome] = self.database.write_now(lambda connection: self.turn.take_together(connection, [arrived]))
        return outcome

    def hears(self, *bodies: str, **other: Any) -> list[str | None]:
        """Send these messages one after the other. Returns the replies."""
        outcomes = [self.takes(self.message(body, **other)) for body in bodies]
        return [outcome.reply if outcome else "handled before" for outcome in outcomes]

    def newest(self) -> dict[str, Any]:
        """The last message that was claimed, and the replies to it."""
        row = self.desk.rows(select(incoming_messages).order_by(incoming_messages.c.id.desc()).limit(1))[0]
        replies = select(outgoing_messages).where(outgoing_messages.c.in_reply_to == row["id"])
        return {**row, "replies": self.desk.rows(replies)}

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {table.name: self.desk.rows(select(table)) for table in metadata.sorted_tables}

    def part(self, external_id: str = "1") -> dict[str, Any]:
        return self.desk.participations(external_id)[f"{external_id}-1"]


MakeLine = Callable[..., Line]


@pytest.fixture
def line(database: Database) -> Line:
    return Line(database)


@pytest.fixture
def make_line(database: Database) -> MakeLine:
    return lambda **settings: Line(database, **settings)


# Which of two ---------------------------------------------------------------------------------------------------------


def test_the_one_named_in_a_list_is_cancelled(line: Line) -> None:
    line.books("1", days=1)  # Tuesday the 5th
    line.books("2", days=3)  # Thursday the 7th, 10h in Paris
    assert line.hears("annuler", "DUP", "celui de jeudi", "oui celui de mardi", "oui celui de jeudi 10h") == [
        *("ask_letters", "choose", "confirm", "confirm_again", "cancelled")
    ]
    assert [line.part(number)["status"] for number in ("1", "2")] == [Status.UNKNOWN, Status.EXCUSED]


def test_a_request_that_names_its_appointment_needs_no_list(line: Line) -> None:
    line.books("1", days=1)
    line.books("2", days=3)
    assert line.hears("annulez jeudi", "DUP", "oui") == ["ask_letters", "confirm", "cancelled"]
    assert [line.part(number)["status"] for number in ("1", "2")] == [Status.UNKNOWN, Status.EXCUSED]


def test_a_place_chooses_as_it_is_told(line: Line) -> None:
    for external_id, place in (("1", "MDS de Lyon"), ("2", "MDS de Bron")):
        record = appointment(
            external_id,
            starts_at=NOW + timedelta(days=3),
            place=PlaceRecord(place),
            participations=(participation(external_id),),
        )
        line.desk.take(record, now=NOW - timedelta(days=30))
    assert line.hears("annuler dup", "celui de Bron", "oui celui de Lyon", "oui celui de Bron") == [
        *("choose", "confirm", "confirm_again", "cancelled")
    ]
    assert line.desk.participations("2")["2"]["status"] == Status.EXCUSED


# One outcome, once ----------------------------------------------------------------------------------------------------

QUESTION = ("annuler dup",)
ECHO = TurnOutcome(None, "yes again after the cancellation")

OUTCOMES: list[tuple[tuple[str, ...], str, str | None, str | None, bool]] = [
    # what was written before, what comes, the reply or the reason of the silence, for agents
    ((), "ANNULER", "ask_letters", None, False),
    (("annuler",), "DUP", "confirm", None, False),
    (("annuler",), "MAR", "wrong_letters", None, False),
    (("annuler", "MAR", "BER"), "PET", "locked", None, False),
    (("annuler", "MAR", "BER", "PET"), "annuler", None, "all locked, already told", True),
    (QUESTION, "oui", "cancelled", None, False),
    ((*QUESTION, "oui"), "oui", None, "yes again after the cancellation", False),
    (QUESTION, "non", "kept", None, False),
    (QUESTION, "je ne sais pas", "confirm_again", None, False),
    ((*QUESTION, "hein", "hein"), "hein", "doubt_given_up", None, True),
    ((), "Je serai en retard", "outside_flow", None, True),
    (("Je serai en retard",), "de dix minutes", None, "other words, help told this hour", True),
    ((), "merci", None, "thanks", False),
    ((), "STOP", "stopped", None, False),
    (("STOP",), "annuler", None, "writes after stop", True),
]


@pytest.mark.parametrize(("before", "body", "reply", "reason", "for_agents"), OUTCOMES)
def test_each_message_has_one_outcome(
    line: Line, before: tuple[str, ...], body: str, reply: str | None, reason: str | None, for_agents: bool
) -> None:
    line.books()
    line.hears(*before)
    message = line.message(body, "SMlast")
    assert line.takes(message) == TurnOutcome(reply, reason)
    row = line.newest()
    left = {
        "gateway": "twilio",
        "gateway_message_id": "SMlast",
        "received_at": line.now,
        "from_number": PHONE,
        "to_number": OURS,
        "body": body,
        "outcome": reply or "silence",
        "reason": reason,
        "for_agents": for_agents,
    }
    assert {name: row[name] for name in left} == left
    assert [each["created_at"] for each in row["replies"]] == ([line.now] if reply else [])
    everyone = line.desk.rows(select(func.count().label("messages")).select_from(incoming_messages))
    assert everyone == [{"messages": len(before) + 1}]


@pytest.mark.parametrize(("before", "body"), [row[:2] for row in OUTCOMES])
def test_what_is_delivered_again_changes_nothing(line: Line, before: tuple[str, ...], body: str) -> None:
    line.books()
    line.hears(*before)
    message = line.message(body)
    assert line.takes(message) is not None
    known = line.everything()
    for later in (SECOND, 2 * DAY):
        line.now += later
        assert line.takes(message) is None
        assert line.everything() == known


def test_another_gateway_may_give_the_same_id(line: Line) -> None:
    line.books()
    message = line.message("annuler")
    outcomes = [line.takes(each) for each in (message, replace(message, gateway="vonage"))]
    assert outcomes == [TurnOutcome("ask_letters"), TurnOutcome("explain_letters")]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("sids", "outcomes"),
    [
        (["SM1"] * 6, [None] * 5 + [TurnOutcome("cancelled")]),
        ([f"SM{number}" for number in range(6)], [ECHO] * 5 + [TurnOutcome("cancelled")]),
    ],
    ids=["the same", "others"],
)
async def test_of_many_yes_at_once_one_cancels(line: Line, sids: list[str], outcomes: list[TurnOutcome | None]) -> None:
    line.books()
    line.hears(*QUESTION)
    messages = [IncomingSms("twilio", f"yes {sid}", PHONE, OURS, "oui") for sid in sids]

    reception = Reception(line.database, line.turn)
    taken = await asyncio.gather(*(reception.receive(Arrived(message, line.now + SECOND)) for message in messages))
    assert sorted(taken, key=str) == sorted(outcomes, key=str)
    assert len(line.desk.rows(select(audit))) == 1
    replies = select(outgoing_messages).where(outgoing_messages.c.kind == "reply")
    assert len(line.desk.rows(replies)) == 2


def test_a_yes_that_came_long_after_it_was_written_is_asked_again(line: Line) -> None:
    line.books()
    line.hears(*QUESTION)
    assert line.takes(line.message("oui"), written_long_ago=True) == TurnOutcome("confirm_late")
    assert line.part()["status"] == "unknown"
    assert line.hears("oui") == ["cancelled"]


# The reply ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [OURS, OTHER, "36123"])
@pytest.mark.parametrize(
    ("before", "body", "external_id"),
    [
        ((), "annuler", "soonest"),
        (("annuler dup", "2"), "oui", "chosen"),
        ((), "Je serai en retard", "soonest"),
    ],
)
def test_the_reply_leaves_from_the_number_written_to(
    line: Line, to: str, before: tuple[str, ...], body: str, external_id: str
) -> None:
    line.books("soonest", days=2)
    line.books("chosen", days=3)
    line.hears(*before, body, to=to)
    row = line.newest()
    [reply] = row["replies"]
    part = line.part(external_id)
    said = {
        "channel": "sms",
        "kind": "reply",
        "recipient": PHONE,
        "sender": to,
        "state": "waiting",
        "appointment_id": part["appointment_id"],
        "participation_id": part["id"],
        "segments": 1,
    }
    assert {name: reply[name] for name in said} == said


def test_a_stranger_is_answered_about_nothing(line: Line) -> None:
    line.hears("bonjour")
    [reply] = line.newest()["replies"]
    assert (reply["recipient"], reply["appointment_id"], reply["participation_id"]) == (PHONE, None, None)


def test_a_conversation_belongs_to_one_pair_of_numbers(line: Line) -> None:
    line.books()
    line.books("another", phone=MARTIN, last_name="Dupond")
    assert line.hears("annuler") == ["ask_letters"]
    assert line.hears("dup", to="36123") == ["outside_flow"]
    assert line.hears("dup", phone=MARTIN) == ["outside_flow"]
    assert line.hears("dup") == ["confirm"]
    pairs = select(conversations.c.usager_number, conversations.c.our_number)
    known = {(row["usager_number"], row["our_number"]) for row in line.desk.rows(pairs)}
    assert known == {(PHONE, OURS), (PHONE, "36123"), (MARTIN, OURS)}


def test_the_alternative_of_a_sender_carries_on_its_conversations(line: Line) -> None:
    line.books()
    line.turn = replace(line.turn, main_sender=lambda number: OURS if number == OTHER else number)
    assert line.hears("annuler") == ["ask_letters"]
    assert line.hears("dup", to=OTHER) == ["confirm"]
    assert [reply["sender"] for reply in line.newest()["replies"]] == [OTHER]
    assert line.hears("oui") == ["cancelled"]
    assert [row["our_number"] for row in line.desk.rows(select(conversations))] == [OURS]


def test_what_is_told_rarely_is_told_by_one_of_our_numbers(line: Line) -> None:
    assert line.hears("bonjour") == ["no_appointment"]
    assert line.hears("bonjour", to="36123") == [None]
    line.now += DAY
    assert line.hears("bonjour", to="36123") == ["no_appointment"]
    assert line.hears("bonjour") == [None]


# Wrong answers --------------------------------------------------------------------------------------------------------

LOCKED = select(audit).where(audit.c.act == "locked").order_by(audit.c.participation_id)


def counts(line: Line, *external_ids: str) -> list[tuple[int, datetime | None, datetime | None]]:
    parts = [line.part(each) for each in external_ids]
    return [(part["wrong_answers"], part["wrong_answer_at"], part["locked_until"]) for part in parts]


def test_three_wrong_answers_lock_every_coming_appointment_of_the_number(line: Line) -> None:
    line.books("1")
    line.books("2", days=4)
    line.books("begun", days=-1)
    line.books("of another", phone=MARTIN)
    line.hears("annuler")
    for wrong_answers, letters in enumerate(("MAR", "BER"), start=1):
        assert line.hears(letters) == ["wrong_letters"]
        assert counts(line, "1", "2") == [(wrong_answers, line.now, None)] * 2
    assert line.desk.rows(LOCKED) == []
    assert line.hears("PET") == ["locked"]
    assert counts(line, "1", "2") == [(3, line.now, line.now + DAY)] * 2
    assert counts(line, "begun", "of another") == [(0, None, None)] * 2
    names = ("at", "by", "way", "agent", "appointment_id", "participation_id")
    assert [tuple(row[name] for name in names) for row in line.desk.rows(LOCKED)] == [
        (line.now, "usager", "sms", None, part["appointment_id"], part["id"])
        for part in (line.part("1"), line.part("2"))
    ]
    line.now += DAY
    assert line.hears("annuler dup", "1") == ["choose", "confirm"]


def test_what_is_locked_already_is_not_locked_anew(line: Line) -> None:
    line.books("by link")
    line.books("open", days=4)
    lock = {"wrong_answers": 3, "wrong_answer_at": NOW - SECOND, "locked_until": NOW + DAY}
    line.desk.run(update(participations).where(participations.c.external_id == "by link-1").values(lock))
    assert line.hears("annuler", "MAR", "BER", "PET")[-1] == "locked"
    assert counts(line, "by link", "open") == [(3, NOW - SECOND, NOW + DAY), (3, line.now, line.now + DAY)]
    assert [row["participation_id"] for row in line.desk.rows(LOCKED)] == [line.part("open")["id"]]


def test_a_right_answer_ends_the_count_of_what_it_fits(line: Line) -> None:
    line.books("fits")
    line.books("another", days=4, last_name="Martin")
    line.hears("annuler", "PET")
    counted_at = line.now
    assert line.hears("DUP") == ["confirm"]
    assert counts(line, "fits", "another") == [(0, None, None), (1, counted_at, None)]


# STOP and START -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bodies", "replies", "opted_out"),
    [
        (("STOP",), ["stopped"], True),
        (("STOP", "STOP"), ["stopped", None], True),
        (("STOP", "annuler", "oui"), ["stopped", None, None], True),
        (("STOP", "START"), ["stopped", "restarted"], False),
        (("STOP", "START", "annuler"), ["stopped", "restarted", "ask_letters"], False),
        (("annuler dup", "STOP"), ["confirm", "stopped"], True),
        (("Stop, n'annulez pas",), ["outside_flow"], False),
    ],
)
def test_stop_and_start(line: Line, bodies: tuple[str, ...], replies: list[str | None], opted_out: bool) -> None:
    line.books()
    assert line.hears(*bodies) == replies
    assert [row["number"] for row in line.desk.rows(select(opt_outs))] == [PHONE] * opted_out
    assert line.part()["status"] == "unknown"


@pytest.mark.parametrize(
    ("before", "body", "keyword", "reason", "opted_out"),
    [
        ((), "STOP", Keyword.STOP, "gateway took stop", True),
        ((), "FIN", Keyword.STOP, "gateway took stop", True),
        (("annuler dup",), "STOP", Keyword.STOP, "gateway took stop", True),
        (("STOP",), "START", Keyword.START, "gateway took start", False),
        ((), "AIDE", Keyword.HELP, "gateway took help", False),
    ],
)
def test_what_the_gateway_has_answered_is_noted_in_silence(
    line: Line, before: tuple[str, ...], body: str, keyword: Keyword, reason: str, opted_out: bool
) -> None:
    line.books()
    line.hears(*before)
    assert line.takes(line.message(body), keyword=keyword) == TurnOutcome(None, reason)
    assert line.newest()["replies"] == []
    assert [row["number"] for row in line.desk.rows(select(opt_outs))] == [PHONE] * opted_out


def test_the_first_stop_is_the_one_that_is_kept(line: Line) -> None:
    line.books()
    line.hears("STOP")
    first = line.now
    line.hears("STOP")
    assert line.desk.rows(select(opt_outs)) == [{"number": PHONE, "opted_out_at": first, "by_stranger": False}]


def test_stop_is_for_all_our_numbers_and_for_one_of_theirs(line: Line) -> None:
    line.books()
    line.books("another", phone=MARTIN)
    assert line.hears("STOP") == ["stopped"]
    assert line.hears("annuler", to="36123") == [None]
    assert line.hears("STOP", phone=MARTIN) == ["stopped"]
    assert line.hears("START", to="36123") == ["restarted"]
    assert [row["number"] for row in line.desk.rows(select(opt_outs))] == [MARTIN]


def test_strangers_are_noted_and_not_told(line: Line) -> None:
    assert line.hears("STOP", "bonjour") == [None, None]
    assert [row["number"] for row in line.desk.rows(select(opt_outs))] == [PHONE]
    assert line.hears("START") == [None]
    assert line.desk.rows(select(opt_outs)) == []


@pytest.mark.parametrize("known", [True, False])
def test_of_a_stop_it_is_kept_whether_anybody_was_known_at_the_number(line: Line, known: bool) -> None:
    if known:
        line.books(days=-2)
    line.hears("STOP")
    [row] = line.desk.rows(select(opt_outs))
    assert (row["number"], row["by_stranger"]) == (PHONE, not known)


# What cannot be answered ----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_text_that_the_turn_fails_on_is_recorded_once_and_kept_for_agents(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.books()
    arrived = Arrived(IncomingSms("twilio", "SM-bad", PHONE, OURS, "a text that is too much"), NOW)
    reception = Reception(line.database, line.turn)

    def stumble(*_: Any, **__: Any) -> None:
        raise RecursionError

    with monkeypatch.context() as patched:
        patched.setattr("smsbot.incoming.turn.step", stumble)
        first = await reception.receive(arrived)
        again = await reception.receive(arrived)
    assert first == TurnOutcome(None, "could not be handled")
    assert again is None
    [row] = line.desk.rows(select(incoming_messages))
    assert (row["outcome"], row["reason"], row["for_agents"]) == ("silence", "could not be handled", True)
    assert row["organisation_id"] is not None
    assert await reception.receive(arrived) is None  # it was recorded, so it is not handled again


@pytest.mark.parametrize("phone", ["+32475123456", "+33899123456"])
def test_known_numbers_abroad_or_at_a_premium_rate_cost_nothing(line: Line, phone: str) -> None:
    line.books(phone=phone)
    assert line.hears("annuler", "stop", "start", "bonjour", phone=phone) == [None] * 4
    assert line.desk.rows(select(outgoing_messages)) == []


# Strangers ------------------------------------------------------------------------------------------------------------

FOREIGN = "no coming appointment, and a country that gets no text"
USED_UP = "no coming appointment, and the day's neutral texts are used up"


@pytest.mark.parametrize(
    ("phone", "appointment_in", "expected", "for_agents"),
    [
        ("+33600000001", None, TurnOutcome("no_appointment"), False),
        ("+590690000001", None, TurnOutcome("no_appointment"), False),
        ("+4915100000001", None, TurnOutcome(None, FOREIGN), False),
        ("36123", None, TurnOutcome(None, FOREIGN), False),
        ("+33600000001", -1, TurnOutcome("no_appointment"), True),
        ("+4915100000001", -1, TurnOutcome(None, FOREIGN), True),
        ("+4915100000001", 3, TurnOutcome(None, "a number that gets no SMS"), True),
    ],
)
def test_who_gets_the_neutral_text(
    make_line: MakeLine, phone: str, appointment_in: int | None, expected: TurnOutcome, for_agents: bool
) -> None:
    line = make_line(answered_prefixes="+33,+590")
    if appointment_in is not None:
        line.books(days=appointment_in, phone=phone)
    assert line.takes(line.message("annuler", phone=phone)) == expected
    assert line.newest()["for_agents"] is for_agents
    assert len(line.newest()["replies"]) == (expected.reply is not None)


def test_the_neutral_texts_of_all_have_a_cap_a_day(make_line: MakeLine) -> None:
    line = make_line(neutral_texts_per_day=2)
    line.books()
    line.books("past", days=-1, phone="+33600000003")
    assert line.hears("bonjour") == ["outside_flow"]  # not the neutral text

    def strangers(*numbers: int) -> list[TurnOutcome | None]:
        return [line.takes(line.message("bonjour", phone=f"+3360000000{number}")) for number in numbers]

    told, silent = TurnOutcome("no_appointment"), TurnOutcome(None, USED_UP)
    assert strangers(1, 2, 3, 4) == [told, told, silent, silent]
    assert line.hears("merci", "annuler") == [None, "ask_letters"]  # somebody with an appointment is answered
    line.now = NOW + DAY + SECOND  # in the next second the first of the two is a day ago
    assert strangers(5) == [told]
    line.now -= SECOND
    assert strangers(6) == [silent]


# Which agents see it --------------------------------------------------------------------------------------------------


def by_an_agent(line: Line) -> None:
    canceller = Canceller(Actor.AGENT, Via.API, Status.REVOKED)
    number = line.part("chosen")["id"]
    line.database.write_now(lambda connection: line.service.door.cancel(connection, number, canceller, line.now))


def removed(line: Line) -> None:
    line.desk.run(update(participations).where(participations.c.external_id == "chosen-1").values(removed_at=NOW))


def destroyed(line: Line) -> None:
    line.database.write_now(
        lambda connection: destroy(connection, "rdvsp", "chosen", event_at=None, reason=None, now=line.now)
    )


def organisation_of(line: Line, row: dict[str, Any]) -> str | None:
    names = {each["id"]: str(each["external_id"]) for each in line.desk.rows(select(organisations))}
    return names[row["organisation_id"]] if row["organisation_id"] is not None else None


@pytest.mark.parametrize("ends", [by_an_agent, removed, destroyed])
def test_what_was_chosen_and_cancelled_meanwhile_is_what_the_message_is_about(
    line: Line, ends: Callable[[Line], None]
) -> None:
    line.books("soonest", days=2, organisation="A")
    line.books("chosen", days=3, organisation="B")
    assert line.hears("annuler dup", "2") == ["choose", "confirm"]
    ends(line)
    assert line.hears("oui") == ["already_cancelled"]
    row = line.newest()
    assert organisation_of(line, row) == "B"
    assert [reply["participation_id"] for reply in row["replies"]] == [line.part("chosen")["id"]]


@pytest.mark.parametrize(
    ("appointments_in_days", "bodies", "for_agents", "organisation"),
    [
        ({}, ("bonjour",), False, None),
        ({"A": 2, "B": 3}, ("Je serai en retard",), True, "A"),
        ({"A": 3, "B": 2}, ("Je serai en retard",), True, "B"),
        ({"A": 2, "B": 3}, ("annuler dup", "2", "hein", "hein", "hein"), True, "B"),
        ({"A": 2, "B": 3}, ("annuler dup", "2", "oui"), False, "B"),
        ({"A": 2, "B": 3}, ("annuler dup", "1", "oui", "Je serai en retard"), True, "B"),
        ({"A": 2, "B": 3}, ("STOP", "bonjour"), True, "A"),
        ({"A": -2, "B": -3}, ("bonjour",), True, "A"),
        ({"A": -3, "B": -2}, ("bonjour",), True, "B"),
        ({"A": -1, "B": 3}, ("Je serai en retard",), True, "B"),
        ({"A": 3}, ("annuler dup", "oui", "je suis désolée"), True, "A"),
    ],
)
def test_which_organisation_gets_the_message(
    line: Line,
    appointments_in_days: dict[str, int],
    bodies: tuple[str, ...],
    for_agents: bool,
    organisation: str | None,
) -> None:
    for name, days in appointments_in_days.items():
        line.books(name, days=days, organisation=name)
    line.hears(*bodies)
    row = line.newest()
    assert (row["for_agents"], organisation_of(line, row)) == (for_agents, organisation)


def test_of_what_the_source_took_back_no_organisation_hears(line: Line) -> None:
    line.books("chosen", days=-1)
    removed(line)
    assert line.hears("bonjour") == ["no_appointment"]
    row = line.newest()
    assert (row["for_agents"], row["organisation_id"]) == (False, None)


# A yes, and what fails ------------------------------------------------------------------------------------------------


def test_a_yes_cancels_by_sms_with_a_receipt(line: Line) -> None:
    line.books(email="sophie@exemple.fr")
    assert line.hears(*QUESTION, "oui") == ["confirm", "cancelled"]
    part = line.part()
    ended = tuple(part[name] for name in ("status", "cancelled_at", "cancelled_by", "cancelled_way"))
    assert ended == ("excused", line.now, "usager", "sms")
    receipts = select(outgoing_messages.c.channel, outgoing_messages.c.recipient).where(
        outgoing_messages.c.kind == "receipt"
    )
    assert line.desk.rows(receipts) == [{"channel": "email", "recipient": "sophie@exemple.fr"}]


class NoWords(SmsTexts):
    """Texts that cannot be written."""

    def __init__(self) -> None:
        pass

    def write(self, name: str, values: Mapping[str, object], *, most_segments: int = 1) -> Sms:
        raise RuntimeError(f"no words for {name}")


class NoHerald(NothingHeldBack):
    """An announcer that fails."""

    def ended(self, _connection: Connection, _ended: Ended) -> None:
        raise RuntimeError("no words for it")


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (lambda turn: replace(turn, texts=NoWords()), "no words for cancelled"),
        (lambda turn: replace(turn, door=replace(turn.door, announcer=NoHerald())), "no words for it"),
        # The door decides: if it does not cancel, nobody is told that it is cancelled.
        (lambda turn: replace(turn, door=replace(turn.door, terms=WEEKS_AHEAD)), "too_late"),
    ],
)
def test_where_anything_fails_nothing_is_left(line: Line, broken: Callable[[Turn], Turn], problem: str) -> None:
    line.books(email="sophie@exemple.fr")
    line.hears(*QUESTION)
    known = line.everything()
    message = line.message("oui")
    sound, line.turn = line.turn, broken(line.turn)
    with pytest.raises(RuntimeError, match=problem):
        line.takes(message)
    assert line.everything() == known
    line.turn = sound
    assert line.takes(message) == TurnOutcome("cancelled")


# One telephone for two ------------------------------------------------------------------------------------------------


def test_who_cancels_for_two_on_one_telephone_is_told_once(line: Line) -> None:
    both = [participation(f"1-{n}", send_lifecycle_notifications=True, email=None) for n in (1, 2)]
    elsewhere = participation("1-3", send_lifecycle_notifications=True, email=None, phone=MARTIN)
    record = appointment("1", starts_at=NOW + timedelta(days=3), ends_at=None, participations=(*both, elsewhere))
    line.desk.take(record, now=NOW - timedelta(days=30))
    assert line.hears("annuler dup", "1", "oui")[-1] == "cancelled"
    sent = line.desk.rows(select(outgoing_messages).where(outgoing_messages.c.kind == "notification"))
    assert [message["recipient"] for message in sent] == [MARTIN]


# Several people behind one telephone ----------------------------------------------------------------------------------


def _children(line: Line, *, collective: bool) -> None:
    """Léa and Tom Dupont, with one telephone, at the same hour: in one collective appointment, or each in their own."""
    parts = tuple(
        participation(name, usager_external_id=name, first_name=name, email=None, phone=PHONE)
        for name in ("Léa", "Tom")
    )
    for number, some in enumerate([parts] if collective else [(part,) for part in parts]):
        record = appointment(
            str(number),
            starts_at=NOW + timedelta(days=3),
            ends_at=None,
            collective=collective,
            organisation=OrganisationRecord("12", "Mairie 12"),
            participations=some,
        )
        line.desk.take(record, now=NOW - timedelta(days=30))


@pytest.mark.parametrize("collective", [False, True])
def test_two_children_at_the_same_hour_are_told_apart_after_the_letters(line: Line, collective: bool) -> None:
    _children(line, collective=collective)
    told = []
    for body in ("annuler", "dup", "2", "oui"):
        line.hears(body)
        told.append(line.newest()["replies"][0]["body"])
    assert "Léa" not in told[0]
    assert [row.rsplit(" ", 1)[1] for row in told[1].splitlines()[1:]] == ["Léa", "Tom"]
    assert " pour Tom " in told[2]
    assert " pour Tom " in told[3]
    rows = line.desk.rows(select(participations.c.external_id, participations.c.status))
    assert {row["external_id"]: row["status"] for row in rows} == {"Léa": "unknown", "Tom": "excused"}


def test_parent_and_child_in_one_appointment_are_asked_once_and_told_once(line: Line) -> None:
    parts = tuple(
        participation(name, usager_external_id=name, first_name=name, phone=PHONE, send_lifecycle_notifications=True)
        for name in ("Sophie", "Léa")
    )
    line.desk.take(appointment(starts_at=NOW + timedelta(days=3), participations=parts), now=NOW - timedelta(days=30))
    assert line.hears("annuler dup", "oui") == ["confirm", "cancelled"]
    rows = line.desk.rows(select(outgoing_messages).order_by(outgoing_messages.c.id))
    assert [(row["channel"], row["kind"]) for row in rows][1:] in (
        [("sms", "reply"), ("email", "receipt")],
        [("email", "receipt"), ("sms", "reply")],
    )
    assert {row["status"] for row in line.desk.rows(select(participations.c.status))} == {"excused"}


def test_who_writes_from_a_landline_is_answered(line: Line) -> None:
    """The number is a landline in the numbering plan, but an SMS has just come from it."""
    landline = "+33321000000"
    line.books(phone=landline)
    assert line.hears("annuler dup", "oui", phone=landline) == ["confirm", "cancelled"]
    assert [row["recipient"] for row in line.newest()["replies"]] == [landline]


# What a connected source owns -----------------------------------------------------------------------------------------

CONNECTED = {
    "rdvsp_url": "https://rdv.example.fr",
    "rdvsp_client_id": "smsbot",
    "rdvsp_client_secret": "secret",
    "rdvsp_webhook_secret": "a secret",
}


def test_a_yes_asks_the_source_and_is_not_answered_yet(make_line: MakeLine) -> None:
    line = make_line(**CONNECTED)
    line.books()
    assert line.hears("annuler dup") == ["confirm"]
    assert line.takes(line.message("oui")) == TurnOutcome(None, "yes, the answer follows when the source has answered")
    yes = line.newest()
    [request] = line.desk.rows(select(cancellation_requests))
    assert (request["in_reply_to"], request["state"], request["registered_at"]) == (yes["id"], "waiting", None)
    part = line.part()
    assert (part["status"], part["cancellation_requested_at"]) == ("unknown", line.now)
    assert yes["replies"] == []
    assert line.hears("annuler") == ["request_under_way"]
    told_at = line.now
    assert line.hears("oui") == ["request_under_way"]
    [request] = line.desk.rows(select(cancellation_requests))
    assert request["registered_at"] == told_at, "that it is registered has been told"


def test_who_asks_from_another_telephone_leaves_the_first_to_be_told(make_line: MakeLine) -> None:
    line = make_line(**CONNECTED)
    record = appointment(
        "1",
        starts_at=NOW + 3 * DAY,
        ends_at=None,
        participations=(participation("1-1"), participation("1-2", phone=MARTIN, last_name="Martin")),
    )
    line.desk.take(record, now=NOW - 30 * DAY)
    line.hears("annuler dup", "oui")
    assert line.hears("annuler", phone=MARTIN) == ["request_under_way"]
    [request] = line.desk.rows(select(cancellation_requests))
    assert request["registered_at"] is None


# What agents have put off ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["AIDE", "merci", "Où est-ce ?", "STOP"])
def test_whatever_a_person_writes_brings_back_what_was_put_off(line: Line, body: str) -> None:
    line.books()
    line.books("2", phone=MARTIN, last_name="Martin")
    line.hears("je serai en retard")
    line.hears("je serai en retard aussi", phone=MARTIN)
    back_at = line.now + DAY
    put_off = update(incoming_messages).values(comes_back_at=back_at)
    line.desk.database.write_now(lambda connection: connection.execute(put_off).close())
    times = select(incoming_messages.c.comes_back_at).order_by(incoming_messages.c.id)
    line.hears("Liked “Votre RDV”")
    assert [row["comes_back_at"] for row in line.desk.rows(times)][:2] == [back_at] * 2, "not written by the person"
    line.hears(body)
    assert [row["comes_back_at"] for row in line.desk.rows(times)][:2] == [None, back_at]


# Several at once ------------------------------------------------------------------------------------------------------


def taken_together(line: Line, *said: tuple[str, str]) -> list[TurnOutcome | None]:
    """Messages of several telephones at the same moment, handled in one transaction."""
    line.now += SECOND
    arrived = [Arrived(line.message(body, phone=phone), line.now) for phone, body in said]
    return line.database.write_now(lambda connection: line.turn.take_together(connection, arrived))


def test_several_telephones_at_once_each_get_their_own_answer(line: Line) -> None:
    line.books("1")
    line.books("2", phone=MARTIN, last_name="Martin")
    assert line.hears(*QUESTION) == ["confirm"]
    stranger = "+33611111111"
    outcomes = taken_together(line, (MARTIN, "annuler"), (PHONE, "oui"), (stranger, "bonjour"))
    assert outcomes == [TurnOutcome("ask_letters"), TurnOutcome("cancelled"), TurnOutcome("no_appointment")]
    assert taken_together(line, (PHONE, "merci"), (MARTIN, "mar")) == [
        TurnOutcome(None, "thanks"),
        TurnOutcome("confirm"),
    ]
    answers = select(incoming_messages.c.from_number, outgoing_messages.c.recipient).join_from(
        incoming_messages, outgoing_messages, outgoing_messages.c.in_reply_to == incoming_messages.c.id
    )
    pairs = [tuple(row.values()) for row in line.desk.rows(answers)]
    assert len(pairs) == 5
    assert all(wrote == answered for wrote, answered in pairs)


def test_what_one_cancels_is_cancelled_for_another_who_says_yes_at_once(line: Line) -> None:
    parts = (
        participation("1-1", phone=PHONE, email=None),
        participation("1-2", phone=MARTIN, last_name="Martin", email=None),
    )
    line.desk.take(appointment(starts_at=NOW + timedelta(days=3), participations=parts), now=NOW - timedelta(days=30))
    assert line.hears("annuler dup", phone=PHONE) == line.hears("annuler mar", phone=MARTIN) == ["confirm"]
    assert taken_together(line, (PHONE, "oui"), (MARTIN, "oui")) == [
        TurnOutcome("cancelled"),
        TurnOutcome("already_cancelled"),
    ]


def test_the_days_neutral_texts_are_counted_among_those_who_write_at_once(database: Database) -> None:
    line = Line(database, neutral_texts_per_day=2)
    outcomes = taken_together(line, *((f"+3361111111{number}", "bonjour") for number in range(4)))
    assert [outcome.reply for outcome in outcomes if outcome] == ["no_appointment"] * 2 + [None] * 2


def test_one_of_several_that_was_handled_before_changes_nothing(line: Line) -> None:
    line.books("1")
    line.books("2", phone=MARTIN, last_name="Martin")
    again = line.message("annuler")
    line.takes(again)
    arrived = [Arrived(line.message("annuler", phone=MARTIN), line.now), Arrived(again, line.now)]
    outcomes = line.database.write_now(lambda connection: line.turn.take_together(connection, arrived))
    assert outcomes == [TurnOutcome("ask_letters"), None]
    assert len(line.desk.rows(select(outgoing_messages))) == 2


# Taking a cancellation back -------------------------------------------------------------------------------------------


def test_what_was_an_error_stands_again(line: Line) -> None:
    line.books(email="sophie@exemple.fr")
    before = line.part()
    assert line.hears("annuler dup", "oui", "erreur !") == ["confirm", "cancelled", "take_back"]
    [reply] = line.newest()["replies"]
    assert reply["body"] == "Rétablir votre RDV du jeudi 7 janvier à 10h00 (Mairie) ? Répondez OUI ou NON."
    assert line.hears("oui") == ["taken_back"]
    assert line.part() == before
    assert line.desk.appointment("1")["status"] == "unknown"
    acts = line.desk.rows(select(audit).order_by(audit.c.id))
    assert [(row["act"], row["by"], row["way"]) for row in acts] == [
        ("cancelled", "usager", "sms"),
        ("cancellation_taken_back", "usager", "sms"),
    ]
    receipts = line.desk.rows(select(outgoing_messages).where(outgoing_messages.c.kind == "receipt"))
    assert "Répondez ERREUR au SMS dans les 15 minutes" in receipts[0]["body"]
    assert [row["calendar_method"] for row in receipts] == ["CANCEL", "PUBLISH"]
    assert "SEQUENCE:2" in receipts[1]["calendar"]
    assert line.hears("annuler dup", "oui") == ["confirm", "cancelled"]


def test_without_an_address_the_sms_tells_how(make_line: MakeLine) -> None:
    for minutes, tells in ((15, True), (0, False)):
        line = make_line(take_back_minutes=minutes)
        line.books(str(minutes), days=3 + minutes)
        line.hears("annuler dup", "oui")
        [reply] = line.newest()["replies"]
        assert reply["body"].endswith(" Une erreur ? Répondez ERREUR.") is tells
        assert (line.hears("erreur") == ["take_back"]) is tells


@pytest.mark.parametrize(("are_told", "others"), [(False, 0), (True, 2)])
def test_others_hear_that_it_stands_again_where_they_were_told(line: Line, are_told: bool, others: int) -> None:
    parts = tuple(
        participation(f"1-{each}", phone=phone, email=None, send_lifecycle_notifications=True)
        for each, phone in enumerate((PHONE, MARTIN, OTHER))
    )
    record = appointment("1", starts_at=NOW + timedelta(days=3), ends_at=None, participations=parts)
    line.desk.take(record, now=NOW - timedelta(days=30))
    line.hears("annuler dup", "oui")
    notices = outgoing_messages.c.kind == "notification"
    assert len(line.desk.rows(select(outgoing_messages).where(notices))) == 2
    if are_told:
        line.desk.run(update(outgoing_messages).where(notices).values(state="sent", attempts=1))
    assert line.hears("erreur", "oui") == ["take_back", "taken_back"]
    rows = line.desk.rows(select(outgoing_messages).where(notices).order_by(outgoing_messages.c.id))
    assert len(rows) == 2 + others
    assert [row["state"] for row in rows[:2]] == (["sent"] * 2 if are_told else ["refused"] * 2)
    for row in rows[2:]:
        assert row["body"].startswith("Finalement, votre RDV du jeudi 7 janvier à 10h00 (Mairie) a bien lieu")
    assert {line.desk.participations("1")[f"1-{each}"]["status"] for each in range(3)} == {"unknown"}


def test_only_what_their_usager_has_cancelled_and_nobody_has_changed(line: Line) -> None:
    line.books()
    line.hears("annuler dup", "oui", "erreur")
    line.desk.run(update(participations).values(status="revoked"))
    assert line.hears("oui") == ["not_taken_back"]
    line.desk.run(update(participations).values(status="excused", cancelled_by="agent"))
    assert line.hears("erreur") == ["no_appointment"]
    assert line.part()["status"] == "excused"


def test_who_hears_that_an_agent_has_cancelled_it_ends_the_time_to_take_it_back(line: Line) -> None:
    line.books()
    line.hears("annuler dup")
    agent = Canceller(Actor.AGENT, Via.CONSOLE, Status.REVOKED, hold=timedelta(seconds=20))
    number = line.part()["id"]
    line.database.write_now(lambda connection: line.service.door.cancel(connection, number, agent, line.now))
    assert line.part()["held_until"] == line.now + timedelta(seconds=20)
    assert line.hears("oui") == ["already_cancelled"]
    assert line.part()["held_until"] is None


@pytest.mark.anyio
async def test_of_a_yes_and_a_destruction_at_once_one_comes_first(line: Line) -> None:
    line.books()
    line.hears("annuler dup", "oui", "erreur")
    yes = Arrived(line.message("oui"), line.now + SECOND)
    await asyncio.gather(
        line.database.write(lambda connection: line.turn.take_together(connection, [yes])),
        line.database.write(lambda connection: destroy(connection, "rdvsp", "1", event_at=None, reason=None, now=NOW)),
    )
    part = line.part()
    assert part["removed_at"] is not None
    [reply] = line.newest()["replies"]
    assert ("nous gardons" in reply["body"]) == (part["status"] == "unknown")
