"""After a yes to another day, hour, place or person, the bot asks again; a yes to the same one is a yes."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from smsbot.understanding import Answer, Asked, read_confirmation
from tests.lines import every_line

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 5, 4)  # a Monday
ASKED = Asked(datetime(2026, 5, 7, 10, 0, tzinfo=PARIS), TODAY, "Mairie de Lyon", ("Léo",))  # a Thursday
BESIDE = Asked(datetime(2026, 5, 12, 14, 30, tzinfo=PARIS), TODAY, "MDS Bellevue", ("Inès",))  # a Tuesday

ANOTHER = """
    oui celui de mardi
    oui annulez celui de mardi
    oui celui de onze heures
    oui annulez celui de quatorze heures
    oui annulez le douze
    oui annulez celui du douze mai
    oui annule celui du 12
    oui le 12
    oui annulez mar 12
    oui annulez demain
    oui pour demain
    oui celui d'après-demain
    oui annulez celui de la semaine prochaine
    oui annulez le rdv de la semaine prochaine
    oui annulez le rdv de juin
    oui annulez celui de juin
    oui annulez celui du soir
    oui annulez celui de l'après-midi
    oui annulez celui de midi
    oui annulez à midi
    oui annulez celui de Bellevue
    oui à Bellevue
    oui annulez à Bellevue
    oui annulez le rdv de Bellevue
    oui à la MDS
    oui annulez mon rdv à la mds
    oui annulez celui d'Inès
    oui annulez pour Inès
    oui inès
    oui annulez le rdv d'Inès
    oui celui de mon père
    oui annulez celui de ma femme
    oui le taxi
    oui annulez le taxi
    oui annulez le train
    oui annulez le bus
    oui annulez la livraison
    oui annulez à Villeurbanne
    oui annulez celui de Villeurbanne
    oui annulez mon rdv à Villeurbanne
    oui annulez le rdv à la gare
    oui les deux
    oui annulez le 2
    oui annulez le 1
    oui annulez le deuxième
    oui le premier
    oui annulez le dernier
    oui annulez l'autre
    oui annulez plutôt celui de mardi
    oui jeudi 14
    oui annulez jeudi 14
    oui annulez jeudi 14h30
    oui celui de jeudi 14h30
    oui annulez celui du 7 juin
    oui annulez celui du 7/6
    oui à 11h
    oui annulez 14h30
    oui annulez le rdv de 14h30
    oui 14h30
    oui celui du 3 janvier
    oui annulez le 3 janvier
    oui annulez mardi svp
    oui annulez lundi
    oui annulez celui de hier
    oui annulez le rdv du mois prochain
    oui annulez celui dans 8 jours
    oui annulez dans une semaine
    oui annulez le mardi
    oui annulez celui de mardi pas jeudi
    oui annulez tout sauf jeudi
    oui annulez celui de la préfecture
    oui annulez celui du docteur
    oui annulez celui chez le dentiste
    oui annulez au CCAS
    oui annulez mon rdv de la mission locale
    """
ANOTHER_OF_TWO = """
    oui annulez les deux
    oui annulez tous
    oui annulez bellevue
    """
THE_SAME = """
    oui celui de jeudi
    oui celui de jeudi 10h
    oui celui du 7
    oui celui du 7 mai
    oui annulez celui de jeudi
    oui annulez jeudi
    oui annulez celui de 10h
    oui annulez celui de dix heures
    oui annulez celui du sept mai
    oui annulez celui du jeudi 7 mai à 10h
    oui annulez le rdv de jeudi
    oui annulez le rendez-vous du 7 mai
    oui celui de Léo
    oui annulez celui de Léo
    oui annulez celui de mon fils Léo
    oui celui de la mairie
    oui annulez celui de la mairie
    oui annulez mon rdv à la mairie
    oui annulez celui de Lyon
    oui annulez celui de jeudi matin
    oui annulez celui du matin
    oui, annulez le rdv de jeudi 10h à la mairie de Lyon
    oui annulez le 7 mai
    ok annulez jeudi merci
    oui je ne peux pas venir jeudi
    oui annulez jeudi je travaille
    oui annulez j'ai un empêchement jeudi
    """


def _lines(table: str) -> list[str]:
    return [line.strip() for line in table.strip().splitlines()]


@every_line("text", _lines(ANOTHER))
def test_a_yes_to_another_is_asked_again(text: str) -> None:
    assert read_confirmation(text, ASKED) is Answer.UNCLEAR
    assert read_confirmation(text, ASKED, beside=(BESIDE,)) is Answer.UNCLEAR


@every_line("text", _lines(ANOTHER_OF_TWO))
def test_a_yes_to_another_of_two_is_asked_again(text: str) -> None:
    assert read_confirmation(text, ASKED, beside=(BESIDE,)) is Answer.UNCLEAR


@every_line("text", _lines(THE_SAME))
def test_a_yes_to_the_same_is_a_yes(text: str) -> None:
    assert read_confirmation(text, ASKED) is Answer.YES
    assert read_confirmation(text, ASKED, beside=(BESIDE,)) is Answer.YES
