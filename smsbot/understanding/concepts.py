"""The concepts: what a word can be about. The word lists and the patterns share their names."""

from __future__ import annotations

from enum import Enum, auto


class Concept(Enum):
    """What a word or fixed phrase is about. The patterns of `grammar` use these names."""

    __hash__ = object.__hash__  # quicker than Enum's; possible because each concept is one object

    # answers
    YES = auto()
    OKAY = auto()  # a yes to a question; only an acknowledgement where nothing was asked
    AGREE = auto()  # "exactement", "allez-y": a yes where something was asked, nothing elsewhere
    VALIDATE = auto()  # "validé": the cancellation, or the appointment?
    SUITS = auto()  # "ça me convient": the cancellation, or the time of the appointment?
    FINE = auto()  # "sans problème", "je suis sûre": may stand beside a yes, but is no yes alone
    NOTED = auto()  # "bien reçu"
    CONFIRM = auto()
    ASSURE = auto()  # "confirmez-moi": asks to be told
    NO = auto()
    REFUSE = auto()  # "surtout pas"
    # giving up, keeping, moving
    CANCEL = auto()
    ORDER = auto()  # "annulez" in this spelling: it tells somebody to do it; "annuler" may be the keyword again
    WILL = auto()  # "j'annulerai": not yet
    DROP = auto()  # "je me désiste"
    QUIT = auto()  # "je ne donnerai pas suite": giving up, expressed by a negation
    CANCELLATION = auto()
    REMOVE = auto()
    FREE = auto()  # "libérer la place"
    GIVE = auto()
    LEAVE = auto()
    LETGO = auto()  # "laissez tomber"
    MOOT = auto()  # "plus besoin"
    KEEP = auto()
    MOVE = auto()
    REBOOK = auto()  # "je reprendrai rdv"
    ERROR = auto()  # "par erreur"
    FINALLY = auto()
    # coming and staying away
    ATTEND = auto()
    COME = auto()  # infinitive
    AWAY = auto()  # "je ne viendrai pas"
    ABSENT = auto()  # "absent", "empêché": a reason, or an autoresponder
    DELAY = auto()
    # negation, doubt, condition, question
    NE = auto()
    NOT = auto()
    NOMORE = auto()  # "plus", which may also mean "more"
    INSTEAD = auto()  # "au lieu de", "hors de question de"
    IF = auto()
    ONLY = auto()  # a condition ("seulement jeudi"), or only emphasis at the end ("annulez seulement")
    HEDGE = auto()
    SMIRK = auto()  # an emoji that takes back what stands before it, or that may mean anything ("❌")
    WAIT = auto()
    POLITEIF = auto()  # "si possible": polite in a request, a condition in an answer
    WHILE = auto()
    JUST = auto()  # "je viens de"
    CALLBACK = auto()  # "je rappellerai"
    CAUSE = auto()  # "car", "donc": begins a new clause
    BUT = auto()
    OR = auto()
    ASK = auto()
    WHETHER = auto()  # "est-ce que": opens a question, or a polite request
    QUESTION = auto()  # the sign
    POSSIBLE = auto()
    MIGHT = auto()  # "serait-il possible": a request in the form of a question
    DEADLINE = auto()  # "jusqu'à quand", "par sms": a question about cancelling, no request
    # verbs that carry others
    CAN = auto()
    CANYOU = auto()
    WANT = auto()
    MUST = auto()
    GO = auto()
    TRY = auto()
    UNABLE = auto()  # "j'arrive pas à"
    NEED = auto()  # "besoin de": a reason to come
    SAY = auto()
    TELL = auto()  # like SAY, but "oui dites" is no yes
    DO = auto()
    BE = auto()
    HAVE = auto()
    HAD = auto()  # "j'aurais dit oui": no longer meant
    BEEN = auto()  # "été", "déjà": it is done already
    # people
    I = auto()  # noqa: E741 (the pronoun)
    YOU = auto()
    THEY = auto()
    WHO = auto()
    FAMILY = auto()  # a person for whom one may write
    STRANGER = auto()  # a person whose appointment one may not cancel
    SOMEONE = auto()
    WRONG = auto()  # "mauvais numéro", "vous vous trompez"
    # things
    APPOINTMENT = auto()
    SLOT = auto()
    LIST = auto()
    LINK = auto()  # "le lien pour annuler"
    FOREIGN = auto()  # a thing that is cancelled elsewhere
    TOPIC = auto()  # a thing that occurs in reasons, but is no reason alone
    GOT = auto()  # "j'ai pris", "j'ai trouvé"
    TROUBLE = auto()  # a reason not to come
    MENDED = auto()  # "guéri", "réglé": a reason either for giving up or for coming
    WHEN = auto()
    LATER = auto()  # "une autre fois"
    TIME = auto()
    DATE = auto()
    NUMBER = auto()
    ORDINAL = auto()
    COUNT = auto()  # a number in letters
    ONE = auto()
    # small words
    THE = auto()
    MY = auto()
    THIS = auto()
    OF = auto()
    TO = auto()
    AT = auto()  # "chez", "vers"
    A = auto()  # "a" and "à", which people confuse
    FOR = auto()
    THAT = auto()
    ALL = auto()
    AND = auto()
    FILLER = auto()
    # politeness
    HELLO = auto()
    PLEASE = auto()
    THANKS = auto()
    THANKSFOR = auto()  # "merci d'avoir": what follows is already done
    POLITE = auto()
    CLOSING = auto()
    PLEASED = auto()
    INTRO = auto()  # "mon nom est": words around a name or the letters
    # keywords and the list of appointments
    STOP = auto()
    START = auto()
    HELP = auto()
    CALLHELP = auto()  # "comment ça marche": a phrase that asks for help
    SMS = auto()
    CEASE = auto()
    RECEIVE = auto()
    SEND = auto()
    AGAIN = auto()
    RESUME = auto()  # "remettez-moi les"
    MORE = auto()
    NONE = auto()  # "aucun des deux"
    PICK = auto()  # "numéro"
    SEVERAL = auto()  # "les deux"
    SHOW = auto()
    OTHERS = auto()
    # the rest
    ROBOT = auto()  # an autoresponder
    ORDINARY = auto()  # everyday French that explains nothing
    ALMOST = auto()  # only similar to a word for cancelling: enough to ask a question, never to cancel
    SAME = auto()  # the day, date or hour of the appointment asked about, found by `moments`
    ANOTHER = auto()  # another day, date or hour
    REFUSAL = auto()  # "n'annulez pas", made by `grammar`
    COMMA = auto()
    PERIOD = auto()
    UNKNOWN = auto()


def concepts(names: str) -> frozenset[Concept]:
    """A set of concepts by their names: `concepts("YES NO")`."""
    return frozenset(Concept[name] for name in names.split())
