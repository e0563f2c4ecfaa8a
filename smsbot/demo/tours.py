"""The guided tours: what each step points at, and what it does. The sentences are in `templates/demo/tours.html`, under
the names of tour and step.

A step is shown first; its act is done when the person continues. A person could do all acts in the page too:

    sms        the chosen telephone writes this text
    forward    the clock is set forward by so many seconds
    source     how RDV Service Public answers from now on
    console    the agents' console goes to this path
    fill       fields of the console's form, by name; then the button with the value `press` is pressed
    telephone  another telephone is chosen
    mail       the newest e-mail is opened
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from smsbot.demo.town.townspeople import JEAN, SOPHIE, Townsperson
from smsbot.messages.french_dates import local
from smsbot.model import DEFAULT_TIME_ZONE


@dataclass(frozen=True, slots=True)
class TourStep:
    """A step. `panel` is the id of the part of the page that it points at."""

    name: str
    panel: str
    act: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tour:
    """A tour. It begins with the telephone of `who`, on a new stage."""

    name: str
    who: Townsperson
    steps: tuple[TourStep, ...]
    connected: bool = False


def tours(now: datetime) -> tuple[Tour, ...]:
    """The three tours, with the dates of the town for `now`."""
    tomorrow = local(now, DEFAULT_TIME_ZONE).date() + timedelta(days=1)
    return (
        Tour(
            "usager",
            SOPHIE,
            (
                TourStep("rappel", "telephone", {"sms": "ANNULER"}),
                TourStep("lettres", "telephone", {"sms": "DUP"}),
                TourStep("question", "telephone", {"sms": "Oui merci"}),
                TourStep("annule", "telephone", {"mail": "newest"}),
                TourStep("recu", "courrier", {"console": "/agents/rdv?voir=annules"}),
                TourStep("console", "console"),
                TourStep("dessous", "dessous"),
            ),
        ),
        Tour(
            "journee",
            JEAN,
            (
                TourStep("ouvrir", "console", {"console": f"/agents/ensemble?jour={tomorrow}"}),
                TourStep(
                    "choisir",
                    "console",
                    {"fill": {"acte": "annuler", "mot": "La mairie est fermée ce jour-là."}, "press": "apercu"},
                ),
                TourStep("relire", "console", {"fill": {}, "press": "faire"}),
                TourStep("raviser", "console", {"forward": 30}),
                TourStep("telephone", "telephone", {"mail": "newest"}),
                TourStep("courrier", "courrier"),
            ),
        ),
        Tour(
            "panne",
            SOPHIE,
            (
                TourStep("relie", "etat", {"source": "down"}),
                TourStep("coupe", "etat", {"sms": "ANNULER"}),
                TourStep("lettres", "telephone", {"sms": "DUP"}),
                TourStep("question", "telephone", {"sms": "OUI"}),
                TourStep("enregistre", "telephone", {"source": "none", "forward": 300}),
                TourStep("annule", "telephone"),
                TourStep("dessous", "dessous"),
            ),
            connected=True,
        ),
    )
