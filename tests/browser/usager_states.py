"""All pages for usagers, in every state that they can have."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from playwright.sync_api import BrowserContext

from tests.web.usager_site import NOW, Site

POLICY: dict[str, Any] = {
    "motifs": {
        "78": {"warning": "Sans ce rendez-vous, votre dossier peut être suspendu."},
        "79": {"may_be_cancelled": False},
        "80": {"rebook_url": "https://rdv.example.fr/prendre_rdv?motif={motif_id}"},
    }
}
"""What `smsbot.toml` says, for the states below that need it."""

_LATE = {"starts_at": NOW + timedelta(hours=3)}
_LONG = {
    "label": "Rendez-vous de suivi",
    "place_name": "Maison départementale des solidarités de Saint-Remy-en-Bouzemont-Saint-Genest-et-Isson",
    "place_address": "Zone d’activité Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch, 51290",
    "motif_external_id": "78",
}


@dataclass(frozen=True)
class State:
    """One page in one state.

    `step` is its path below the link. With several `participants` the appointment is individual.
    """

    step: str = ""
    letters_given: bool = False
    appointment: dict[str, Any] = field(default_factory=dict)
    participation: dict[str, Any] = field(default_factory=dict)
    participants: int = 1
    request: str | None = None  # the state of the usager's request to a connected source

    def open_to(self, context: BrowserContext, site: Site) -> str:
        """Make this state, and return the address at which the browser finds it."""
        appointment = site.appointment(**self.appointment)
        mine, *_others = [site.participation(appointment, **self.participation) for _ in range(self.participants)]
        if self.request is not None:
            site.request(appointment, mine, self.request)
        if self.letters_given:
            proof = site.proofs.proof(mine, site.clock.now)
            context.add_cookies([{"name": "lettres", "value": proof, "url": site.public_url}])
        return site.links.url_for(mine) + self.step


STATES = {
    "letters": State(),
    "letters-wrong": State("?lettres=fausses#erreur", participation={"wrong_answers": 1, "wrong_answer_at": NOW}),
    "letters-last-try": State("?lettres=fausses#erreur", participation={"wrong_answers": 2, "wrong_answer_at": NOW}),
    "letters-missing": State("?lettres=absentes#erreur"),
    "letters-again": State("?lettres=encore#erreur"),
    "letters-too-late": State(appointment=_LATE),
    "letters-barred": State(appointment={"motif_external_id": "79"}),
    "locked": State(participation={"locked_until": NOW + timedelta(hours=24)}),
    "paused": State(participation={"unread_answers": 3, "unread_answer_at": NOW}),
    "over": State(appointment={"starts_at": NOW - timedelta(days=1)}),
    "unknown": State("x"),
    "appointment": State("/rdv", letters_given=True, appointment={"label": "RDV social"}),
    "appointment-long": State("/rdv", letters_given=True, appointment=_LONG),
    "appointment-at-home": State("/rdv", letters_given=True, appointment={"location_type": "home"}),
    "appointment-collective": State("/rdv", letters_given=True, appointment={"collective": True}),
    "appointment-too-late": State("/rdv", letters_given=True, appointment=_LATE),
    "appointment-barred": State("/rdv", letters_given=True, appointment={"motif_external_id": "79"}),
    "appointment-no-telephone": State(
        "/rdv", letters_given=True, appointment={"organisation": {"phone_number": None, "verticale": "rdv_mairie"}}
    ),
    "already-cancelled": State("/rdv", letters_given=True, participation={"status": "excused"}),
    "already-cancelled-by-service": State("/rdv", letters_given=True, participation={"status": "revoked"}),
    "confirmation": State("/confirmation", letters_given=True),
    "confirmation-warning": State("/confirmation", letters_given=True, appointment=_LONG, participants=2),
    "confirmation-moved": State("/confirmation?deplace", letters_given=True),
    "cancelled": State("/annule", letters_given=True, participation={"status": "excused"}),
    "cancelled-rebook": State(
        "/annule",
        letters_given=True,
        appointment={
            "motif_external_id": "80",
            "bookable_by_everyone": True,
            "organisation": {"verticale": "rdv_aide_numerique"},
        },
        participation={"status": "excused"},
    ),
    "requested": State("/rdv", letters_given=True, participation={"cancellation_requested_at": NOW}),
    "requested-refused": State("/rdv", letters_given=True, request="refused"),
    "requested-overtaken": State("/rdv", letters_given=True, appointment=_LATE, request="overtaken"),
    "kept": State("/maintenu", letters_given=True),
}

LEGAL = ("accessibilite", "mentions-legales", "donnees-personnelles")
