"""What a word can be about: the names that the word lists and the patterns share."""

from __future__ import annotations

from enum import Enum, auto


class Concept(Enum):
    """What a word or fixed phrase is about. The grammars speak of concepts by these names."""

    __hash__ = object.__hash__  # as quick as the readers need it: there is one object for each concept

    # answers
    YES = auto()
    OKAY = auto()  # a yes to a question, a mere acknowledgement where nothing was asked
    AGREE = auto()  # "exactement", "allez-y": a yes where something was asked, nothing elsewhere
    VALIDATE = auto()  # "validé": the cancellation, or the appointment?
    SUITS = auto()  # "ça me convient": the cancellation, or the time of the appointment?
    FINE = auto()  # "sans problème", "je suis sûre": goes well with a yes and is none by itself
    NOTED = auto()  # "bien reçu"
    CONFIRM = auto()
    ASSURE = auto()  # "confirmez-moi": asks to be told
    NO = auto()
    REFUSE = auto()  # "surtout pas"
    # giving up, keeping, moving
    CANCEL = auto()
    ORDER = auto()  # "annulez", spelled so: told to somebody, not the keyword sent again
    WILL = auto()  # "j'annulerai": not yet
    DROP = auto()  # "je me désiste"
    QUIT = auto()  # "je ne donnerai pas suite": giving up, said by negation
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
    NOMORE = auto()  # "plus", which is "more" as well
    INSTEAD = auto()  # "au lieu de", "hors de question de"
    IF = auto()
    ONLY = auto()  # a condition ("seulement jeudi"), or mere emphasis at the end ("annulez seulement")
    HEDGE = auto()
    SMIRK = auto()  # an emoji that takes back what it follows, or that may mean anything ("❌")
    WAIT = auto()
    POLITEIF = auto()  # "si possible": no condition in a request, one in an answer
    WHILE = auto()
    JUST = auto()  # "je viens de"
    CALLBACK = auto()  # "je rappellerai"
    CAUSE = auto()  # "car", "donc": begins a clause of its own
    BUT = auto()
    OR = auto()
    ASK = auto()
    WHETHER = auto()  # "est-ce que": opens a question, or a polite request
    QUESTION = auto()  # the sign
    POSSIBLE = auto()
    MIGHT = auto()  # "serait-il possible": a request in the form of a question
    DEADLINE = auto()  # "jusqu'à quand", "par sms": asked about cancelling, not for it
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
    TELL = auto()  # as SAY, but "oui dites" is no yes
    DO = auto()
    BE = auto()
    HAVE = auto()
    HAD = auto()  # "j'aurais dit oui": no more
    BEEN = auto()  # "été", "déjà": it is done
    # people
    I = auto()  # noqa: E741 (the pronoun)
    YOU = auto()
    THEY = auto()
    WHO = auto()
    FAMILY = auto()  # whom one may speak for
    STRANGER = auto()  # whose appointment is not one's own
    SOMEONE = auto()
    WRONG = auto()  # "mauvais numéro", "vous vous trompez"
    # things
    APPOINTMENT = auto()
    SLOT = auto()
    LIST = auto()
    LINK = auto()  # "le lien pour annuler"
    FOREIGN = auto()  # what is cancelled elsewhere
    TOPIC = auto()  # a thing that reasons speak of; no reason by itself
    GOT = auto()  # "j'ai pris", "j'ai trouvé"
    TROUBLE = auto()  # a reason not to come
    MENDED = auto()  # "guéri", "réglé": a reason for giving up, or for coming
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
    A = auto()  # "a" and "à", which people do not tell apart
    FOR = auto()
    THAT = auto()
    ALL = auto()
    AND = auto()
    FILLER = auto()
    # politeness
    HELLO = auto()
    PLEASE = auto()
    THANKS = auto()
    THANKSFOR = auto()  # "merci d'avoir": what follows is done
    POLITE = auto()
    CLOSING = auto()
    PLEASED = auto()
    INTRO = auto()  # "mon nom est": what stands around letters
    # keywords and the list of appointments
    STOP = auto()
    START = auto()
    HELP = auto()
    CALLHELP = auto()  # "comment ça marche": asks for help as a phrase
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
    ALMOST = auto()  # merely similar to a word for cancelling: enough to ask, never to act
    SAME = auto()  # the day, date or hour of the appointment asked about, found by `moments`
    ANOTHER = auto()  # another day, date or hour
    REFUSAL = auto()  # "n'annulez pas", composed by `grammar`
    COMMA = auto()
    PERIOD = auto()
    UNKNOWN = auto()


def concepts(names: str) -> frozenset[Concept]:
    """A set of concepts by their names: `concepts("YES NO")`."""
    return frozenset(Concept[name] for name in names.split())
