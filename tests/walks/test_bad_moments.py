"""What usagers get if the service was down or the gateway's answer was lost, in the real process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from unittest.mock import patch

import pytest

from smsbot.demo.stand_ins.http_stand_in import StandInFault
from smsbot.demo.stand_ins.twilio_stand_in import TwilioStandIn
from smsbot.outbox import doubt
from tests.walks.running import OUR_NUMBER, PHONE, Service, rdv

MakeService = Callable[..., Service]


def without_callbacks() -> None:
    """Let the service read the gateway's records at once if a message is in doubt, without waiting for a callback."""
    patch.object(doubt, "CALLBACK_TIME", timedelta(0)).start()


def is_missed(service: Service, text: str) -> None:
    """Somebody writes while the service is down."""
    url = f"{service.url}/webhooks/twilio/sms"
    assert service.twilio.receive(url, from_=PHONE, to=OUR_NUMBER, text=text).result(30) is None


def test_what_came_while_the_service_was_down_is_answered_and_an_old_yes_asked_again(make_service: MakeService) -> None:
    service = make_service().start()
    service.post_rdv(rdv())
    service.kill()
    is_missed(service, "ANNULER")
    is_missed(service, "dup")
    service.start()
    asked = service.wait_for(PHONE, 2)
    assert "3 premières" in asked[0].body
    assert "OUI ou NON" in asked[1].body
    service.stop()
    is_missed(service, "OUI")
    service.start()
    again = service.wait_for(PHONE, 3)[2].body
    assert "OUI" in again
    assert "NON" in again
    assert "C'est annulé" not in again
    assert "C'est annulé" in service.asks("oui").body
    assert len(service.to(PHONE)) == 4


@pytest.mark.parametrize("takes", [True, False])
def test_an_answer_that_was_lost_costs_no_message_and_repeats_none(
    make_service: MakeService, twilio: TwilioStandIn, takes: bool
) -> None:
    service = make_service().start(before=without_callbacks)
    service.post_rdv(rdv())
    twilio.fail(StandInFault(status=500, acts=takes))
    assert "3 premières" in service.asks("ANNULER").body
    twilio.fail(StandInFault(cuts=True, acts=True))
    assert "OUI ou NON" in service.asks("dup").body
    assert "C'est annulé" in service.asks("oui").body  # as soon as the doubt is over
    assert len(service.to(PHONE)) == 3


def test_a_sender_keeps_its_rate(make_service: MakeService) -> None:
    toml = f'[channels."{OUR_NUMBER}"]\nmessages_per_second = 2\n'
    service = make_service(toml=toml).start()
    for number in range(5):
        service.sends("bonjour", f"+3361234560{number}")
    sent = [service.wait_for(f"+3361234560{number}", 1)[0].created_at for number in range(5)]
    assert 1.5 <= (max(sent) - min(sent)).total_seconds() < 6
