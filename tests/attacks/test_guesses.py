"""Many guesses of the three letters at the same moment."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
from sqlalchemy import select

from smsbot.signing import Links
from smsbot.store.database import Database
from smsbot.store.tables import participations
from tests.attacks.form import TIMES, chance
from tests.walks.running import Service, rdv, user

AT_ONCE = 40
_NUMBERS = itertools.count(500)


def appointment(target: Service) -> tuple[int, str]:
    """A new appointment of Mme Zyx: the id of its participation, and her telephone."""
    number = next(_NUMBERS)
    phone = f"+3361235{number:04d}"
    person = user(number, last_name="Zyxel", phone_number=phone, phone_number_formatted=phone, email=None)
    assert target.post_rdv(rdv(number, person)).status_code == 200
    with closing(Database(target.database_url)) as database:
        of_phone = select(participations.c.id).where(participations.c.phone == phone)
        return database.read_now(lambda connection: connection.execute(of_phone).scalar_one()), phone


def guesses(count: int) -> list[str]:
    draw = chance("guesses")
    return ["".join(draw.choices("ABCDEFGHIJKLMNOPQRSTUVW", k=3)) for _ in range(count)]


def state(target: Service, participation_id: int) -> tuple[int, bool, str]:
    with closing(Database(target.database_url)) as database:
        this = select(participations).where(participations.c.id == participation_id)
        row = database.read_now(lambda connection: connection.execute(this).one())
    return row.wrong_answers, row.locked_until is not None, row.status


def test_by_link_three_are_evaluated_however_many_come_at_once(target: Service) -> None:
    mine, _ = appointment(target)
    link = Links(target.environment["SMSBOT_SECRET_KEY"], target.url).url_for(mine)

    def guess(letters: str) -> int:
        return httpx.post(link, data={"lettres": letters}, timeout=60).status_code

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(guess, guesses(AT_ONCE * 2 * TIMES)))
    assert set(answers) <= {303, 403}
    assert state(target, mine) == (3, True, "unknown")
    assert guess("ZYX") == 403  # locked, even with the right letters


def test_by_sms_three_are_evaluated_however_many_come_at_once(target: Service) -> None:
    mine, phone = appointment(target)
    target.asks("annuler", phone)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda text: target.sends(text, phone).status_code, guesses(AT_ONCE)))
    assert set(answers) == {200}
    assert state(target, mine) == (3, True, "unknown")


def test_by_both_ways_together(target: Service) -> None:
    mine, phone = appointment(target)
    link = Links(target.environment["SMSBOT_SECRET_KEY"], target.url).url_for(mine)
    target.asks("annuler", phone)

    def guess(numbered: tuple[int, str]) -> int:
        number, letters = numbered
        if number % 2:
            return target.sends(letters, phone).status_code
        return httpx.post(link, data={"lettres": letters}, timeout=60).status_code

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert set(threads.map(guess, enumerate(guesses(AT_ONCE)))) <= {200, 303, 403}
    assert state(target, mine) == (3, True, "unknown")


def test_french_words_and_politeness_are_tries_too(target: Service) -> None:
    """Any word of letters counts as a try, whatever name is recorded, so that nobody can guess without being
    counted.
    """
    mine, _ = appointment(target)
    link = Links(target.environment["SMSBOT_SECRET_KEY"], target.url).url_for(mine)
    for letters in ("bon svp", "les merci", "par"):
        httpx.post(link, data={"lettres": letters}, timeout=60)
    assert state(target, mine)[:2] == (3, True)
