"""Choosing from several appointments: by number, order, day, hour, place or first name, by many writers; never a wrong
one.
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from smsbot.understanding import Asked, Choice, ChoiceReading, read_choice
from tests.lines import every_line

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2025, 11, 24)  # a Monday
MORNING = Asked(datetime(2025, 11, 27, 9, 0, tzinfo=PARIS), TODAY, "Mairie annexe de Lyon", ("Léo",))  # a Thursday
AFTERNOON = Asked(datetime(2025, 12, 5, 14, 30, tzinfo=PARIS), TODAY, "MDS Bellevue", ("Marie-Laure",))  # a Friday
TWO = (MORNING, AFTERNOON)
# a Tuesday and the next one, in the same place, seen from the Friday before
ALIKE = (
    Asked(datetime(2025, 12, 2, 10, 15, tzinfo=PARIS), date(2025, 11, 28), "CCAS Jean Moulin", ("Sofia",)),
    Asked(datetime(2025, 12, 9, 16, 0, tzinfo=PARIS), date(2025, 11, 28), "CCAS Jean Moulin", ("Yanis",)),
)

FIRST = """
    le premier des deux
    le tout premier
    jprends le 1
    jeudi et pas vendredi
    je garde le 2, annulez le 1
    à 9h le 27
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
    vendredi pas jeudi
    pas jeudi, vendredi
    je garde jeudi, annulez vendredi
    gardez celui de jeudi et annulez l'autre
    jeudi je le garde, l'autre vous pouvez l'annuler
    je garde Léo annulez Marie-Laure
    l'autre, vendredi
    je garde celui du 27 annulez celui du 5
    mais pas celui de jeudi, celui de vendredi
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


@every_line("text", _lines(FIRST))
def test_the_first_is_meant(text: str) -> None:
    assert read_choice(text, TWO) == ChoiceReading(Choice.NUMBER, 1)


@every_line("text", _lines(SECOND))
def test_the_second_is_meant(text: str) -> None:
    assert read_choice(text, TWO) == ChoiceReading(Choice.NUMBER, 2)


ASKED_AGAIN = """
    je garde jeudi
    pas jeudi
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


@every_line("text", _lines(ASKED_AGAIN))
def test_what_fits_none_or_several_is_asked_again(text: str) -> None:
    reading = read_choice(text, TWO)
    assert reading.number not in (1, 2)
    assert reading.meaning not in (Choice.NO, Choice.MORE)


# Longer lists. Each line: the number that is meant, 0 for asked again; and what is written ----------------------------

FOUR_FROM = date(2026, 3, 10)  # a Tuesday
FOUR = (
    Asked(datetime(2026, 3, 12, 8, 30, tzinfo=PARIS), FOUR_FROM, "CCAS de Villeurbanne", ("Inès",)),  # Thursday
    Asked(datetime(2026, 3, 16, 11, 0, tzinfo=PARIS), FOUR_FROM, "Mairie du 3e", ("Karim",)),  # Monday
    Asked(datetime(2026, 3, 18, 15, 45, tzinfo=PARIS), FOUR_FROM, "Maison du Rhône Gerland", ("Karim",)),  # Wednesday
    Asked(datetime(2026, 4, 2, 16, 0, tzinfo=PARIS), FOUR_FROM, "CCAS de Villeurbanne", ("Josiane",)),  # Thursday
)
THREE_FROM = date(2026, 9, 21)  # a Monday
THREE = (
    Asked(datetime(2026, 9, 22, 10, 15, tzinfo=PARIS), THREE_FROM, "Maison des Solidarités Monplaisir", ("Kévin",)),
    Asked(datetime(2026, 9, 25, 13, 30, tzinfo=PARIS), THREE_FROM, "France Services Vénissieux", ("Awa",)),  # Friday
    Asked(datetime(2026, 10, 7, 17, 0, tzinfo=PARIS), THREE_FROM, "Mairie de Décines", ("Awa", "Bakary")),  # Wednesday
)
NEAR_FROM = date(2026, 1, 15)  # a Thursday
NEAR = (
    Asked(datetime(2026, 1, 17, 9, 0, tzinfo=PARIS), NEAR_FROM, "Maison de quartier Ozanam", ("Rayan",)),  # Saturday
    Asked(datetime(2026, 2, 3, 15, 30, tzinfo=PARIS), NEAR_FROM, "PMI Croix-Rousse", ("Jade",)),  # Tuesday
)
OF_NEAR = """
    1|samedi
    1|samedi matin svp
    1|jveu celui de samdi
    1|celui de ce samedi
    1|sam 17
    1|17 janvier
    1|le dix sept janvier
    1|17/1
    1|le 17 au matin
    1|9h du matin
    1|dans deux jours
    1|après demain
    1|celui de cette semaine
    1|rayan
    1|celui a Rayan
    1|le rdv de rayan
    1|celui d'ozanam
    1|ozanam
    1|a la maison de quartier
    1|le 1 svp madame
    1|le prochain
    1|premier
    1|je suis pas la samedi
    1|annulez samedi svp je travaille
    1|celui de janvier
    1|bonsoir celui du samedi 17 s'il vous plait merci
    1|LE SAMEDI
    2|mardi
    2|mardi 3
    2|mardi 3 fevrier
    2|mar 3 fev
    2|3/2
    2|03/02/26
    2|le trois février
    2|celui de fevrier
    2|le mois prochain
    2|15h30
    2|15h et demi
    2|quinze heures trente
    2|3h30
    2|trois heures et demie
    2|trois heure et demi de laprem
    2|la pmi
    2|celui de la pmi
    2|croix rousse
    2|à la croix-rousse
    2|jade
    2|celui pour ma petite Jade
    2|pr jade
    2|celui de l'après midi
    2|l'aprem
    2|le 2eme
    2|le dernier
    2|celui d'en bas
    2|mardi j'y serai pas
    2|on peut pas mardi
    2|supprimé mardi
    2|celui du mardi je ne peux pas
    2|mardi 15h30 pmi
    2|le plus lointain
    2|celui du 3
    0|lundi
    0|le 18
    0|16h
    0|jeudi
    0|celui de la mairie
    0|celui de Sofia
    0|les 2
    0|je sais pas
    0|samedi ou mardi peu importe
    0|mardi je peux samedi non
    0|samedi c'est bon pour nous
    0|on vient samedi
    0|17 février
    0|3 mars
    0|demain
    0|rayan mardi
    0|samedi 3
    0|garder samedi
    0|mardi 9h
    0|pas celui de samedi l'autre
    """
OF_FOUR = """
    1|jeudi 12
    1|jeu 12 mars
    1|le 12
    1|cé celui du 12 mars svp
    1|8h30
    1|huit heures trente
    1|8h et demi
    1|celui de 8h30 au ccas
    1|inès
    1|pour Ines
    1|celui d'Inès
    1|le prems
    1|le tout 1er
    1|le plus tôt merci
    1|12/3
    1|12.03
    0|jeudi
    0|ccas
    0|celui du ccas
    0|villeurbanne
    1|jeudi matin
    4|jeudi aprem
    4|jeudi après midi
    4|le jeudi 2
    4|jeudi 2 avril
    4|02/04
    4|2 avril
    4|le deux avril
    4|avril
    4|celui d'avril
    4|rdv davril
    4|16h
    4|seize heures
    4|à 4h
    4|4 heures de l'après-midi
    4|josiane
    4|celui de Josiane
    4|celui pour Josiane svp
    4|rendez vous de josiane
    4|le dernier de la liste
    4|tout en bas
    4|le 4eme
    4|quatre
    2|lundi
    2|lundi 16
    2|lundi 16 mars à 11h00
    2|lun 16/03
    2|lun.
    2|londi
    2|11h
    2|11 heure
    2|onze heures
    2|onze heure du matin
    2|celui de onze heures
    2|mairie
    2|la mairie
    2|celui à la mairie du 3e
    2|a la meri
    2|mairie du 3
    2|lundi pro
    2|lundi prochain
    2|lundi 11h
    2|le rendez-vous de lundi matin s'il vous plait
    2|j'veux annuler lundi
    2|lundi jpeux pas
    2|c'est celui de lundi que j'annule
    2|le numéro 2 celui de lundi
    2|2 lundi
    2|le 2, lundi
    2|le 16
    2|16 mars
    2|seize mars
    2|le seize
    3|mercredi
    3|mercredi 18
    3|mer 18
    3|mercredi après midi
    3|mecredi
    3|merkredi
    3|15h45
    3|16h moins le quart
    3|quinze heures quarante cinq
    3|15:45
    3|trois heures quarante-cinq
    3|gerland
    3|celui de Gerland
    3|maison du rhone
    3|a gerland stp
    3|18/03
    3|18 mars 2026
    3|le dix huit
    3|le dix-huit mars
    3|dix huit mars
    3|celui du mercredi 18 a 15h45 a gerland
    3|le 3
    3|3eme
    3|celui de karim mercredi
    2|celui de karim lundi
    3|karim gerland
    0|karim
    0|celui de karim
    3|celui de 15h45 pour karim
    0|celui du 3e
    0|vendredi
    0|le 13
    0|13/03
    0|10h
    0|celui de Lyon
    0|le mien
    0|celui de ma mère
    0|inès lundi
    0|lundi et mercredi
    0|lundi ou mercredi
    0|tous ceux de karim
    0|les 2 jeudi
    0|tous
    0|les deux de karim
    0|pas lundi
    0|je garde lundi
    0|tout sauf lundi
    0|lundi je viens
    0|lundi oui mercredi non
    0|mercredi je peux
    0|celui de la gare
    0|celui du matin
    0|le matin
    0|semaine prochaine
    1|cette semaine
    0|mars
    1|apres demain
    1|après-demain matin
    0|demain
    0|dans 6 jours c'est bon
    2|dans 6 jours
    0|le deuxième jeudi
    0|le premier de karim
    0|le 1er karim
    0|changez lundi pour mardi
    0|lundi plutôt mardi
    0|lundi ça m'arrange
    0|lundi c'est à quelle heure
    0|c'est lequel lundi
    3|annulez celui du mercredi merci beaucoup
    3|bonjour madame je voudrais annuler celui du mercredi merci
    3|je ne viendrai pas mercredi
    3|mercredi je suis pas là
    1|le 12 jsuis pas dispo
    3|enlevez mercredi
    3|supprimer le 3
    2|vous pouvez annuler celui de lundi
    2|vous pouvez annuler lundi svp ?
    2|annulé lundi
    2|anule le rdv de lundi
    2|lundi svp 🙏
    3|celui de mercredi 👍
    1|1⃣
    4|jeudi 16h
    1|jeudi 8h30
    1|jeudi a 8h
    4|jeudi en avril
    3|mercredi 15h45 Karim
    2|le lundi
    2|pour lundi
    2|celui prévu lundi
    2|celui qui est lundi
    2|celui du lundi 16 Mars 2026 à 11 h 00
    2|lundi16
    3|mercredi18
    2|LUNDI !!!
    2|lundiii
    3|meeercredi
    2|Lundi.
    2|lundi,merci
    4|2/4
    4|le 2/4
    2|sui de lundi
    2|chui pas la lundi
    3|mercredi cest pas possible pour moi
    """
OF_THREE = """
    1|celui de demain
    1|demain svp
    1|demin
    1|mardi matin
    1|mardi
    1|mard
    1|le rdv de mardi a dix heures et quart
    1|10h15
    1|10 h 15
    1|10h et quart
    1|dix heures quinze
    1|dix heure
    1|celui de 10h
    1|a 10h15 demain
    1|monplaisir
    1|a monplaisir
    1|la maison des solidarités
    1|kevin
    1|celui de mon fils kevin
    1|pr kevin
    1|le 22
    1|22 septembre
    1|22/09
    1|22/9 10h15
    1|mardi 22
    1|mar 22/09
    1|Mar. 22
    1|le mardi
    1|je prend mardi
    1|je choisi celui de mardi
    1|ok pour mardi annulez
    1|celui de mardi svp merci d avance
    1|C'est celui du mardi 22 septembre que je souhaite annuler
    1|Je souhaite annuler le rendez-vous de mardi, cordialement Mme Dupont
    1|mardi j'ai un empechement
    1|annulez demain svp
    2|vendredi
    2|vendredi 25
    2|ven 25 sept
    2|vendredi 25 septembre à 13h30
    2|13h30
    2|13h 30
    2|treize heures trente
    2|1h30
    2|une heure et demie
    2|une heure et demi de l'apres midi
    2|vendredi aprem
    2|vendredi apm
    2|vendredi en début d'après midi
    2|france service
    2|france services
    2|celui de venissieux
    2|a vénissieu
    2|vénissieux vendredi
    2|celui d'awa vendredi
    2|le 25
    2|vingt cinq
    2|le vingt-cinq septembre
    2|le 2eme rdv
    2|deuxième
    2|le deuzième
    2|second svp
    2|dans 4 jours
    2|vendredi de cette semaine
    2|cette semaine vendredi
    2|vendredi c'est pas possible
    2|j'annule celui de vendredi parce que je travaille
    2|ce vendredi
    2|vendrredi
    2|vendredu
    3|mercredi
    3|mercredi 7
    3|mercredi 7 octobre
    3|mer 7 oct
    3|le 7
    3|7
    3|le 7/10
    3|7 oct 17h
    3|07/10/2026
    3|07/10/26
    3|le sept octobre
    3|le sept
    3|octobre
    3|celui d'octobre
    3|17h
    3|17 heures
    3|dix-sept heures
    3|dix sept heures
    3|5h du soir
    3|cinq heures du soir
    3|le soir
    3|decines
    3|a la mairie
    3|celui de la mairie
    3|mairie décine
    3|bakary
    3|celui de Bakary stp
    3|le dernier
    3|dernier
    3|ledernier
    3|le plus tard
    3|le plus eloigné
    3|tout en bas
    3|troisième
    3|le troisieme svp
    3|3e
    3|trois
    3|celui du mois prochain
    3|le mois d'octobre
    0|jeudi
    0|samedi
    0|le 23
    0|celui d'awa
    0|awa
    0|le matin ou l'aprem
    0|11h
    0|14h30
    0|celui de lyon
    0|bron
    0|celui de la semaine prochaine
    0|les trois
    0|tous les trois
    0|mardi et mercredi
    0|mardi + vendredi
    0|vendredi sinon mercredi
    0|je viens mardi
    0|mardi je viens
    0|mardi ok pour moi
    0|ok pour mardi
    0|à mardi
    0|c'est bon pour mardi
    0|je serai la mercredi
    0|gardez mercredi
    0|garde vendredi
    0|pas vendredi
    0|aucun sauf vendredi
    0|mardi ça va
    0|avancer mercredi
    0|decaler vendredi a jeudi
    0|vendredi plutot le matin
    0|vendredi 10h15
    0|mardi 13h30
    0|mardi 25
    0|22 octobre
    0|le rdv de ma soeur
    0|le mien
    0|25 ou 22
    0|22 et 25
    0|mardi ?
    0|à quelle heure mardi
    0|c'est quoi celui de vendredi
    0|kevin vendredi
    0|celui de bakary mardi
    """


OF_ALIKE = """
    1|le 2 décembre
    1|mardi 2
    1|10h15
    1|dix heures quinze
    1|10h et quart
    1|celui de 10h
    1|le matin
    1|mardi matin
    0|mardi prochain
    1|mardi 2/12
    1|02/12
    1|2 déc
    1|celui du mardi 2
    1|celui pour sofia
    1|ma fille sofia
    1|sofia svp
    1|annulez celui de Sofia merci
    1|le 1
    1|1
    1|premier
    1|le 1er rdv
    1|le premier svp
    1|c'est le premier
    1|je choisis le premier
    1|jprend le 1
    1|le n 1
    0|celui de mardi prochain
    1|celui de 10 h 15
    1|10:15
    1|à 10h15 le 2
    1|celui d'en premier
    1|le plus proche
    1|la semaine prochaine
    1|semaine prochaine
    1|le rdv de sofia au CCAS
    1|mardi à 10h15 au ccas
    1|je garde celui du 9 annulez celui du 2
    1|pas celui de yanis celui de sofia
    1|pas le 9 le 2 décembre
    1|celui dans 4 jours
    1|numero 1 svp
    1|Le 02/12/2025
    1|réponse 1
    1|le tout premier
    1|1)
    1|1.
    1|(1)
    1|"1"
    1|un
    1|1 merci
    2|le 9
    2|mardi 9
    2|mardi 9 décembre
    2|9/12
    2|09 12
    2|16h
    2|16 heures
    2|seize heures
    2|4h de l'aprem
    2|4h
    2|à 16h
    2|l'aprem
    2|l'après-midi
    2|celui de l'apres midi
    2|le 2
    2|2
    2|deuxième
    2|second
    2|le dernier
    2|yanis
    2|celui de mon fils yanis
    2|pour yanis
    2|Yanis !
    2|annuler yanis
    2|le 9 à 16h
    2|dans 11 jours
    2|le rdv de yanis svp
    2|mardi en 8
    2|le 9 dec svp
    2|je veux garder celui de Sofia, annulez Yanis
    2|sofia je garde annulez l'autre
    2|mardi après-midi
    2|2eme svp
    2|le deux
    2|deux
    2|2e
    2|numéro deux
    0|mardi
    0|au ccas
    0|celui de décembre
    0|le ccas jean moulin
    0|jean
    0|les 2
    0|tous
    0|aucun
    0|celui de mercredi
    0|à 11h
    0|le 15
    0|je sais plus lequel
    0|vous choisissez
    """


@every_line(
    ("offered", "line"),
    [
        *((FOUR, line) for line in _lines(OF_FOUR)),
        *((THREE, line) for line in _lines(OF_THREE)),
        *((NEAR, line) for line in _lines(OF_NEAR)),
        *((ALIKE, line) for line in _lines(OF_ALIKE)),
    ],
)
def test_which_of_a_longer_list_is_meant(offered: tuple[Asked, ...], line: str) -> None:
    number, text = line.split("|")
    reading = read_choice(text, offered)
    if number == "0":
        assert reading.number is None or not 1 <= reading.number <= len(offered)
        assert reading.meaning is not Choice.MORE
    else:
        assert reading == ChoiceReading(Choice.NUMBER, int(number))


@every_line(
    ("text", "number"),
    [("le dernier", None), ("le premier", None), ("le plus tôt", None), ("le 5", 5), ("le sixième", 6)],
)
def test_order_on_the_second_page_is_asked_again(text: str, number: int | None) -> None:
    six = tuple(Asked(datetime(2026, 5, day, 9, tzinfo=PARIS)) for day in range(11, 17))
    assert read_choice(text, six, range(5, 7)).number == number
