"""`smsbot demo --connected`, as a user plays it."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from smsbot.demo import play, stage
from tests import forked


def hasty() -> None:
    """The agenda that is slow answers sooner, and is waited for less long."""
    patch.object(play, "SLOW_SECONDS", 2.0).start()
    patch.object(stage, "PATIENCE_SECONDS", 0.4).start()


@pytest.mark.parametrize(
    ("typed", "told", "noted", "untold"),
    [
        (
            ("ANNULER", "DUP", "OUI", "/agenda", "exit", "/agenda"),
            ["C'est annulé : votre RDV"],
            ["annulé par l’usager"],
            ["enregistrée"],
        ),
        (
            ("/lent", "ANNULER", "DUP", "OUI", "/agenda", "quit", "/agenda"),
            ["Demande enregistrée : annuler votre RDV", "C'est annulé : votre RDV"],
            ["annulé par l’usager"],
            ["pas pu annuler"],
        ),
        (
            ("/refus", "ANNULER", "DUP", "OUI", "/agenda", "/quitter", "/agenda"),
            ["Nous n'avons pas pu annuler votre RDV"],
            ["prévu", "prévu", "prévu"],
            ["C'est annulé"],
        ),
    ],
    ids=["at once", "slow", "refused"],
)
def test_it_plays_with_the_agenda(
    tmp_path: Path, typed: tuple[str, ...], told: list[str], noted: list[str], untold: list[str]
) -> None:
    keys = "\n".join(typed) + "\n"
    before = hasty if "/lent" in typed else None
    played = forked.finished(("demo", "--connected"), os.environ, tmp_path, 120, typed=keys, before=before)
    assert played.returncode == 0, played.stderr
    assert "RDV Service Public, imité lui aussi, tient l’agenda" in played.stdout
    said = played.stdout.partition("OUI\n")[2]
    places = [said.find(each) for each in told]
    assert -1 not in places
    assert places == sorted(places)
    assert not [each for each in untold if each in said]
    assert said.count("Agenda de RDV Service Public") == 1  # input after the end is ignored
    agenda = said.rpartition("Agenda de RDV Service Public")[2]
    assert agenda.count(noted[0]) == len(noted)
