"""Messages that take a cancellation back, and the answers to the question."""

from __future__ import annotations

from smsbot.understanding import Answer, read_taking_back, takes_back
from tests.lines import every_line

BACK = (
    *("erreur", "ERREUR !", "c'est une erreur", "c'était une erreur désolé", "par erreur", "je me suis trompé"),
    *("je me suis trompée, excusez moi", "oups fausse manip", "finalement je viens", "finalement je peux venir"),
    *("en fait je viens", "remettez le rdv", "remettez mon rendez vous svp", "pouvez vous remettre le rdv"),
    *("rétablissez mon rdv", "annulez l'annulation", "annulez mon annulation", "je garde mon rdv"),
    *("je veux garder mon rdv", "n'annulez pas", "ne l'annulez pas finalement", "je ne voulais pas annuler"),
    *("je veux venir finalement", "mauvaise manip je garde le rdv"),
)
NOT_BACK = (
    *(
        "merci",
        "oui",
        "ok",
        "d'accord merci",
        "bonjour",
        "annuler",
        "je serai en retard",
        "vous vous trompez de numéro",
    ),
    *("je voudrais un autre rdv", "quand puis-je reprendre rdv ?", "au revoir", "DUP", "👍", ""),
)
ANSWERS = (
    *((text, Answer.YES) for text in ("oui", "OUI svp", "ok", "oui merci", "👍", "oui je viens")),
    *(
        (text, Answer.YES)
        for text in ("oui je garde mon rdv", "je viens", "oui c'était une erreur", "oui je veux venir")
    ),
    *((text, Answer.NO) for text in ("non", "NON merci", "non annulez", "laissez tomber", "non je ne viens pas")),
    *((text, Answer.NO) for text in ("annulez", "annuler", "j'annule")),
    *((text, Answer.UNCLEAR) for text in ("oui non", "oui annulez", "oui mais mardi", "peut-être", "bonjour", "?", "")),
    *((text, Answer.UNCLEAR) for text in ("oui si possible jeudi", "quel rdv", "erreur", "oui je ne viens pas")),
)


@every_line("text", BACK)
def test_these_take_it_back(text: str) -> None:
    assert takes_back(text)


@every_line("text", NOT_BACK)
def test_these_do_not(text: str) -> None:
    assert not takes_back(text)


@every_line(("text", "answer"), ANSWERS)
def test_what_is_answered(text: str, answer: Answer) -> None:
    assert read_taking_back(text) is answer
