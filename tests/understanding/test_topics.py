"""The topics of messages that the bot cannot handle; above all, messages that say clearly that somebody comes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from smsbot.understanding.moments import Asked
from smsbot.understanding.topics import Topic, is_bare_yes, read_topic
from tests.corpus.hands import ASKED, Line, lines
from tests.corpus.topics import table
from tests.lines import every_line

MONDAY = (Asked(datetime(2025, 11, 24, 14, 30, tzinfo=UTC), today=date(2025, 11, 23)),)


@every_line(
    "text",
    [
        *("je viens", "JE VIENS", "Oui je viens.", "je vien", "jserai la", "on vient", "nous serons présents"),
        *("présent", "Présente !", "oui je serai là", "OK j'y serai", "j'y serai merci", "👍 je serai là"),
        *("je confirme ma présence", "bonjour, je confirme ma venue", "je confirme le rdv", "je maintiens le rdv"),
        *("Merci du rappel, je serai là", "Bien noté, je serai présent", "je serai là à l'heure", "je viens inchallah"),
        *("n'annulez pas je viens", "Annulez surtout pas, je viens !", "oui je viens avec mes deux enfants"),
        "Bonjour, je serai présente.\nCordialement, Mme Dupont",
        # in one clause of several, where the others take nothing back
        *("mon enfant va mieux, donc on vient", "J'ai failli annuler mais finalement je viens", "non non j'y serai"),
        *("oubliez mon message, je viens bien", "je voulais annuler. Finalement non, je viens.", "on maintient le rdv"),
        *("mon train est annulé mais je serai là", "j'ai annulé le kiné pour pouvoir venir", "comptez sur moi"),
        *(
            "je viens accompagné de ma sœur",
            "je serai au rdv avec ma fille",
            "je viens avec la voiture",
            "on sera là avec le bébé et le carnet de santé",
            "gardez bien mon rdv svp",
        ),
        *("finalement je peux venir, ma mère garde le petit", "pas de souci je serai là pas besoin d'annuler"),
    ],
)
def test_a_clear_announcement(text: str) -> None:
    assert read_topic(text) is Topic.COMING
    assert read_topic(text, MONDAY) is Topic.COMING


@every_line(
    "text",
    ["à lundi", "oui à lundi 14h30", "je serai là lundi à 14h30", "je viens demain", "je serai présent le 24 novembre"],
)
def test_the_day_may_be_named_where_it_is_known_to_whom_is_asked(text: str) -> None:
    """Without an appointment to compare with, a day is not confirmed, and nothing is told about it."""
    assert read_topic(text, MONDAY) is Topic.COMING
    assert read_topic(text) is not Topic.COMING


@every_line(
    "text",
    [
        # conditional, hedged, asked
        *("je viens si mon bus roule", "sauf imprévu je viens", "je viendrai peut-être", "je viens normalement"),
        *("je pense venir", "je viens ?", "je peux venir avec mon bébé", "je viens ou pas", "j'y serais si je pouvais"),
        # negated, taken back, past
        *(
            "je ne viens pas",
            "je viens plus",
            "je serai pas là",
            "oui mais je viens pas",
            "pas présent",
            "je devais venir",
        ),
        *("je confirme mon absence", "je confirme l'annulation", "je confirme que je ne viens pas", "je viens annuler"),
        *(
            "ma présence n'est pas possible",
            "annulez ma présence",
            "je viens d'annuler",
            "je serais venu",
            "je devais venir",
        ),
        *(
            "je viens de rater mon bus",
            "je viens mais pas lundi",
            "je viens si vous confirmez",
            "je viens quand je peux",
        ),
        *("je garde mes enfants, annulez", "je garde la chambre", "je maintiens l'annulation", "ok pour annuler lundi"),
        *(
            "mon mari vient, moi non",
            "je confirme le rdv chez le kiné donc je peux pas venir",
            "je présente mes excuses",
        ),
        *("je serai là, enfin j'espère", "je viens. C'est où ?", "je viens lundi ou mardi", "je suis en rdv"),
        *("je ne veux plus vos sms mais je garde le rdv", "je vais rater le début mais je viens"),
        # at another one, with somebody else; without coming
        *("je suis au rdv avec l'école", "je serai au rdv avec l'école", "je suis au rdv", "présent en distanciel"),
        *("je viens en visio", "je serai là en visio", "je confirme ma présence en visio", "j'y serai en zoom"),
        # late, another day or hour
        *(
            "je viens en retard",
            "je viens à 16h",
            "je viens mardi",
            "je serai là le 25",
            "je viens la semaine prochaine",
        ),
        *(
            "je viens plus tôt",
            "je viens la semaine prochaine",
            "je viendrai un autre jour",
            "je suis libre lundi",
            "à bientôt",
        ),
        # of somebody else, about something else
        *("mon mari viendra", "elle vient", "il sera là", "dites que je viens", "je confirme le rdv de ma mère"),
        *("je viens chercher mon colis", "je viens pour l'autre rdv", "je viens à la place de ma soeur"),
        # no announcement at all, or one to people on the spot
        *("oui", "ok", "merci", "bonjour", "j'arrive", "je suis là", "je me gare", "n'annulez pas"),
    ],
)
def test_what_is_no_clear_announcement(text: str) -> None:
    assert read_topic(text, MONDAY) is not Topic.COMING
    assert read_topic(text) is not Topic.COMING


_NO_ANNOUNCEMENT = ("cancel", "absence", "move", "late", "question", "wrong", "machine", "stop", "other", "unsure")


@every_line("line", [line for line in lines("opening") if line.label in _NO_ANNOUNCEMENT])
def test_no_strangers_reply_is_mistaken_for_an_announcement(line: Line) -> None:
    assert read_topic(line.text, (ASKED,)) is not Topic.COMING
    assert read_topic(line.text) is not Topic.COMING


@every_line("line", [line for line in lines("confirmation") if line.label == "yes"])
def test_no_yes_to_cancelling_is_mistaken_for_an_announcement(line: Line) -> None:
    assert read_topic(line.text, (ASKED,)) is not Topic.COMING


@every_line(
    ("text", "topic"),
    [
        ("je serai en retard de 10 min", Topic.LATE),
        ("on arrive à 15h", Topic.LATE),
        ("METRO A L ARRET COMMENCEZ SANS MOI", Topic.LATE),
        ("je me gare", Topic.LATE),
        ("on peut décaler à jeudi ?", Topic.OTHER_DATE),
        ("reporT", Topic.OTHER_DATE),
        ("lundi non, mardi oui", Topic.OTHER_DATE),
        ("14h30 c chaud je préfère 18h", Topic.OTHER_DATE),
        ("c'est à quel étage", Topic.QUESTION),
        ("il faut quoi comme papiers ?", Topic.QUESTION),
        ("mauvais numéro", Topic.WRONG_NUMBER),
        ("Mon père est décédé en août", Topic.WRONG_NUMBER),
        ("merci bonne journée", Topic.THANKS),
        ("Je conduis. (Réponse automatique)", Topic.MACHINE),
        ("A aimé « Rappel : votre RDV »", Topic.MACHINE),
        ("vous êtes des incapables", Topic.OTHER),
        ("", Topic.OTHER),
    ],
)
def test_what_the_rest_is_about(text: str, topic: Topic) -> None:
    assert read_topic(text, MONDAY) is topic


@every_line("text", ["oui", "Ok", "OUI merci", "d'accord", "👍", "oui parfait merci bonne journée"])
def test_a_bare_yes(text: str) -> None:
    assert is_bare_yes(text)


@every_line("text", ["", "merci", "noté", "oui mais", "oui ?", "non", "oui annulez", "ok mardi", "bonjour"])
def test_no_bare_yes(text: str) -> None:
    assert not is_bare_yes(text)


@pytest.mark.parametrize(
    ("label", "topic", "least"),
    [
        ("machine", Topic.MACHINE, 1.0),
        ("question", Topic.QUESTION, 0.85),
        ("late", Topic.LATE, 0.75),
        ("move", Topic.OTHER_DATE, 0.75),
        ("wrong", Topic.WRONG_NUMBER, 0.65),
    ],
)
def test_strangers_replies_are_sorted(label: str, topic: Topic, least: float) -> None:
    read = {as_: count for (labelled, as_), count in table().items() if labelled == label}
    assert read[topic.value] >= least * sum(read.values())


def test_most_strangers_who_say_that_they_come_are_heard() -> None:
    read = {as_: count for (labelled, as_), count in table().items() if labelled == "confirm"}
    assert read[Topic.COMING.value] >= 0.6 * sum(read.values())
