"""Usagers, agents here and there, RDV Service Public, lost answers, dying processes, webhooks and syncs, in any order.

In the end both sides agree, every usager who asked was told once how it ended, and nothing was told that was untrue
when it was written. A repeated attempt never changes what an agent has set there.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from smsbot.connected import carrying_attempt
from smsbot.demo.stand_ins.agenda_records import AgendaChange
from smsbot.model import Actor, Canceller, Status, Via
from smsbot.store.database import Database
from smsbot.store.tables import appointments, cancellation_requests, metadata, outgoing_messages, participations
from tests.connected.carried import (
    ANSWER_LOST,
    BEGINNINGS,
    DIES_AFTER,
    DIES_AT_COMMIT,
    DIES_BEFORE,
    MARTIN,
    NO_ANSWER,
    PHONE,
    REFUSED,
    SIGNED_OUT,
    Mishap,
    World,
)

LINK = Canceller(Actor.USAGER, Via.LINK)
API = Canceller(Actor.AGENT, Via.API, Status.REVOKED, agent="ada@one.fr")
ON_REQUEST = Canceller(Actor.AGENT, Via.CONSOLE, Status.EXCUSED, agent="ada@one.fr")
CANCELLED = ("excused", "revoked")

FINE = Mishap()
MISHAPS = st.lists(
    st.sampled_from([FINE, FINE, NO_ANSWER, ANSWER_LOST, DIES_BEFORE, DIES_AFTER, DIES_AT_COMMIT, REFUSED, SIGNED_OUT]),
    max_size=4,
)
PHONES = st.sampled_from([PHONE, MARTIN])


@cache
def _empty_file() -> Path:
    """A database with all tables. Copying it is much faster than making the tables."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    file = Path(folder) / "empty.db"
    with closing(Database(f"sqlite:///{file}")) as database:
        metadata.create_all(database.engine)
    return file


class AnyInterleaving(RuleBasedStateMachine):
    """Two telephones, up to three appointments that the agenda owns, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        file = Path(self.folder.name) / "smsbot.db"
        shutil.copyfile(_empty_file(), file)
        self.database = Database(f"sqlite:///{file}")
        self.world: World | None = None
        self.seen = 0
        self.posted: list[AgendaChange] = []

    def teardown(self) -> None:
        with closing(self.database), self.folder:
            if self.world is not None:
                try:
                    self._settle(self.world)
                finally:
                    self.world.close()

    @initialize(data=st.data(), number=st.integers(1, 3), notifies=st.booleans())
    def begin(self, data: st.DataObject, number: int, notifies: bool) -> None:
        world = self.world = World(self.database, rdvsp_notifies=notifies)
        world.api.on_change = self._is_about_to_change
        for _ in range(number):
            people = data.draw(st.sampled_from([("Dupont",), ("Dupont", "Martin"), ("Martin",), ("Dupont", "Dupont")]))
            days = data.draw(st.sampled_from([0.25, 0.5, 3, 4]))
            world.books(*people, in_days=days, collectif=data.draw(st.booleans()))

    @property
    def there(self) -> World:
        assert self.world is not None
        return self.world

    def _rdvs(self) -> list[int]:
        return [rdv.id for rdv in self.there.agenda.between(None, None)]

    # Usagers, and agents here -----------------------------------------------------------------------------------------

    @rule(phone=PHONES)
    def asks_to_cancel(self, phone: str) -> None:
        replies = self.there.hears("annuler dup" if phone == PHONE else "annuler mar", phone=phone)
        if replies == ["choose"]:
            replies = self.there.hears("1", phone=phone)
        if replies == ["confirm"]:
            self.there.hears("oui", phone=phone)

    @rule(phone=PHONES, mishaps=MISHAPS, seconds=st.sampled_from([0, 1, 40]))
    def takes_back_what_was_just_carried(self, phone: str, mishaps: list[Mishap], seconds: int) -> None:
        self.asks_to_cancel(phone)
        self.there.carries(*mishaps, after=timedelta(seconds=seconds))
        self.takes_back(phone)

    @rule(phone=PHONES)
    def takes_back(self, phone: str) -> None:
        if self.there.hears("erreur", phone=phone) == ["take_back"]:
            self.there.hears("oui", phone=phone)

    @rule(phone=PHONES, text=st.sampled_from(["ANNULER", "oui", "non", "dup", "mar", "1", "je viens", "erreur", "?"]))
    def writes(self, phone: str, text: str) -> None:
        self.there.hears(text, phone=phone)

    @precondition(lambda self: self._rdvs())
    @rule(data=st.data(), canceller=st.sampled_from([LINK, API, ON_REQUEST]))
    def cancels_by_another_way(self, data: st.DataObject, canceller: Canceller) -> None:
        rdv = data.draw(st.sampled_from(self._rdvs()))
        known = {row["external_id"] for row in self.there.known(rdv)}
        places = [place for place, part in enumerate(self.there.parts(rdv)) if str(part) in known]
        whole = [None] if canceller.by is Actor.AGENT else []
        if places or whole:
            self.there.cancels(rdv, canceller, data.draw(st.sampled_from([*places, *whole])))

    # The agenda -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._rdvs())
    @rule(data=st.data(), status=st.sampled_from(["seen", "noshow", "revoked", "excused", "unknown"]))
    def an_agent_there_notes(self, data: st.DataObject, status: str) -> None:
        rdv = data.draw(st.sampled_from(self._rdvs()))
        parts = self.there.parts(rdv)
        if parts:
            self.there.agenda.set_status(data.draw(st.sampled_from(parts)), status)

    @precondition(lambda self: self._rdvs())
    @rule(data=st.data(), hours=st.sampled_from([5, 30, 100]))
    def an_agent_there_moves(self, data: st.DataObject, hours: int) -> None:
        rdv = data.draw(st.sampled_from(self._rdvs()))
        self.there.agenda.move(rdv, self.there.now + timedelta(hours=hours))

    @precondition(lambda self: self._rdvs())
    @rule(data=st.data(), how=st.sampled_from(["destroys", "removes", "adds"]))
    def an_agent_there_changes_who_comes(self, data: st.DataObject, how: str) -> None:
        rdv, agenda = data.draw(st.sampled_from(self._rdvs())), self.there.agenda
        parts = self.there.parts(rdv)
        if how == "destroys":
            agenda.destroy(rdv)
        elif how == "adds":
            user = agenda.add_user(last_name="Martin", phone_number_formatted=MARTIN, email="martin@example.org")
            agenda.add_participant(rdv, user)
        elif len(parts) > 1:
            agenda.remove_participant(data.draw(st.sampled_from(parts)))

    # Between the two --------------------------------------------------------------------------------------------------

    @rule(mishaps=MISHAPS)
    def carries(self, mishaps: list[Mishap]) -> None:
        self.there.carries(*mishaps)

    @rule()
    def is_started_anew(self) -> None:
        self.there.start()

    @precondition(lambda self: self.world is not None and self.there.pending)
    @rule(data=st.data())
    def some_webhooks_come(self, data: st.DataObject) -> None:
        pending = self.there.pending
        places = data.draw(st.lists(st.integers(0, len(pending) - 1), min_size=1, max_size=3, unique=True))
        self.posted += [pending[place] for place in places]
        self.there.posts(*places)

    @precondition(lambda self: self.posted)
    @rule(data=st.data())
    def a_webhook_comes_again(self, data: st.DataObject) -> None:
        self.there.pending.append(data.draw(st.sampled_from(self.posted)))
        self.there.posts(len(self.there.pending) - 1)

    @precondition(lambda self: self._rdvs())
    @rule(data=st.data())
    def a_sync_reads(self, data: st.DataObject) -> None:
        self.there.syncs(data.draw(st.sampled_from(self._rdvs())))

    @rule()
    def is_read_again(self) -> None:
        self.there.rereads()

    @rule(seconds=st.sampled_from([1, 7, 40, 400, 4000, 20_000]))
    def time_passes(self, seconds: int) -> None:
        self.there.now += timedelta(seconds=seconds)

    # What holds -------------------------------------------------------------------------------------------------------

    def _is_about_to_change(self, participation: int, before: str) -> None:
        """A status is about to be changed there for us."""
        its = select(participations.c.appointment_id).where(participations.c.external_id == str(participation))
        under_way = cancellation_requests.c.leased_until > self.there.now
        requests = [
            row
            for row in self.there.rows(select(cancellation_requests).where(under_way))
            if row["appointment_id"] in {each["appointment_id"] for each in self.there.rows(its)}
        ]
        taking_back = any(row["status"] == "unknown" for row in requests)
        if taking_back:
            assert before == "excused", "only an usager's cancellation is taken back"
        elif any(row["attempts"] > 1 for row in requests):
            assert before == "unknown", "a repetition never overrides an agent"
        assert before != "excused" or requests, "nothing is changed there that nobody asked for"

    @invariant()
    def what_is_told_is_true(self) -> None:
        if self.world is None:
            return
        newer = select(outgoing_messages).where(outgoing_messages.c.id > self.seen).order_by(outgoing_messages.c.id)
        for row in self.there.rows(newer):
            self.seen = row["id"]
            if row["channel"] == "sms":
                self._holds(row)

    def _holds(self, row: dict[str, Any]) -> None:
        body, told = row["body"], None
        for beginning, name in BEGINNINGS.items():
            told = name if body.startswith(beginning) else told
        if told is None or row["participation_id"] is None:
            return
        its = select(participations).where(participations.c.id == row["participation_id"])
        [part] = self.there.rows(its)
        rdv = self.there.agenda.rdv_of(int(part["external_id"]))
        status = None if rdv is None else rdv.statuses[int(part["external_id"])]
        match told:
            case "cancelled":
                assert status in CANCELLED, "annulé is told only when it is so there"
            case "registered" | "under way":
                assert any(
                    each["appointment_id"] == part["appointment_id"]
                    and each["requested_at"] <= row["created_at"]
                    and (each["finished_at"] is None or each["finished_at"] >= row["created_at"])
                    for each in self.there.requests()
                )
            case "moved":
                assert status == "unknown"
            case "taken back":
                assert status == "unknown" or self._was_never_sent(row), "rétabli is told only when it is so there"
            case "taking back registered" | "taking back under way":
                assert any(
                    each["appointment_id"] == part["appointment_id"]
                    and each["status"] == "unknown"
                    and each["requested_at"] <= row["created_at"]
                    and (each["finished_at"] is None or each["finished_at"] >= row["created_at"])
                    for each in self.there.requests()
                )
            case "revoked":
                assert status == "revoked"
            case "held":
                assert rdv is not None
                assert {"seen", "noshow"} & set(rdv.statuses.values())

    def _was_never_sent(self, row: dict[str, Any]) -> bool:
        """Whether this message says that a cancellation is taken back of which the source has never heard."""
        before = [
            each
            for each in self.there.requests()
            if each["appointment_id"] == row["appointment_id"]
            and each["state"] == "withdrawn"
            and each["status"] == "excused"
            and each["attempts"] == 0
        ]
        return bool(before)

    def _is_taken_back(self, request: dict[str, Any]) -> bool:
        """Whether the usager took the cancellation back before its request had ended. Then they are told of the taking
        back.
        """
        collective = self.there.rows(
            select(appointments.c.collective).where(appointments.c.id == request["appointment_id"])
        )[0]["collective"]
        return request["status"] == "excused" and any(
            each["status"] == "unknown"
            and each["id"] > request["id"]
            and each["appointment_id"] == request["appointment_id"]
            and (not collective or each["participation_id"] == request["participation_id"])
            and (request["finished_at"] is None or each["requested_at"] <= request["finished_at"])
            for each in self.there.requests()
        )

    @invariant()
    def each_request_is_answered_once(self) -> None:
        if self.world is None:
            return
        replies = self.there.rows(select(outgoing_messages).where(outgoing_messages.c.in_reply_to.is_not(None)))
        for request in self.there.requests():
            if request["in_reply_to"] is None:
                continue
            bodies = [row["body"] for row in replies if row["in_reply_to"] == request["in_reply_to"]]
            registered = [body for body in bodies if body.startswith("Demande enregistrée")]
            assert len(registered) <= 1
            is_answered = request["state"] != "waiting" and not self._is_taken_back(request)
            assert len(bodies) - len(registered) == is_answered

    def _settle(self, world: World) -> None:
        """From here on nothing fails: open requests end, webhooks arrive, and both sides have the same state."""
        for _ in range(40):
            world.carries()
            world.now += timedelta(minutes=1)
            if all(row["state"] != "waiting" for row in world.requests()):
                break
        self.what_is_told_is_true()
        self.each_request_is_answered_once()
        assert {row["state"] for row in world.requests()} <= {"done", "refused", "overtaken", "given_up", "withdrawn"}
        assert not any(row["cancellation_requested_at"] for row in world.rows(select(participations)))
        assert not any(row["taking_back_requested_at"] for row in world.rows(select(participations)))
        world.posts()
        world.now += timedelta(minutes=11)
        for rdv in self._rdvs():
            world.syncs(rdv)
        world.rereads()
        self.what_is_told_is_true()
        for rdv in self._rdvs():
            here = {row["external_id"]: row["status"] for row in world.known(rdv) if row["removed_at"] is None}
            assert here == {str(part): status for part, status in world.agenda.rdv(rdv).statuses.items()}
            assert world.row(rdv)["starts_at"] == world.agenda.rdv(rdv).starts_at


AnyInterleaving.TestCase.settings = settings(max_examples=15, stateful_step_count=30)
TestAnyInterleaving = AnyInterleaving.TestCase
carrying_attempt.NOT_SHOWN_AGAIN_SECONDS = 0.0
