"""Reads the answer to the question whether to cancel. Only an unmistakable yes cancels.

A message is a yes only if it says yes *and* all its other words are explained: by politeness, by the cancellation, or
by a reason for it. Any other word, known or unknown, makes the message unclear, and the bot asks again.

There is one exception. After a complete yes, another clause may give the reason in words that we do not know. Then the
clause must show that it is a reason ("oui car j'ai repris le travail"), or the yes must leave no doubt ("oui
annulez, …").

A no is read less strictly, because it changes nothing. A message that contradicts itself is unclear.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from smsbot.understanding.concepts import Concept, concepts
from smsbot.understanding.grammar import grammar, row, signs_of
from smsbot.understanding.moments import Asked, named, with_something_else
from smsbot.understanding.slips import in_an_answer
from smsbot.understanding.weights import Evidence, Weights, load_weights
from smsbot.understanding.words import Reading, read, without_name_below


class Answer(StrEnum):
    """The answer to "Annuler ce RDV ? Répondez OUI ou NON"."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


def confirmation_evidence(reading: Reading) -> Evidence:
    """What the learned weights look at in an answer to the question whether to cancel."""
    answering = in_an_answer(without_name_below(reading))
    names = row(answering)
    if _is_greeting(answering) or any(token.word in _NO_MORE for token in answering.tokens) or _puts_off(answering):
        return Evidence(names + signs_of("HEDGE"), (Answer.UNCLEAR.value,))
    return Evidence(names, (answer_of(names).value,))


# "je voulais annuler", "j'allais annuler": perhaps they no longer want it
_NO_MORE = frozenset({"voulais", "voulai", "voulait", "voulions", "allais", "allait", "comptais", "souhaitais"})
_TITLES = frozenset({"madame", "monsieur", "mme", "mr", "mlle", "mesdames", "messieurs", "docteur", "mademoiselle"})
_SIGNS = concepts("COMMA PERIOD")


def _puts_off(reading: Reading) -> bool:
    """Whether the message ends like "Ok je vous redis": the answer will come later."""
    said = [token for token in reading.tokens if token.concept not in _SIGNS and token.concept is not Concept.THANKS]
    return bool(said) and said[-1].word in _TELLING_AGAIN


_TELLING_AGAIN = frozenset({"je vous redis", "je redis", "je redi", "je te redis"})


def _is_greeting(reading: Reading) -> bool:
    """Whether the message is only "Oui bonjour", as people answer a telephone call."""
    said = [token for token in reading.tokens if token.concept not in _SIGNS]
    greets = [token for token in said[1:] if token.concept is Concept.HELLO and token.word not in _TITLES]
    return bool(greets) and all(token.concept is Concept.HELLO for token in said[1:])


def read_confirmation(
    text: str, asked: Asked | None = None, weights: Weights | None = None, *, beside: Sequence[Asked] = ()
) -> Answer:
    """Read the answer to the question whether to cancel the appointment `asked` about.

    `beside` are the other coming appointments of the telephone. An answer that names one of them is unclear, and so is
    a very long one.
    """
    reading = read(text)
    if len(reading.tokens) > _MOST_TOKENS:
        return Answer.UNCLEAR
    if asked is not None:
        reading = with_something_else(named(reading, (asked,), beside))
    evidence = confirmation_evidence(reading)
    answer = Answer(*evidence.signs)
    if answer is Answer.NO or (answer is Answer.UNCLEAR and not _says_it_twice(evidence.names)):
        return answer
    likely = (weights or ANSWERS).likelihood(evidence)
    return Answer.YES if likely >= (_UNLIKELY if answer is Answer.YES else _LIKELY) else Answer.UNCLEAR


ANSWERS = load_weights("confirmation")
_MOST_TOKENS = 80  # a longer text is no unmistakable answer
_UNLIKELY = 0.2
_LIKELY = 0.6


def answer_of(names: str) -> Answer:
    """The answer in a row of concepts (see `grammar`)."""
    if _says_yes(names):
        return Answer.YES
    if _says_no(names):
        return Answer.NO
    return Answer.UNCLEAR


# Yes -----------------------------------------------------------------------------------------------------------------

_YES = tuple(
    grammar(pattern)
    for pattern in (
        r"YES|OKAY|AGREE",
        # "je me désiste", "ne le gardez pas", "libérez la place"
        r"^ (around|I|FINALLY|FILLER)* DROP|QUIT (OF|TO|A)* THE|FREE (the|I)* SLOT",
        # "je confirme l'annulation"
        r"(CONFIRM|VALIDATE) (FILLER|THAT|I|THE|MY|OF|WANT|YOU|A|MUST|GO)* (CANCEL|ORDER|CANCELLATION)",
        r"CANCELLATION (BE|FILLER|OF|the|thing)* (CONFIRM|VALIDATE)",
        # "j'annule le rdv"
        r"^ around* I CANCEL (I|FILLER)* (SAME|(THE|MY|THIS) thing)",
        # "annulez-le", "vous pouvez l'annuler": "le" is what the question was about
        r"(CANCEL|ORDER|REMOVE) (I|YOU)* (THE|THIS) (?= $|pause|polite|I|FOR|OF|FILLER|CLOSING)",
        r"(CANYOU|PLEASE|MUST|WANT) (YOU|FILLER|DO)* THE (CANCEL|ORDER|REMOVE)",
        r"CANYOU (YOU|FILLER)* (CANCEL|ORDER|REMOVE)",
        # "annulez svp", "annulez mon rdv": an order. The bare word may be the keyword, sent again
        r"ORDER (I|FILLER)* (PLEASE|(THE|MY|THIS) thing)",
        r"^ (around|ALL|FILLER|CAUSE)* (ORDER|REMOVE) (around|ALL)* $",
        r"PLEASE ORDER|THANKS OF? (CANCEL|ORDER)|(FINE|PLEASED|NOTED) (COMMA|PERIOD)? ORDER",
        # "je vous le confirme, annulez", "je vous le demande : annulez"
        r"I YOU? THE (CONFIRM|WANT|saying) (COMMA|PERIOD|CAUSE)* ORDER",
    )
)

_ALWAYS = (
    "YES|OKAY|AGREE|VALIDATE|FINE|PLEASED|around|SAY|HAVE (YOU|FILLER|BEEN)* saying|I|the|OF|A"
    "|TO|FOR|THAT|CAUSE|BE|ALL|AND|FILLER|WANT"
    "|CANYOU|MUST|TROUBLE|absent|MOOT|REBOOK|DROP|QUIT|CANCEL|ORDER|CANCELLATION|REMOVE|FREE"
)
_BY_TROUBLE = "SAME|HAVE|DO|GO|AT|FAMILY|TOPIC|GOT|THEY|WHEN|LATER|JUST|FINALLY"
_BY_CANCEL = f"{_BY_TROUBLE}|thing|MENDED|NEED|TELL|TIME|DATE|NUMBER|CAN|CONFIRM|NOTED|SOMEONE|CALLBACK|LIST"

# Pairs: what has to be in the message, and which words that explains.
_EXPLAINED = tuple(
    (grammar(by), grammar(rf"^ ({explains})*+ $"))
    for by, explains in (
        (r"^", _ALWAYS),
        (r"TROUBLE|absent", f"{_ALWAYS}|{_BY_TROUBLE}"),
        (r"CANCEL|ORDER|CANCELLATION|REMOVE|FREE", f"{_ALWAYS}|{_BY_CANCEL}"),
    )
)
# A clause that gives the reason in any words: what may begin it, what shows that it is one, what it may contain.
_CLAUSE_BEGINS = grammar(r"(?= COMMA|PERIOD|CAUSE|I|MY (?! thing)|THEY|FAMILY|TROUBLE|absent|MOOT)")
_REASON = grammar(r"^ (COMMA|PERIOD|I|around)* CAUSE (?! WANT)|TROUBLE|absent|MOOT|REBOOK|CALLBACK")
_IN_A_REASON = grammar(rf"^ ({_ALWAYS}|{_BY_CANCEL}|BEEN|WHILE|NOMORE|INTRO|ORDINARY|UNKNOWN|GIVE (?! I))*+ $")
_NAMES_A_SUBJECT = grammar(
    r"^ (COMMA|PERIOD|CAUSE|FILLER|around)* (I|MY|THEY|FAMILY|the TOPIC|the UNKNOWN (BE|HAVE|A))"
)
_LEAVES_NO_DOUBT = grammar(r"CANCEL|ORDER|REMOVE|CANCELLATION")
# "oui j'ai pris ma matinée", "oui je suis en bas", "car c'est important": they may want to come
_MAY_BE_COMING = grammar(
    r"NEED|WANT|MUST|CONFIRM|thing|YOU|I GO|I BE FILLER? (UNKNOWN|ORDINARY) (?! TROUBLE)|GOT MY WHEN"
    r"|(TROUBLE|absent) .* I (UNKNOWN|ORDINARY)"
)

# All words are explained, but it is no yes.
_NOT_YET = tuple(
    grammar(pattern)
    for pattern in (
        # "oui j'ai annulé", "oui il est annulé"
        r"(HAVE|BE|BEEN|THANKSFOR) (THE|I|YOU|FILLER)* (CANCEL|ORDER)",
        # "vous m'avez dit oui"
        r"(^|pause|YES|OKAY|AGREE|polite|THAT) YOU (I|THE)* HAVE (FILLER|BEEN)* saying",
        r"handing_on I|AND YOU",
        # "oui annulez celui de mon père", "oui celui de jeudi": not surely the one that was asked about
        r"(THIS|APPOINTMENT|CANCEL|ORDER|YES|OKAY) (COMMA|PERIOD|FILLER|BE)* (OF|FOR) the* FAMILY|THIS OF the* moment",
        # "oui elle annule", "oui vous annulez", "oui annulez demain", "oui annulez le train", "oui super"
        r"(FAMILY|THEY|WHO|STRANGER) (THE|I|A|HAVE|MUST|WANT|GO)* (CANCEL|ORDER)"
        r"|MY UNKNOWN (THE|I|A|HAVE|MUST|WANT|GO)* CANCEL",
        # "oui annulez Bellevue", "oui annulez mon rdv de la mission locale": the question was about another place
        r"APPOINTMENT (OF|AT|A) the* (TOPIC|FOREIGN|UNKNOWN)",
        r"(CANCEL|ORDER|REMOVE) (A|AT|HELLO)? (UNKNOWN|(?<= HELLO) FAMILY)+ (?= $|pause|polite|CLOSING)",
        r"(^|pause|YES|OKAY|AGREE) YOU (I|THE|FILLER)* (CANCEL|ORDER)",
        r"(CANCEL|ORDER|REMOVE) (the|FOR|OF)* WHEN",
        r"(CANCEL|ORDER|REMOVE) (FILLER|I|YOU)* (THE|MY|ONE) FILLER? (TOPIC|FOREIGN|LINK|LIST|FAMILY|ORDINARY|UNKNOWN)"
        r" (?! BE|HAVE|HAD|A|NE|GO|CAN|MUST|NOT|TROUBLE|THEY|I|SAY|UNKNOWN)",
        r"(OF|FOR) (THEY|HELLO|UNKNOWN) (?= $|UNKNOWN|ORDINARY)",
        r"^ (?! .* (CANCEL|ORDER|REMOVE|AWAY|ABSENT|DROP)) (around|FILLER)* (YES|OKAY) (COMMA|PERIOD|FILLER)* PLEASED",
        # "oui je suis …", unless it is a reason
        r"(I|YOU|THEY) (FILLER|ALL)* BE (?! (FILLER|A|TO|THE|OF|MY|ONE|AT|ALL|HAVE|BEEN|DO|ORDINARY)*"
        r" (TROUBLE|absent|MUST|POLITE|FINE|OKAY|AGREE|TOPIC|FAMILY|JUST|SAY|WANT) )",
        # "oui je demande à mon chef", "oui je vous rappelle pour annuler", "oui c'était pour demander": not yet, or
        # something else
        r"I (THE|FILLER)* (WANT|saying) (A|TO) the+ (FAMILY|STRANGER|TOPIC|UNKNOWN|POLITE)"
        r"|CALLBACK (FOR|OF|TO|the|YOU)* (CANCEL|ORDER)|BE FOR (WANT|TELL) (?= $|pause|polite)|AND FOR TO? REBOOK",
        r"(^|pause) (around|FILLER)* (SAY|TELL) OF? (YES|OKAY)",  # "dis oui": said to another person
        r"I (THE|FILLER)* (GO (THE|FILLER)* CANCEL|CANCEL (the|thing|FILLER)* LATER)",
        # "oui je veux jeudi"
        r"WANT (FILLER|the|OF|FOR)* (moment|NUMBER)",
    )
)


# Each of these makes it no yes, whatever else is said.
_FORBIDS = tuple(
    grammar(pattern)
    for pattern in (
        r"QUESTION|ASK|WHETHER|OR|MIGHT|POSSIBLE",  # asks
        r"IF|ONLY|POLITEIF|WHILE (?! I (HAVE|BE))",  # on a condition
        r"HEDGE|SMIRK|WAIT|BUT|WILL|HAD",  # hesitates, means the contrary, not yet
        r"NO|REFUSE|REFUSAL|KEEP|ERROR|FINALLY",  # takes it back
        r"ATTEND|COME|DELAY",  # comes
        r"ANOTHER|MOVE|LATER|OTHERS",  # another day or hour, another date wanted
        r"STRANGER|FOREIGN|STOP|START|SMS|CEASE|SEND|RECEIVE",  # somebody else's, something else
        r"(OF|FOR) (the)* FAMILY|FAMILY (ALMOST|CANCEL|ORDER|SAY (?! YES .* (ORDER|CANCEL)))",
        r"WRONG|NOTED|SUITS|ROBOT|INTRO",
        # a negation that belongs to no known word
        r"(^|pause) (NE|FILLER|AND)* ($|NOT|NOMORE|INSTEAD)|(NE|NOT|NOMORE|INSTEAD) (NE|NOT|NOMORE|I|YOU|THE|FILLER)*"
        r" (YES|OKAY|AGREE|giving_up)|(YES|OKAY|AGREE|giving_up) (the|I|thing)* (NE|NOT|NOMORE|INSTEAD)"
        r" (?! OF|THE (ORDINARY|UNKNOWN|POSSIBLE)|NEED|COMMA I NE)",
        # broken off
        r"(CAUSE|AND|THAT|FOR|MY|OF|TO|HAVE|THIS|BE) $|(^|YES|OKAY|AGREE|COMMA|PERIOD) (I|YOU|THEY|THE|ONE|A) $",
    )
)
_BROKEN_OFF = _FORBIDS[-1]
# "oui annulez", "oui je ne viens pas": the yes is said twice, in two ways; the words around it may be unknown
_TWICE = grammar(
    r"(YES|OKAY|AGREE) .* (CANCEL|ORDER|CANCELLATION|REMOVE|DROP|QUIT|MOOT|AWAY|ABSENT|LETGO|FREE SLOT)"
    r"|(CANCEL|ORDER|CANCELLATION|REMOVE|DROP|QUIT|MOOT|AWAY|ABSENT|LETGO|FREE SLOT) .* (YES|OKAY|AGREE)"
    r"|I WANT (FILLER|THE)* (CANCEL|ORDER)"
)


def _says_it_twice(names: str) -> bool:
    """Whether yes is said in two ways, and nothing forbids it."""
    return (
        _TWICE.search(names) is not None
        and not any(pattern.search(names) for pattern in (*_FORBIDS, *_NOT_YET))
        and any(pattern.search(names) for pattern in _YES)
    )


# "celui de lundi 14h30", if the question was about that one
_THE_ONE_ASKED = grammar(r"(THIS|the* APPOINTMENT) FILLER? (OF|A|FOR) the* SAME ((OF|A|AT|TO|the)* SAME)*")


def _says_yes(names: str) -> bool:
    names = _THE_ONE_ASKED.sub(signs_of("FILLER"), names)
    if not any(pattern.search(names) for pattern in _YES) or _BROKEN_OFF.search(names):
        return False
    if any(no.search(names) for no in _NOT_YET):
        return False
    return _is_explained(names) or any(
        _gives_reason(names[: clause.start()], names[clause.start() :]) for clause in _CLAUSE_BEGINS.finditer(names, 1)
    )


def _is_explained(names: str) -> bool:
    return any(by.search(names) and all_of_it.search(names) for by, all_of_it in _EXPLAINED)


def _gives_reason(yes: str, reason: str) -> bool:
    """Whether `yes` is a complete yes and `reason`, which follows it, is only its reason."""
    if not _IN_A_REASON.search(reason) or not any(pattern.search(yes) for pattern in _YES) or not _is_explained(yes):
        return False
    if _LEAVES_NO_DOUBT.search(yes) and _NAMES_A_SUBJECT.search(reason):
        return True
    return _REASON.search(reason) is not None and not _MAY_BE_COMING.search(reason)


# No ------------------------------------------------------------------------------------------------------------------

_NO = grammar(
    r"NO|REFUSE|REFUSAL|KEEP|ERROR|LEAVE (?! .* (SOMEONE|A))|^ NOT ALL"
    r"|^ I? NE? WANT NOT (PERIOD|COMMA|polite|THIS|FILLER)* $"
    r"|FINALLY .* (COME|ATTEND)|(COME|ATTEND) FINALLY|FINALLY (I|FILLER)* CAN (?= $|pause|polite)"
    r"|^ (HAVE|I|COMMA|FILLER)* FINALLY (PERIOD|COMMA|polite)* $"
    # "je n'ai rien demandé", "N"
    r"|HAVE NOT (WANT|saying) (FILLER|THAT|OF)* (?= $|pause|polite)|^ NE around* $"
)
_CONTRADICTS = grammar(
    r"YES|OKAY|QUIT|giving_up|absent|MOVE|LATER|DELAY|HEDGE|IF|ONLY|QUESTION|ASK|OR"
    r"|CONFIRM (?! (FILLER|MY|THE|OF|A|THAT|I)* (ATTEND|APPOINTMENT|COME|KEEP|REFUSAL|REFUSE|NO|ERROR))"
    r"|WAIT (?! TO|WHEN|NUMBER|COUNT|THIS)"
)
# "annuler par erreur": the word for cancelling is taken back
_TAKEN_BACK = grammar(r"(CANCEL|CANCELLATION) (FILLER|BE|OF)* (?= ERROR)|ERROR (OF|the)* CANCELLATION")
# "non jeudi", "non je suis malade": no clear no, unless they also say that they keep it or come
_MAY_MEAN_OTHERWISE = grammar(r"TROUBLE|(WANT|NO) (FILLER|OF|the|COMMA|FOR)* (moment|SAME|ANOTHER)")
_KEEPS = grammar(r"ERROR|KEEP|REFUSE|REFUSAL|ATTEND|COME")


# "je viens", "je confirme ma venue": they keep it
_COMES = grammar(
    r"^ (around|I|FILLER|MY|BUT|THE|IF COMMA|SAME|moment|FINALLY|NO|ALL|TO|A|THAT|OF)* ATTEND"
    r"|(BUT|FINALLY) (I|FILLER|FINALLY)* (ATTEND|KEEP)"
)
_MAY_NOT_COME = grammar(
    r"YES|OKAY|AGREE|IF (?! COMMA)|HEDGE|QUESTION|ASK|AWAY|absent|giving_up|DELAY|MOVE|LATER|ANOTHER|NOT|NOMORE"
    r"|NE|OR|STRANGER|FAMILY (?! KEEP)|TROUBLE|WAIT|SMS|NOTED|ONLY|WHILE|POSSIBLE|WHETHER"
)


def _says_no(names: str) -> bool:
    if _COMES.search(names) and not _MAY_NOT_COME.search(names):
        return True
    if not _NO.search(names) or _CONTRADICTS.search(_TAKEN_BACK.sub("", names)):
        return False
    return not _MAY_MEAN_OTHERWISE.search(names) or _KEEPS.search(names) is not None
