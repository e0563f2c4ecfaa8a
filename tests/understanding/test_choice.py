"""Which of several appointments: by number, order, day, hour, place or first name, in many hands; never a wrong one."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from smsbot.understanding import Asked, Choice, ChoiceReading, read_choice

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2025, 11, 24)  # a Monday
MORNING = Asked(datetime(2025, 11, 27, 9, 0, tzinfo=PARIS), TODAY, "Mairie annexe de Lyon", ("Léo",))  # a Thursday
AFTERNOON = Asked(datetime(2025, 12, 5, 14, 30, tzinfo=PARIS), TODAY, "MDS Bellevue", ("Marie-Laure",))  # a Friday
TWO = (MORNING, AFTERNOON)

FIRST = """
    1
    le 1
    le premier
    le 1er
    1er svp
    lpremier
    celui du haut
    le plus tôt
    le plus proche
    le prochain
    jeudi
    Jeudi
    JEUDI SVP
    celui de jeudi
    cui de jeudi
    slui de jeudi
    çui de jeudi
    celui la de jeudi
    jeu
    jeu.
    celui de jeu
    jeu 27
    jeu. 27/11
    jeudi 27
    le jeudi 27 novembre
    jeudit
    jedi
    jeudi prochain
    ce jeudi
    jeudi matin
    le 27
    27
    le 27 nov
    27 nov.
    27/11
    le 27/11 à 9h
    27-11
    27.11
    27/11/2025
    le vingt sept
    le vingt-sept novembre
    27novembre
    celui du 27
    c le 27
    rdv du 27
    le rdv du 27 merci
    annulez celui du 27
    je veux annuler celui du 27
    bonjour, celui de jeudi svp
    Bonjour,\\nle rendez-vous du jeudi 27 novembre\\nCordialement
    9h
    9 h
    9h00
    9 h 00
    09h00
    9:00
    a 9h
    à 9 heures
    neuf heures
    neuf heure
    celui de 9h
    celui de neuf heures
    le rdv de 9h
    celui du matin
    le matin
    celui de 9h du mat
    celui de novembre
    celui de cette semaine
    dans 3 jours
    celui de la mairie
    à la mairie
    a lyon
    celui de lyon
    à l'annexe
    celui a la mairie annexe
    celui de Léo
    léo
    pour leo
    celui de mon fils Léo
    jeudi je peux pas
    jeudi je travaille
    oui celui de jeudi
    ok jeudi
    celui de jeudi 9h a la mairie
    numero 1
    rdv 1
    """
SECOND = """
    2
    le 2
    2e
    le deuxieme
    le 2eme
    le second
    le dernier
    ledernier
    le tout dernier
    celui du bas
    le plus tard
    le plus loin
    vendredi
    vandredi
    celui de vandredi
    vendredie
    cui de vendredi
    ven
    ven.
    ven 5
    ven. 5 déc
    vendredi 5
    vendredi 5 décembre
    vendredi prochain
    le vendredi 5/12
    celui de vendredi 14h30
    le 5
    5
    celui du 5
    le cinq décembre
    5 dec
    5/12
    05/12
    05 12
    le 05.12
    14h30
    14H30
    14 h 30
    14:30
    14.30
    14h
    quatorze heures trente
    14 heures 30
    2h30
    deux heures et demie
    celui de 14h30
    celui de 2h30 de l'après midi
    l'après-midi
    celui de l aprem
    l'aprem
    celui de décembre
    de la semaine prochaine
    celui de la semaine pro
    a la mds
    mds
    bellevue
    celui de Bellevue
    à la MDS Bellevue
    Marie-Laure
    celui de marie laure
    pour Marie Laure svp
    celui de ma fille Marie-Laure
    deux
    n°2
    option 2
    je prends le 2
    celui de vendredi, merci
    vendredi c'est mort
    on annule vendredi
    supprimez celui de vendredi
    le rdv du vendredi
    Le rendez-vous de vendredi s'il vous plaît
    friday
    viernes
    celui de l'apres-midi vendredi
    """


def _lines(table: str) -> list[str]:
    return [line.strip().replace("\\n", "\n") for line in table.strip().splitlines()]


@pytest.mark.parametrize("text", _lines(FIRST))
def test_the_first_is_meant(text: str) -> None:
    assert read_choice(text, TWO) == ChoiceReading(Choice.NUMBER, 1)


@pytest.mark.parametrize("text", _lines(SECOND))
def test_the_second_is_meant(text: str) -> None:
    assert read_choice(text, TWO) == ChoiceReading(Choice.NUMBER, 2)


ASKED_AGAIN = """
    les deux
    lé deux
    les 2
    tous
    tous les deux
    1 et 2
    jeudi et vendredi
    jeudi ou vendredi
    celui de jeudi et celui de vendredi
    le 27 et le 5
    9h et 14h30
    mardi
    celui de mardi
    le 28
    le 27 décembre
    le 5 novembre
    5/11
    27/12
    27/11/2026
    jeudi 5
    vendredi 27
    jeudi 4 décembre
    10h
    9h30
    14h00
    14h15
    neuf heures et quart
    jeudi 14h30
    vendredi 9h
    jeudi à bellevue
    celui de léo à 14h30
    demain
    aujourd'hui
    celui de ce soir
    celui d'hier
    le soir
    celui de janvier
    dans 4 jours
    celui de paris
    à villeurbanne
    celui de la mairie de villeurbanne
    celui de Tom
    celui de mon père
    celui de ma fille
    le mien
    pas jeudi
    pas celui de jeudi
    tout sauf jeudi
    jeudi non
    ni jeudi ni vendredi ?
    je garde jeudi
    gardez celui de jeudi
    jeudi ?
    c'est où jeudi
    celui de jeudi c'est où ?
    à jeudi
    je viens jeudi
    je serai là jeudi
    jeudi si possible vendredi
    déplacez jeudi à vendredi
    plutôt vendredi matin
    avant 10h
    après le 27
    depuis jeudi
    l'avant dernier
    les derniers
    le 2 à 9h
    le 1 de vendredi
    le deuxième de jeudi
    en 9
    on sera 9
    j'ai 27 ans
    dans 27 jours
    """


@pytest.mark.parametrize("text", _lines(ASKED_AGAIN))
def test_what_fits_none_or_several_is_asked_again(text: str) -> None:
    reading = read_choice(text, TWO)
    assert reading.number not in (1, 2)
    assert reading.meaning not in (Choice.NO, Choice.MORE)
