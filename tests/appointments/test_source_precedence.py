"""Tables: whether smsbot or the source decides about the status of a participation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from smsbot.appointments.intake.source_precedence import Standing, ending_here, standing, told_status
from smsbot.model import Status
from tests.lines import every_line

AT = datetime(2027, 1, 1, 12, tzinfo=UTC)
EARLIER = AT - timedelta(days=1)

OPEN = Standing(Status.UNKNOWN)
SEEN = Standing(Status.SEEN)
BY_USAGER_HERE = Standing(Status.EXCUSED, EARLIER, "usager", "sms")
BY_AGENT_HERE = Standing(Status.REVOKED, EARLIER, "agent", "api")
BY_SOURCE = Standing(Status.REVOKED, EARLIER, "agent", "webhook")
CAME_CANCELLED = Standing(Status.REVOKED)


@every_line(
    ("known", "told", "expected"),
    [
        (None, None, OPEN),
        (None, Status.SEEN, SEEN),
        (None, Status.REVOKED, CAME_CANCELLED),
        (OPEN, None, OPEN),
        (OPEN, Status.UNKNOWN, OPEN),
        (OPEN, Status.NOSHOW, Standing(Status.NOSHOW)),
        (OPEN, Status.REVOKED, Standing(Status.REVOKED, AT, "agent", "webhook")),
        (OPEN, Status.EXCUSED, Standing(Status.EXCUSED, AT, "agent", "webhook")),
        (SEEN, Status.EXCUSED, Standing(Status.EXCUSED, AT, "agent", "webhook")),
        # the source may undo and correct what it did
        (BY_SOURCE, Status.UNKNOWN, OPEN),
        (BY_SOURCE, None, BY_SOURCE),
        (BY_SOURCE, Status.EXCUSED, Standing(Status.EXCUSED, EARLIER, "agent", "webhook")),
        (CAME_CANCELLED, Status.UNKNOWN, OPEN),
        # what was cancelled here stands
        *[(here, told, here) for here in (BY_USAGER_HERE, BY_AGENT_HERE) for told in (None, *Status)],
    ],
)
def test_how_a_participation_stands(known: Standing | None, told: Status | None, expected: Standing) -> None:
    assert standing(known, told, None, AT) == expected


@every_line("told", [None, *Status])
def test_where_the_appointment_has_ended_here_everybody_has(told: Status | None) -> None:
    assert standing(None, told, BY_USAGER_HERE, AT) == BY_USAGER_HERE
    assert standing(OPEN, told, BY_USAGER_HERE, AT) == BY_USAGER_HERE
    assert standing(BY_SOURCE, told, BY_USAGER_HERE, AT) == BY_SOURCE


LATER_BY_SOURCE = Standing(Status.REVOKED, AT, "agent", "webhook")


@every_line(
    ("status", "collective", "participations", "expected"),
    [
        (Status.UNKNOWN, False, [BY_USAGER_HERE], None),
        (Status.EXCUSED, False, [BY_USAGER_HERE], BY_USAGER_HERE),
        (Status.EXCUSED, False, [BY_SOURCE, BY_USAGER_HERE], BY_USAGER_HERE),
        (Status.REVOKED, False, [BY_SOURCE], None),
        (Status.REVOKED, False, [], None),
        (Status.REVOKED, True, [], None),
        (Status.UNKNOWN, True, [BY_AGENT_HERE, BY_USAGER_HERE], None),
        (Status.REVOKED, True, [BY_USAGER_HERE, BY_AGENT_HERE], None),  # at the same moment: the first is the usager's
        (Status.REVOKED, True, [BY_AGENT_HERE, CAME_CANCELLED], BY_AGENT_HERE),
        (Status.REVOKED, True, [BY_USAGER_HERE, LATER_BY_SOURCE], None),
        (Status.REVOKED, True, [BY_AGENT_HERE, LATER_BY_SOURCE], None),
        (Status.REVOKED, True, [BY_USAGER_HERE], None),
    ],
)
def test_whether_an_appointment_has_ended_here(
    status: Status, collective: bool, participations: list[Standing], expected: Standing | None
) -> None:
    assert ending_here(status, collective, participations) == expected


@every_line(
    ("participation", "appointment", "collective", "expected"),
    [
        (Status.UNKNOWN, Status.REVOKED, False, Status.REVOKED),
        (Status.UNKNOWN, Status.EXCUSED, False, Status.EXCUSED),
        (Status.UNKNOWN, Status.SEEN, False, Status.UNKNOWN),
        (Status.EXCUSED, Status.REVOKED, False, Status.EXCUSED),
        (Status.EXCUSED, Status.UNKNOWN, False, Status.EXCUSED),
        (None, Status.REVOKED, False, Status.REVOKED),
        (None, Status.SEEN, False, Status.SEEN),
        (None, None, False, None),
        (Status.UNKNOWN, None, False, Status.UNKNOWN),
        (Status.UNKNOWN, Status.REVOKED, True, Status.UNKNOWN),
        (None, Status.REVOKED, True, None),
    ],
)
def test_what_the_source_says_of_a_participation(
    participation: Status | None, appointment: Status | None, collective: bool, expected: Status | None
) -> None:
    assert told_status(participation, appointment, collective=collective) == expected
