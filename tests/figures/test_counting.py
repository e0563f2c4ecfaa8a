"""The figures, counted in SQL on both engines. They stay after the people are erased."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smsbot.figures.counting import figures
from smsbot.figures.results import EARLY_ENOUGH, Figures, Lead, Month
from smsbot.model import Via
from smsbot.retention.person import ContactAddress
from smsbot.retention.personal_rights import forget
from smsbot.retention.purging import purge
from smsbot.store.tables import organisations, participations
from tests.retention.people import World, days

MAY = Month(2026, 5)
AT = datetime(2026, 5, 12, 9, 30, tzinfo=UTC)
LATER = AT + days(400)
A = "+33612345678"
TWO_DAYS = timedelta(days=2)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def count(
    world: World, *months: Month, only: Sequence[int] | None = None, early_enough: timedelta = EARLY_ENOUGH
) -> list[Figures]:
    return world.database.read_now(
        lambda connection: figures(connection, months or [MAY], organisation_ids=only, early_enough=early_enough)
    )


def one(world: World) -> Figures:
    (only,) = count(world)
    return only


def cancelled(
    world: World,
    organisation: int | None,
    *,
    at: datetime = AT,
    lead: timedelta = TWO_DAYS,
    way: str = "sms",
    status: str = "excused",
    people: int = 1,
    **appointment: Any,
) -> None:
    """An appointment that was cancelled `lead` before its start, for each of `people`."""
    whole = world.appointment(at + lead, organisation, **appointment)
    for number in range(people):
        ended = {"status": status, "cancelled_at": at, "cancelled_way": way, "cancelled_by": "usager"}
        world.participation(whole, f"Dupont-{number}", A, None, **ended)


class TestCancellations:
    def test_by_way(self, world: World) -> None:
        here = world.organisation()
        for number, way in enumerate(Via, start=1):
            for _ in range(number):
                cancelled(world, here, way=way.value)
        assert one(world).cancellations_by_way == {way: number for number, way in enumerate(Via, start=1)}
        assert one(world).cancellations == 21

    def test_what_is_only_requested_is_none(self, world: World) -> None:
        here = world.organisation()
        cancelled(world, here)
        whole = world.appointment(AT + TWO_DAYS, here)
        world.participation(whole, "Dupont", A, None, cancellation_requested_at=AT)
        assert (one(world).cancellations, one(world).freed_early) == (1, 1)

    @pytest.mark.parametrize(
        ("lead", "bucket"),
        [
            (hours(-1), Lead.BEGUN),
            (hours(0), Lead.BEGUN),
            (timedelta(seconds=1), Lead.UNDER_4_HOURS),
            (hours(4) - timedelta(seconds=1), Lead.UNDER_4_HOURS),
            (hours(4), Lead.UNDER_24_HOURS),
            (hours(24) - timedelta(seconds=1), Lead.UNDER_24_HOURS),
            (hours(24), Lead.UNDER_48_HOURS),
            (hours(48), Lead.UNDER_7_DAYS),
            (hours(168) - timedelta(seconds=1), Lead.UNDER_7_DAYS),
            (hours(168), Lead.FROM_7_DAYS),
            (days(300), Lead.FROM_7_DAYS),
        ],
    )
    def test_by_hours_before_the_appointment(self, world: World, lead: timedelta, bucket: Lead) -> None:
        cancelled(world, world.organisation(), lead=lead)
        assert one(world).cancellations_by_lead == {each: int(each is bucket) for each in Lead}
        assert one(world).freed_early == int(lead >= hours(24))

    def test_what_the_service_revokes_frees_no_place(self, world: World) -> None:
        cancelled(world, world.organisation(), status="revoked", way="console")
        assert (one(world).cancellations, one(world).freed_early) == (1, 0)

    def test_how_early_is_early_enough_can_be_chosen(self, world: World) -> None:
        cancelled(world, world.organisation(), lead=hours(48))
        assert [count(world, early_enough=hours(each))[0].freed_early for each in (47, 48, 49)] == [1, 1, 0]

    def test_places_are_counted_not_people(self, world: World) -> None:
        here = world.organisation()
        cancelled(world, here, people=3)  # a family at one appointment
        cancelled(world, here, people=2, collective=True)
        assert one(world).cancellations == 3

    def test_what_was_taken_back_or_never_cancelled_does_not_count(self, world: World) -> None:
        here = world.organisation()
        cancelled(world, here, status="unknown")
        whole = world.appointment(AT + days(1), here)
        world.participation(whole, "Dupont", A, None, status="excused")  # before it was known here
        assert (one(world).cancellations, one(world).of_places("appointments")) == (0, 2)


class TestAppointments:
    def test_they_are_counted_where_and_when_they_begin(self, world: World) -> None:
        here = world.organisation()
        for starts_at, place in ((AT, "Annexe"), (AT, "Annexe"), (AT, None), (AT + days(30), "Annexe")):
            world.participation(world.appointment(starts_at, here, place_name=place), "Dupont", A, None)
        at_home = world.appointment(AT, here, location_type="home", place_name="12 rue de chez eux")
        world.participation(at_home, "Dupont", A, None)
        assert [(each.place, each.appointments) for each in one(world).places] == [("", 1), ("@home", 1), ("Annexe", 2)]

    def test_what_became_of_them(self, world: World) -> None:
        here = world.organisation()
        for values in (
            {"announced_at": AT - days(1)},
            {"announced_at": AT - days(1), "status": "revoked", "cancelled_at": AT},
            {"status": "excused", "cancelled_at": AT - hours(24)},
            {"status": "excused", "cancelled_at": AT - hours(23)},
            {"status": "excused"},
            {"status": "seen", "announced_at": AT - days(1)},
            {"status": "noshow"},
            {},
        ):
            world.participation(world.appointment(AT, here), "Dupont", A, None, **values)
        (place,) = one(world).places
        assert (place.appointments, place.appointments_cancelled, place.appointments_freed_early) == (8, 4, 1)
        assert (place.appointments_announced, place.appointments_seen, place.appointments_missed) == (2, 1, 1)

    def test_the_segments_of_a_place_are_those_written_in_the_month_about_its_appointments(self, world: World) -> None:
        here = world.organisation()
        office, next_month = world.appointment(AT, here, place_name="Annexe"), world.appointment(AT + days(30), here)
        world.participation(office, "Dupont", A, None)
        by_phone = world.appointment(AT + days(30), here, location_type="phone")
        for about, at, values in (
            (office, AT - days(2), {"segments": 2}),
            (office, AT, {"segments": 1}),
            (office, AT - days(40), {"segments": 4}),
            (office, AT, {"segments": 8, "state": "refused"}),
            (next_month, AT, {"segments": 16}),
            (by_phone, AT, {"segments": 32}),
        ):
            world.sent(A, at, appointment_id=about, **values)
        world.sent("sophie@example.fr", AT, appointment_id=office)
        figure = one(world)
        told = [(each.place, each.appointments, each.segments_at_place) for each in figure.places]
        assert told == [("", 0, 16), ("@phone", 0, 32), ("Annexe", 1, 3)]
        assert figure.segments == figure.of_places("segments_at_place") == 51

    def test_an_individual_one_is_one_place_and_a_collective_one_a_place_for_each(self, world: World) -> None:
        here = world.organisation()
        family, workshop = world.appointment(AT, here), world.appointment(AT, here, collective=True)
        for whole in (family, workshop):
            for number, status in enumerate(("noshow", "seen", "excused")):
                world.participation(whole, f"Dupont-{number}", A, None, status=status)
        world.participation(workshop, "Parti", A, None, removed_at=AT)
        world.participation(world.appointment(AT, here, destroyed_at=AT), "Détruit", A, None)
        (place,) = one(world).places
        assert (place.appointments, place.appointments_cancelled) == (4, 1)
        assert (place.appointments_seen, place.appointments_missed) == (2, 1)


class TestMessages:
    def test_how_long_agents_took(self, world: World) -> None:
        here = world.organisation()
        for waited in (timedelta(), hours(1) - timedelta(seconds=1), hours(1), hours(4), hours(24), days(9)):
            world.received(A, AT, organisation_id=here, for_agents=True, handled_at=AT + waited)
        world.received(A, AT, organisation_id=here, for_agents=True)
        assert list(one(world).answered.values()) == [2, 1, 1, 2]

    def test_received(self, world: World) -> None:
        here = world.organisation()
        for outcome, reason in (
            ("ask_letters", None),
            ("confirm", None),
            ("confirm_again", None),
            ("stopped", None),
            ("silence", "gateway took stop"),
            ("silence", "writes after stop"),
        ):
            world.received(A, AT, outcome=outcome, reason=reason, organisation_id=here)
        found = one(world)
        assert (found.understood, found.not_understood, found.not_read, found.stops) == (4, 1, 1, 2)

    def test_sent(self, world: World) -> None:
        about: dict[str, Any] = {"appointment_id": world.appointment(AT + days(2), world.organisation())}
        messages: tuple[dict[str, Any], ...] = (
            {"segments": 2},
            {"segments": 1, "delivery_status": "delivered"},
            {"segments": 1, "delivery_status": "undelivered"},
            {"state": "resting"},
            {"state": "refused", "error_code": "21211"},
            {"state": "refused", "error_code": "dropped"},
            {"state": "refused", "error_code": "erased"},
            {"state": "refused", "error_code": "overtaken"},
            {"state": "waiting"},
            {"state": "sending"},
        )
        for values in messages:
            world.sent(A, AT, **about, **values)
        world.sent("sophie@exemple.fr", AT, **about)
        world.sent("sophie@exemple.fr", AT, **about, state="refused")
        found = one(world)
        assert (found.sms_sent, found.segments, found.sms_failed) == (3, 4, 4)
        assert (found.emails_sent, found.emails_failed) == (1, 1)
        assert (found.sms_tried, found.emails_tried, found.reminders_sent) == (6, 2, 0)

    def test_reminders_among_them(self, world: World) -> None:
        coming = world.appointment(AT + days(2), world.organisation())
        about: dict[str, Any] = {"appointment_id": coming, "kind": "reminder"}
        world.sent(A, AT, **about)
        world.sent("sophie@exemple.fr", AT, **about)
        world.sent(A, AT, **about, state="refused", error_code="21211")
        assert (one(world).reminders_sent, one(world).sms_tried) == (2, 2)

    def test_what_belongs_to_no_organisation_has_a_line_of_its_own(self, world: World) -> None:
        world.received(A, AT, outcome="no_appointment")
        world.sent(A, AT)
        found = one(world)
        assert (found.organisation, found.not_read, found.sms_sent) == (None, 1, 1)
        assert count(world, only=[world.organisation()]) == []


class TestMonthsAndOrganisations:
    def test_a_month_is_that_of_the_organisations_zone(self, world: World) -> None:
        paris, reunion = (
            world.organisation(name="Paris"),
            world.organisation(time_zone="Indian/Reunion", name="Réunion"),
        )
        evening = datetime(2026, 4, 30, 21, 0, tzinfo=UTC)  # 23:00 in Paris, 1:00 on the first of May in La Réunion
        for here in (paris, reunion):
            world.received(A, evening, organisation_id=here)
        april, may = count(world, Month(2026, 4), MAY)
        assert april.organisation is not None
        assert (april.organisation.name, april.month) == ("Paris", Month(2026, 4))
        assert may.organisation is not None
        assert (may.organisation.name, may.month) == ("Réunion", MAY)

    def test_of_months_apart_what_is_between_is_left_out(self, world: World) -> None:
        here = world.organisation()
        for month in (4, 5, 6, 7):
            world.received(A, AT.replace(month=month), organisation_id=here)
        assert [each.month for each in count(world, Month(2026, 6), Month(2026, 4))] == [Month(2026, 4), Month(2026, 6)]
        assert count(world, Month(2025, 5)) == []

    def test_a_zone_that_nobody_knows_counts_as_paris(self, world: World) -> None:
        world.received(A, AT, organisation_id=world.organisation(time_zone="Mars/Olympus"))
        assert one(world).understood == 1

    def test_each_organisation_has_its_own_and_others_stay_out_of_sight(self, world: World) -> None:
        lyon, arras = world.organisation(name="Lyon"), world.organisation(name="Arras", external_id="12")
        cancelled(world, lyon)
        cancelled(world, arras)
        names = [each.organisation.name for each in count(world) if each.organisation]
        assert names == ["Arras", "Lyon"]
        (only,) = count(world, only=[arras])
        assert only.organisation is not None
        assert (only.organisation.source, only.organisation.external_id) == ("rdvsp", "12")
        assert count(world, only=[]) == []

    def test_no_month_has_no_figures(self, world: World) -> None:
        world.received(A, AT)
        assert world.database.read_now(lambda connection: figures(connection, [])) == []


class TestForgetting:
    def everything(self, world: World) -> int:
        here = world.organisation()
        cancelled(world, here, lead=hours(30))
        cancelled(world, here, way="link", people=2, collective=True)
        person = world.database.read_now(
            lambda connection: connection.execute(participations.select()).mappings().first()
        )
        assert person is not None
        about = {"appointment_id": person["appointment_id"], "participation_id": person["id"]}
        received = world.received(A, AT, "oui", outcome="cancelled", organisation_id=here, for_agents=True)
        world.received(A, AT, "retard", organisation_id=here, for_agents=True, handled_at=AT + hours(2))
        coming = world.appointment(AT + days(1), here, place_name="Annexe")
        world.participation(coming, "Sand", A, None, announced_at=AT, status="seen")
        world.sent(A, AT, kind="reminder", appointment_id=coming)
        world.received(A, AT, "hein", outcome="confirm_again", organisation_id=here)
        world.sent(A, AT, in_reply_to=received, **about)
        world.sent(A, AT, state="resting", **about)
        world.sent("sophie@exemple.fr", AT, **about)
        world.sent(A, AT, state="waiting", **about)
        return here

    def test_the_purge_leaves_the_figures_as_they_are(self, world: World) -> None:
        here = self.everything(world)
        before = count(world)
        assert before[0].cancellations == 3
        purged = asyncio.run(purge(world.database, LATER - days(90), LATER))
        assert not purged.is_empty
        assert A not in world.told()
        assert count(world) == count(world, only=[here]) == before

    def test_so_does_a_request_to_be_erased(self, world: World) -> None:
        self.everything(world)
        before = count(world)
        world.database.write_now(lambda connection: forget(connection, ContactAddress(phone=A), LATER))
        assert A not in world.told()
        assert count(world) == before


def test_nobody_is_in_them(world: World) -> None:
    here = world.organisation()
    cancelled(world, here)
    world.change(organisations, here, name="CCAS de Lyon")
    told = repr(count(world))
    assert "CCAS de Lyon" in told
    assert "Dupont" not in told
    assert A not in told
