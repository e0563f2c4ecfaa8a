"""What people write and what it means: tables for the rules, properties for what must never happen, the corpus."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smsbot.rules.letters import Names
from smsbot.understanding import (
    Answer,
    Choice,
    ChoiceReading,
    Keyword,
    Opening,
    OpeningReading,
    read_choice,
    read_confirmation,
    read_keyword,
    read_opening,
)
from smsbot.understanding.concepts import Concept
from smsbot.understanding.grammar import grammar, row, spelled
from smsbot.understanding.letters_given import LettersKind, read_letters
from smsbot.understanding.lexicon import is_almost_cancel
from smsbot.understanding.set_aside import LONGEST_READ
from smsbot.understanding.slips import SLIPS_OF_NO, SLIPS_OF_YES
from smsbot.understanding.vocabulary import VOCABULARY
from smsbot.understanding.words import read
from tests.corpus.measure import PARTS, Rate, measure, replies
from tests.lines import every_line


def lines(text: str) -> list[str]:
    """The lines of a table; `\\n` in one is a line break of the message."""
    return [line.strip().replace("\\n", "\n") for line in text.splitlines() if line.strip()]


# The confirmation ----------------------------------------------------------------------------------------------------

YES = lines("""
    oui
    OUI !!!
    ouiiiii
    ouais
    wi
    ui
    oiu
    O U I
    yes
    ok
    okk merci
    d'accord
    dacor
    ça marche
    👍🏽
    ✅
    oui 🙏
    ＯＵＩ
    oui merci beaucoup bonne journée
    Oui. Cordialement, Hubert de Montclar
    Oui\\nSophie Dupont
    Oui merci, Mme Pelletier
    OUI\\n\\nEnvoyé de mon iPhone
    absolument
    exact
    tout à fait
    allez-y
    faites-le
    mdr oui
    ben oui
    mais oui annulez
    oui annulez
    oui j'annule
    ouiannuler
    oui annuler mon rdv de mardi 14h30 svp
    ok pour annuler
    parfait annulez
    c'est bon annulez
    pas de souci annulez
    annulez-le
    annulé le
    annulez svp
    annulez mon rdv
    annulez ce rdv
    vous pouvez l'annuler
    vous pouvez annuler
    merci de l'annuler
    supprimez-le
    je confirme l'annulation
    je confirme que j'annule
    oui je confirme, annulation du rdv
    je valide l'annulation
    j'ai dit oui
    oui et je ne veux pas d'autre date
    oui pas d'autre rdv svp
    oui annulez, pas la peine de rappeler
    j'annule le rdv
    oui vous pouvez donner la place
    oui je vous confirme que je ne viendrai pas
    oui annul le rendé vou
    oui désolée de vous prévenir si tard
    oui je viens pas
    oui, je ne pourrai pas venir
    oui je peux pas
    oui je ne suis pas disponible
    oui je n'en ai plus besoin
    oui je suis malade
    oui mon fils est malade
    oui hélas, ma voiture est en panne
    oui j'ai rdv chez le médecin
    oui je reprendrai rdv plus tard
    oui laissez la place à quelqu'un d'autre
    oui annulez, mon perroquet a disparu
    oui. Envoyé de mon iPhone
    oui virgule merci point
    oui car j'ai repris le travail
    oui je suis hospitalisée depuis lundi à Purpan
    oui on a trouvé un logement
    oui ma voiture ne démarre plus
    oui on l'annule, mon mari a pas pu poser sa journée
    Ouibonne journée
    O.K.
    0ui
    ouo
    sí, gracias
    Sim, pode cancelar
    wakha annulez-le
    annulez
    oui faut annuler seulement
    ne le gardez pas
    libérez la place
    je me désiste
    oui donnez ma place à quelqu'un d'autre
    je vous le confirme, annulez
    Je vous le demande : annulez
    Ma décision est prise, annulez
    dans ce cas annulez
    Oui vous pouvez y aller
    ouais vazi
    Je suis favorable à l'annulation
    je consens à l'annulation
    oui c'est ce que je demande
    voilà, annulez
    je vous ai dit oui
    oui merci d'avoir répondu
    oui pas le choix
    oui annulez, pas le choix
    oui je suis désolé je suis bloqué au travail
    oui alé i
""")

NO = lines("""
    non
    NON !
    nooooon
    nn
    nan
    N O N
    non merci
    👎
    non non laissez
    surtout pas
    pas du tout
    hors de question
    jamais
    n'annulez pas
    ne l'annulez surtout pas
    annulé pa
    nannulez pas
    j'annule plus
    je ne veux pas annuler
    merci de ne pas annuler
    pas besoin d'annuler j'ai trouvé une nounou
    au lieu d'annuler je viens
    gardez le
    je maintiens le rendez-vous
    laissez
    non laissez tomber
    ne touchez à rien
    non je viens
    non je serai là
    non mon mari va m'emmener
    finalement je viens
    je viens finalement
    j'ai changé d'avis
    non c'est une erreur
    j'ai tapé annuler par erreur
    nob merci
    n0n
    annulez mon annulation
    laissez tomber l'annulation
    Non, ma sœur a pu se libérer pour garder les enfants
    oubliez
    oubliez ma demande
    ne tenez pas compte de l'annulation
    ne le faites pas
    ce n'est pas la peine
    fausse manœuvre, excusez-moi
    c'est une bêtise de mon fils
    tout reste comme prévu
    on reste sur mardi
    je n'ai rien demandé
    je viendrai quand même
    Je confirme que je garde mon rendez-vous
    je confirme que je ne veux pas annuler
    N
    je me ravise
    je n'ai pas voulu annuler
    sans façon
""")

UNCLEAR = lines("""
    annuler
    ANNULER ANNULER
    annulation svp
    annuker
    oui annuker
    je confirme
    oui je confirme
    je confirme ma présence
    je confirme mon rdv
    validé
    c'est bon
    ok pour moi
    ça me convient
    merci
    bonjour
    parfait
    bien reçu
    ouf
    oubli
    nom
    ou
    OUI NON
    oui ou non
    non oui
    non annulez
    non je ne viens pas
    oui n'annulez pas
    oui gardez le
    oui je serai là
    oui je serai bien là
    oui je suis là
    oui je suis chez vous
    oui je suis en route
    oui j'arrive
    oui comme prévu
    oui avec plaisir
    ok je viens
    ok à demain
    👍 à demain
    oui mardi
    oui à 14h30
    ok pour le rdv
    oui celui de mardi
    oui pour mon rdv
    oui mais
    oui mais pas celui là
    oui si possible
    oui si vous avez une autre date
    oui à condition
    oui peut-être
    oui je pense
    oui, enfin
    j'aurais dit oui
    j'ai jamais dit oui
    plutôt oui
    mouais
    oui 🤔
    oui 😂
    👍👎
    oui ?
    ok ???
    oui décalez
    oui et donnez m'en un autre
    oui annulez et mettez jeudi
    oui annulez, je plaisante
    oui annulez la réunion
    oui je veux jeudi
    oui c'est moi
    oui c'est bien Mme Fabre
    oui dup
    oui zorglub
    oui, zorglub
    oui ладно
    oui si
    ❌
    lui
    puis
    louis
    oui car c'est important
    oui car j'en ai besoin
    oui j'ai pris ma matinée
    oui j'ai mes papiers
    oui mon fils malade vient avec moi
    oui je suis malade mais je viens
    oui je suis malade donc je viens consulter
    oui trouvez un autre créneau
    oui seulement jeudi
    oui et vous
    oui. Attention
    si je peux
    si annulez
    oui vous écoute
    oui j'ai besoin de vous
    oui rappelez moi
    oui j'ai annulé
    vous avez annulé oui
    attendez
    je ne viens pas
    je suis malade
    laissez tomber
    pourquoi
    🤷‍♀️
    😭
    2
    merci d'avoir annulé
    oui merci d'avoir annulé
    vous m'avez dit oui
    oui vous l'avez dit
    dans ce cas je viens
    ok dans ce cas reportez
    je vous le demande
    ma décision est prise
    favorable à mardi
    oui n'oubliez pas les papiers
    oui ne le faites pas
    oui je serai bonne journée
    oui je suis désolé mais je viens
""")


@every_line("text", YES)
def test_is_a_yes(text: str) -> None:
    assert read_confirmation(text) is Answer.YES


@every_line("text", NO)
def test_is_a_no(text: str) -> None:
    assert read_confirmation(text) is Answer.NO


@every_line("text", [*UNCLEAR, "", "   ", "\n", "\ufe0f", "​"])
def test_is_asked_again(text: str) -> None:
    assert read_confirmation(text) is Answer.UNCLEAR


EVERY_WORD = [entry.text for entry in VOCABULARY.entries]
TALK = st.lists(st.one_of(st.sampled_from(EVERY_WORD), st.sampled_from(YES)), max_size=6).map(" ".join)
TAKES_BACK = st.sampled_from(
    lines("""
        non
        nan
        surtout pas
        jamais
        n'annulez pas
        je ne veux pas annuler
        pas celui-là
        mais pas ce jour
        peut-être
        je ne sais pas
        si vous avez une autre date
        je viendrai
        je serai là
        je confirme ma présence
        à demain
        gardez-le
        reportez-le
        attendez
        ?
        pourquoi ?
        👎
        🤔
    """)
)


@given(TALK, TAKES_BACK, st.sampled_from([". ", "\n", " ! "]))
def test_what_is_taken_back_is_never_a_yes(said: str, taken_back: str, between: str) -> None:
    assert read_confirmation(said + between + taken_back) is not Answer.YES
    assert read_confirmation(taken_back + between + said) is not Answer.YES


@given(st.sampled_from(YES), st.sampled_from(["ne", "n'", "pas", "aucun", "rien", "ni", "jamais", "nullement"]))
def test_a_negation_that_belongs_to_nothing_is_never_a_yes(said: str, negation: str) -> None:
    assert read_confirmation(f"{said}, {negation}") is not Answer.YES


LISTED = {
    *SLIPS_OF_YES,
    *SLIPS_OF_NO,
    *(entry.text for entry in VOCABULARY.in_an_answer),
}


@given(st.text(alphabet="oui nkaecdrsplt", min_size=2, max_size=6))
def test_a_word_that_is_merely_similar_is_never_a_yes(word: str) -> None:
    assume(word.strip() not in LISTED)
    if spelled(row(read(word))) == ["UNKNOWN"]:
        assert read_confirmation(word) is Answer.UNCLEAR
    if spelled(row(read(f"oui {word}"))) == ["YES", "UNKNOWN"]:
        assert read_confirmation(f"oui {word}") is Answer.UNCLEAR


EVERY_SLIP_OF_YES = lines("""
    0u1
    0ui
    ioui
    iui
    kui
    ohui
    oii
    oiu
    oiui
    oji
    ojui
    oki
    okui
    olui
    omui
    opui
    ou1
    ouhi
    ouii
    ouij
    ouik
    ouio
    ouiu
    ouj
    ouji
    ouki
    ouli
    ouo
    ouui
    ouyi
    oyi
    oyui
    poui
    pui
    uoi
""")


def test_the_slips_of_yes_are_these() -> None:
    assert sorted(SLIPS_OF_YES) == EVERY_SLIP_OF_YES


@every_line("word", EVERY_SLIP_OF_YES)
def test_a_listed_slip_is_a_yes(word: str) -> None:
    assert read_confirmation(word) is Answer.YES


@every_line(
    "word",
    [
        *("ouf", "ou", "où", "qui", "oie", "lui", "nui", "puis", "nuit", "bui", "buis", "moui", "cui", "fui", "huit"),
        *("louis", "oubli", "onu", "ours", "out", "suis", "oh", "oi", "oise", "ovni", "ouïr", "tous", "vous", "jouir"),
    ],
)
def test_a_word_that_only_looks_like_yes(word: str) -> None:
    assert read_confirmation(word) is Answer.UNCLEAR


@every_line("word", sorted(SLIPS_OF_NO))
def test_a_slip_of_no_never_cancels(word: str) -> None:
    assert read_confirmation(word) is not Answer.YES


@every_line(
    ("text", "answer"),
    [
        ("Oui (Marguerite, 91 ans)", Answer.YES),
        ("Oui, Sophie Dupont", Answer.YES),
        ("Oui. Josiane Pruvost", Answer.YES),
        ("Oui Mme Dupont", Answer.YES),
        ("Oui. Attention", Answer.UNCLEAR),
        ("oui, attention", Answer.UNCLEAR),
        ("Oui c'est bien Mme Fabre", Answer.UNCLEAR),
    ],
)
def test_a_name_below_is_told_by_its_capitals(text: str, answer: Answer) -> None:
    assert read_confirmation(text) is answer


# The opening ---------------------------------------------------------------------------------------------------------

REQUESTS = lines("""
    ANNULER
    annulé
    anulasion
    annulermonrdv
    jannule
    annuker
    annulre le rdv
    Annuer mon rdv
    annuler 😢
    Bonjour, je souhaiterais annuler mon rendez-vous du 12 mai à 14h30 svp. Cordialement, Mme Martin
    annulation du randé vou
    Je vous informe de l'annulation de mon rendez-vous
    c pr anulé
    fo anulé dsl
    rdv a annuler
    pouvez-vous annuler mon rdv ?
    Serait-il possible d'annuler mon rdv de mardi ?
    est-ce que vous pouvez annuler mon rdv de demain svp
    je voudrais que vous annuliez mon rdv
    j'arrive pas à annuler mon rdv sur internet, pouvez-vous le faire ?
    J'ai essayé d'annuler sur le site ça marche pas, faites le pour moi svp
    je peux pas venir annule
    ne m'attendez pas, annulez
    pas la peine de me rappeler, annulez juste le rdv
    non je ne viens pas, annulez
    Mon train est annulé donc j'annule aussi mon rdv chez vous
    annulez, je reprendrai rdv plus tard
    j'ai pris un autre rdv annulez celui-là
    annulez mon rdv si possible
    désolé mais je dois annuler
    il faut annuler le rdv de mon fils
    annuler mon rdv pour la carte d'identité
    je me désiste
    je renonce à mon rdv
    libérez la place
    je laisse ma place à quelqu'un d'autre
    vous pouvez disposer de mon créneau
    retirez moi du planning de demain
    plus besoin du rdv
    mon dossier est réglé le rendez vous n'a plus lieu d'être
    je n'en ai plus besoin, vous pouvez l'enlever, c'était le rdv de mardi
    je ne souhaite pas maintenir le rdv
    je ne veux plus de ce rdv
    considérez mon rdv comme annulé
    cancel my appointment please
    an vlé anilé randévou an mwen
    je ne pourrai pas venir
    dans ce cas annulez mon rdv
    notez l'annulation de mon rdv svp
    annulation de mon rdv avec l'assistante sociale
    n'oubliez pas d'annuler mon rdv svp
""")

NO_REQUESTS = lines("""
    n'annulez pas
    je ne veux pas annuler
    surtout pas annuler
    on annule rien du tout
    pas d'annulation
    hors de question que j'annule
    au lieu d'annuler je préfère déplacer
    il ne faut pas l'annuler
    annuler ? non
    annuler ?
    comment annuler
    je peux annuler jusqu'à quand
    puis-je annuler par sms ?
    si j'annule je perds mes droits
    faut-il annuler si je suis malade
    je voudrais savoir si mon rdv est annulé
    mon rdv est annulé
    vous avez annulé mon rdv
    vous annulez toujours au dernier moment
    j'ai annulé hier
    je viens d'annuler sur internet
    ma voisine annule son rdv
    mon mari dit d'annuler
    j'ai répondu annuler par erreur
    annulez mon annulation
    merci pour l'annulation
    suite à votre annulation
    je vais peut-être annuler
    je pense annuler
    j'annulerai demain
    sinon annulez
    je voulais annuler mais finalement je viens
    je voulais annuler mais c'est bon
    j'ai failli annuler mais ma voisine m'emmène
    grève annulée donc je serai bien là
    réunion annulée du coup je peux venir
    annuler et reporter à la semaine prochaine
    je voudrais décaler
    annuler ma commande
    annulez le colis
    annuler mon rdv chez le coiffeur
    j'annule le resto
    annuler le rdv de ma voisine
    annuler mon abonnement
    mon train est annulé
    si quelqu'un se désiste prévenez moi
    je me libère pour venir
    gardez ma place
    ne donnez pas ma place
    laissez mon rdv
    je serai en retard
    je viens
    je confirme ma présence
    oui
    non
    dup
    bonjour
    annuaire
    entretien annuel
    c'est une annonce ?
    do not cancel my appointment
    Je suis absent jusqu'au 31 août, en cas d'urgence contactez le secrétariat.
    merci d'avoir annulé mon rendez-vous
    je vous remercie d'avoir annulé mon rdv
    merci d'avoir pris en compte mon annulation
    j'ai bien noté l'annulation merci
    j'ai reçu confirmation de l'annulation
    bien reçu l'annulation
    ok pour l'annulation merci
    annulation du train je serai en retard
    ma mère souhaite annuler son rendez-vous chez le dentiste
    mon ex veut annuler mon rdv, ne le faites pas
    ne tenez pas compte de l'annulation
    n'oubliez pas mon rdv
""")


@every_line("text", REQUESTS)
def test_opens(text: str) -> None:
    assert read_opening(text) == OpeningReading(Opening.CANCEL)


@every_line("text", [*NO_REQUESTS, "", " ", "😂"])
def test_does_not_open(text: str) -> None:
    assert read_opening(text) == OpeningReading(Opening.OTHER)


@every_line(
    "text",
    ["merci", "ok", "Merci beaucoup pour le rappel", "bien noté merci bonne journée", "👍", "dac mci", "mèsi an pil"],
)
def test_thanks(text: str) -> None:
    assert read_opening(text).meaning is Opening.THANKS


@every_line(
    ("text", "letters"),
    [
        ("ANNULER DUP", "DUP"),
        ("annuler dupont svp", "dupont"),
        ("Annulation DUP", "DUP"),
        ("je veux annuler mon rdv DUP", "DUP"),
        ("annuler mon rdv de mardi, DUP", "DUP"),
        ("ANNULER-LEG", "LEG"),
        ("Annuler+PET", "PET"),
        ("annuler\nGAR", "GAR"),
        ("FON annuler", "FON"),
        ("anuker kow", "kow"),
        ("annuler ben", "ben"),
        ("annuler mme dupont", "dupont"),
        ("je m'appelle dupont je veux annuler", "dupont"),
        ("ANNULER mon nom c'est MENDES", "MENDES"),
        ("annuler da silva", "da silva"),
        ("annuler de la fontaine", "de la fontaine"),
        ("ANNULER O'BR", "O'BR"),
        ("ANNULER P A Y", "P A Y"),
        ("Annuler (Łuk)", "Łuk"),
        # a word too many, a sentence, a signature: no letters
        ("annuler dupont martin", None),
        ("annuler rdv au nom de Dupont", None),
        ("annuler je suis clouée au plumard", None),
        ("annuler mon rdv. Cordialement, Mme Pelletier", None),
        ("annuler 12345", None),
    ],
)
def test_letters_beside_the_request(text: str, letters: str | None) -> None:
    assert read_opening(text).letters == letters


@every_line(
    "word",
    ["annulre", "annuker", "anuer", "annulzr", "qnnuler", "annulatoin", "abnuler", "anneler", "annukzr", "annulze"],
)
def test_one_slip_from_a_word_for_cancelling(word: str) -> None:
    assert is_almost_cancel(word)


@every_line(
    "word",
    [
        "annuel",
        "annuelle",
        "annuaire",
        "annonce",
        "annulaire",
        "manuel",
        "annexe",
        "calculer",
        "anne",
        "nul",
        "nulle",
        "annuité",
    ],
)
def test_other_words_are_not(word: str) -> None:
    assert not is_almost_cancel(word)


# The choice ----------------------------------------------------------------------------------------------------------


@every_line(
    ("text", "number"),
    [
        *[
            (text, 2)
            for text in (
                "2",
                "le 2",
                "n°2",
                "N° 2",
                "no 2",
                "2.",
                "2️⃣",
                "②",
                "２",
                "deux",
                "2eme",
                "le second",
                "rdv 2",
                "2)",
                "#2",
                "n 2",
            )
        ],
        *[
            (text, 1)
            for text in (
                "1er",
                "le premier svp",
                "la première",
                "le un",
                "Réponse : 1",
                "je veux annuler le 1",
                "oui 1",
            )
        ],
        *[(text, 3) for text in ("numero trois", "Bonjour,\n3\nCordialement", "c le 3 jpeu pa")],
        ("le quatrième rendez-vous, celui d'en bas", 4),
        ("12", 12),
        ("0", 0),
    ],
)
def test_chooses(text: str, number: int) -> None:
    assert read_choice(text) == ChoiceReading(Choice.NUMBER, number)


@every_line(
    "text",
    [
        "SUITE",
        "la suite svp",
        "siute",
        "les suivants",
        "suivant",
        "plus",
        "les autres",
        "il y en a d'autres ?",
        "Montrez-moi les autres rdv",
    ],
)
def test_wants_more(text: str) -> None:
    assert read_choice(text) == ChoiceReading(Choice.MORE)


@every_line(
    "text",
    [
        "aucun",
        "aucun finalement",
        "Aucun des quatre, merci.",
        "non",
        "laissez tomber",
        "je garde tout",
        "annulez rien",
        "ni l'un ni l'autre",
    ],
)
def test_chooses_none(text: str) -> None:
    assert read_choice(text) == ChoiceReading(Choice.NO)


@every_line(
    "text",
    [
        *("1 et 2", "1,2", "1 ou 2", "1-2", "les deux", "les 2 premiers", "tous", "pas le 2", "non le 2", "sauf le 1"),
        *("14h30", "le 3 mars", "12/05", "mardi", "le 2 c'est où ?", "2 ?", "on sera 2", "2 personnes", "un rdv"),
        *("oui", "ok", "annuler", "?", "🤔", "", "celui avec la dame blonde", "dup"),
    ],
)
def test_chooses_nothing_plain(text: str) -> None:
    assert read_choice(text) == ChoiceReading(Choice.OTHER)


def test_every_number_word_has_a_value() -> None:
    numbers = (Concept.ORDINAL, Concept.COUNT, Concept.ONE)
    assert [
        entry.where for entry in VOCABULARY.entries if (entry.concept in numbers) != (entry.value is not None)
    ] == []


# The keywords --------------------------------------------------------------------------------------------------------

KEYWORDS = {
    Keyword.STOP: lines("""
        STOP
        stop !
        Stop svp
        stop sms
        STOP AU 36111
        STOPALL
        ARRÊT
        UNSUBSCRIBE
        QUIT
        END
        opt out
        désabonnez-moi
        je souhaite me désabonner
        arrêtez de m'envoyer des sms
        je ne veux plus recevoir vos messages
        plus de sms svp
        STOP!!! ras le bol de vos textos
    """),
    Keyword.START: lines("""
        START
        start svp
        UNSTOP
        remettez moi les sms
        je veux bien recevoir à nouveau les sms
        Bonjour j'avais mis stop, pouvez vous me renvoyer les sms de rappel ?
    """),
    Keyword.HELP: lines("""
        AIDE
        aide svp
        aidez-moi
        HELP
        info
        comment ça marche ?
        que dois-je répondre à ce message ?
        je comprends rien
        j'ai besoin d'aide
    """),
}
NO_KEYWORDS = lines("""
    CANCEL
    YES
    oui
    annuler
    suite
    fin
    Stop, n annulez pas
    stop je ne peux plus venir annulez
    aidez moi à annuler mon rdv
    comment ça marche pour annuler
    pour info je ne viens pas
    je suis en arrêt maladie
    merci de votre aide
    merci pour l'info
    j'ai supprimé le message
    je ne reçois plus vos sms
    mon aide à domicile est malade
""")


@every_line(("keyword", "text"), [(keyword, text) for keyword, texts in KEYWORDS.items() for text in texts])
def test_keyword(keyword: Keyword, text: str) -> None:
    assert read_keyword(text) is keyword


@every_line("text", [*NO_KEYWORDS, "", "?", "👍"])
def test_no_keyword(text: str) -> None:
    assert read_keyword(text) is None


# Whatever is written -------------------------------------------------------------------------------------------------


@given(st.one_of(st.text(), st.text(alphabet=st.characters(codec=None)), TALK))
def test_reading_never_fails(text: str) -> None:
    assert read_keyword(text) in (None, *Keyword)
    assert read_opening(text).meaning in Opening
    assert read_choice(text).meaning in Choice
    assert read_confirmation(text) in Answer


@pytest.mark.parametrize(
    "pump", ["👍", "oui, ", "oui svp merci ", "oui mais ", "a dit ", "bonjour, ", "rdv stp ", "o. "]
)
@pytest.mark.parametrize("end", ["", "jeudi", "zzz", "non ?"])
def test_the_longest_message_is_read_whatever_is_repeated_in_it(pump: str, end: str) -> None:
    """Once, a message of thirty thumbs and a weekday took hours. With such a pattern this test would not end."""
    _is_read_by_all(pump, end)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(EVERY_WORD), min_size=1, max_size=4), st.sampled_from([" ", ", ", ". "]))
def test_the_longest_message_of_any_words_is_read(words: list[str], between: str) -> None:
    _is_read_by_all(between.join(words) + between, "jeudi")


def _is_read_by_all(pump: str, end: str) -> None:
    text = (pump * LONGEST_READ)[: LONGEST_READ - len(end)] + end
    assert read_keyword(text) in (None, *Keyword)
    assert read_opening(text).meaning in Opening
    assert read_choice(text).meaning in Choice
    assert read_confirmation(text) in Answer
    assert read_letters(text, [Names(("Dupont",), ("Sophie",))]).kind in LettersKind


WITH_A_NAME_BELOW = [
    text for text in YES if "\n" in text or "Pelletier" in text
]  # told by its capital and small letters


@given(st.sampled_from([*YES, *NO, *UNCLEAR, *REQUESTS, *NO_REQUESTS]))
def test_capitals_and_spaces_change_nothing(text: str) -> None:
    if text not in WITH_A_NAME_BELOW:
        assert read_confirmation(f"  {text.upper()} ") is read_confirmation(text)
        assert read_opening(f"  {text.upper()} ").meaning is read_opening(text).meaning


def test_a_pattern_names_concepts_alone() -> None:
    with pytest.raises(ValueError, match="CANSEL is no concept and no group"):
        grammar("CANSEL")


# The corpus ----------------------------------------------------------------------------------------------------------


def share(rate: Rate) -> float:
    return rate.hits / rate.total


@pytest.mark.parametrize("part", PARTS)
def test_nobodys_appointment_is_cancelled_by_a_misreading(part: str) -> None:
    assert measure(part).wrong_confirmations.hits == 0


@pytest.mark.parametrize(
    "part",
    [
        "development",
        pytest.param(
            "held_back",
            marks=pytest.mark.xfail(
                strict=True,
                reason="not reached on what was never tuned on; `python -m tests.corpus` prints how far it is",
            ),
        ),
    ],
)
def test_the_corpus_is_understood_as_promised(part: str) -> None:
    measured = measure(part)
    assert measured.wrong_openings.hits == 0
    assert share(measured.clear_requests) >= 0.98
    assert share(measured.clear_yes) >= 0.98
    assert share(measured.clear_no) >= 0.98


def test_the_corpus_is_large_and_a_quarter_of_it_held_back() -> None:
    development, held_back = (len(replies(part)) for part in PARTS)
    assert development + held_back >= 800
    assert held_back >= (development + held_back) / 4
