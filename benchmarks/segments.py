"""How many reminders take one segment: 1,000 appointments with names and places of usual French lengths.

    python -m benchmarks.segments

The appointments are always the same. A reminder has several texts, each shorter than the one before, which are tried in
this order. For each text the benchmark reports how many reminders use it, because it is the first that fits one
segment.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from smsbot.messages.appointment_facts import AppointmentText
from smsbot.messages.sms import LEAST_IN_SHORT, LEAST_KEPT, SmsTexts
from smsbot.messages.templates import template_environment
from smsbot.signing import Links

NUMBER = 1000
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
ADDRESSES = ("https://rdv.example.fr", "https://sms.rdv-departement.fr", "https://rendezvous.agglo-des-lacs.example.fr")

_KINDS = (
    *("Mairie", "Mairie annexe", "Hôtel de ville", "CCAS", "Centre communal d’action sociale", "Centre social"),
    *("MDS", "Maison des solidarités", "Maison départementale des solidarités", "Maison du département", "UTAS"),
    *("France Services", "Espace France Services", "Médiathèque", "PMI", "Centre de PMI", "Point d’accueil"),
    *("Maison de l’emploi", "Mission locale", "Espace insertion", "Conseiller numérique", "Maison de quartier"),
)
_TOWNS = (
    *("Arras", "Lens", "Béthune", "Saint-Omer", "Boulogne-sur-Mer", "Hénin-Beaumont", "Lyon 3e", "Villeurbanne"),
    *("Bron", "Vénissieux", "Rillieux-la-Pape", "Sainte-Foy-lès-Lyon", "Paris 18e", "Montreuil", "Saint-Denis"),
    *("Aulnay-sous-Bois", "Le Blanc-Mesnil", "Noisy-le-Grand", "Toulouse", "Castelnau-d’Estrétefonds", "Albi"),
    *("Villefranche-de-Rouergue", "Le Puy-en-Velay", "Clermont-Ferrand", "Riom", "Saint-Germain-en-Laye", "Meaux"),
    *("Fontainebleau", "Quimper", "Brest", "Châteaulin", "La Roche-sur-Yon", "Nantes", "Saint-Herblain", "Rezé"),
    *("Pointe-à-Pitre", "Fort-de-France", "Saint-Denis de La Réunion", "Mamoudzou", "Cayenne", "Ajaccio"),
)
_QUARTERS = ("", "", "", " Centre", " Sud", " Nord", " Les Tilleuls", " Jean-Jaurès", " Antenne République", " Bât. B")
_LABELS = ("RDV", "RDV", "RDV", "RDV", "RDV passeport", "RDV carte d’identité", "RDV RSA", "Atelier CV", "Permanence")


def appointments(seed: int = 2026) -> Iterator[tuple[AppointmentText, str]]:
    """The appointments, each with the public address of the service that sends the reminder."""
    draw = random.Random(seed)
    for _ in range(NUMBER):
        place = f"{draw.choice(_KINDS)} {draw.choice(_TOWNS)}{draw.choice(_QUARTERS)}"
        day = NOW + timedelta(days=draw.randrange(1, 60))
        text = AppointmentText(
            day.replace(hour=draw.randrange(7, 16), minute=draw.choice((0, 15, 30, 45))),
            label=draw.choice(_LABELS),
            place=place if draw.random() > 0.05 else None,
            at_home=draw.random() < 0.05,
            collective=draw.random() < 0.08,
            telephone=draw.choice(("0321000000", "3949", None)),
        )
        yield text, draw.choice(ADDRESSES)


def values_of(text: AppointmentText, address: str, number: int, *, two_way: bool) -> dict[str, object]:
    """The values for the template of a reminder."""
    link = Links("a key of the benchmark, of 32 bytes or more", address).url_for(number)
    return {"appointment": text, "link": link, "two_way": two_way, "cancellable": True}


def measure(*, two_way: bool) -> Counter[str]:
    """How many reminders use which text."""
    texts = SmsTexts(template_environment(now=lambda: NOW))
    told: Counter[str] = Counter()
    for number, (text, address) in enumerate(appointments(), start=100_000):
        values = values_of(text, address, number, two_way=two_way)
        sms = texts.write_reminder(values, asks=False)
        told[_which(texts, values) if sms.segments == 1 else "two segments"] += 1
    return told


def _which(texts: SmsTexts, values: dict[str, object]) -> str:
    if texts.write_in_one("reminder", values):
        return f"whole, names of {LEAST_KEPT} septets or more"
    if texts.write_in_one("reminder_short", values):
        return "in short"
    if texts.write_in_one("reminder_short", values, least=LEAST_IN_SHORT):
        return f"in short, names of {LEAST_IN_SHORT} septets or more"
    return "in short, without the link"


def main() -> None:
    for two_way in (True, False):
        told = measure(two_way=two_way)
        one = NUMBER - told["two segments"]
        print(f"{'answered by ANNULER or link' if two_way else 'by link alone'}: {one} of {NUMBER} take one segment")
        for which, number in told.most_common():
            print(f"    {number:4} {which}")


if __name__ == "__main__":
    main()
