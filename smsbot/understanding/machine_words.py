"""What telephones, gateways and we ourselves write: found in a message, so that nobody takes it for the person's words.

Each function takes a cleaned text (`set_aside.clean`) and gives the places of what it has found, as (start, end). The
facts are what telephones are known to send by themselves: reactions told as text, quotations, forwarded messages,
auto-replies, notices of voicemail and of the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

Span = tuple[int, int]

# Reactions -----------------------------------------------------------------------------------------------------------

_REACTED = re.compile(
    r"""
    (?: a\s)? (?: aim[ée]e? | ador[ée]e? | r[ée]agi | ri | trouv[ée] (?: \s (?:[cç]a\s)? (?:dr[ôo]le|amusant) )
              | insist[ée]\ssur | mis\s (?:l'accent | un | une | en) | pos[ée]\sune\squestion | questionn[ée]
              | retir[ée] | supprim[ée] | soulign[ée] | exclam[ée] )
  | n'a\s pas\s aim[ée] | n'aime\s pas
  | liked | loved | disliked | laughed\s at | emphasi[sz]ed | questioned | reacted | removed | added
  | (?:le\s|la\s)? (?:gust[óo] | encant[óo]) | no\s le\s gust[óo] | reaccion[óo] | gostou | adorou | reagiu
  | ha\s (?:messo|reagito|espresso|riso|evidenziato) | piace | gef[äa]llt | mag | reagierte | hat
  | a\s (?:apreciat|reac[țt]ionat|r[âa]s) | i-a\s pl[ăa]cut
  | polubi[łl] | zareagowa[łl] | be[ğg]endi | tepki
  | понравил\w* | отреагировал\w* | вподобал\w* | сподобал\w* | أعجب\w* | تفاعل\w*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_QUOTED_TO_THE_END = re.compile(r"[«“„\"][^«“„\"]*(?:[»”\"]\W*|…|\.\.\.)?\s*\Z")
_LONGEST_LEAD = 60  # characters before the quotation: "Sophie a réagi avec 👍 à "
_EMOJI_TO = re.compile(r"\A\W+(?:to|à|a|zu|an|su|em|en)\s\Z", re.IGNORECASE)


def reactions(text: str, _sent_lately: Sequence[str] = ()) -> Iterator[Span]:
    """A reaction told as text: a few words, then a quotation that reaches to the end, perhaps cut off."""
    found = _QUOTED_TO_THE_END.search(text)
    if found is None or not 0 < found.start() <= _LONGEST_LEAD:
        return
    lead = text[: found.start()]
    if "\n" not in lead.strip() and (_REACTED.match(lead.strip()) or _EMOJI_TO.match(lead)):
        yield 0, len(text)


# Quotations, and what was passed on -----------------------------------------------------------------------------------

_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_FORWARDED = re.compile(
    r"\A\s*(?:tr|fwd?|wg|rv|i|enc)\s?:\s|^-{2,}\s*(?:message|forwarded|original)[^\n]*$"
    r"|\A\W*(?:message )?transf[ée]r[ée]\w*\b",
    re.IGNORECASE | re.MULTILINE,
)
_TRANSLATED = re.compile(
    r"\A\W*(?:traduction|translation|traducci[óo]n|перевод|переклад|ترجمة)\b[^\n]{0,60}[:：]", re.IGNORECASE
)
_QUOTATION = re.compile(r"«[^«»]*(?:»|\Z)|“[^“”]*(?:”|\Z)|„[^„“”]*(?:[“”]|\Z)|\"[^\"]*\"")
_SHORT = 3  # words: «ANNULER», "DUP" are the person's own word between signs


def quotations(text: str, _sent_lately: Sequence[str] = ()) -> Iterator[Span]:
    """Lines with ">" before them, what stands between quotation marks, what was forwarded or translated."""
    if _TRANSLATED.match(text):
        yield 0, len(text)
        return
    if (forwarded := _FORWARDED.search(text)) is not None:
        yield forwarded.start(), len(text)
    yield from (line.span() for line in _QUOTED_LINE.finditer(text))
    for quoted in _QUOTATION.finditer(text):
        beside = text[: quoted.start()] + text[quoted.end() :]
        if len(quoted[0].split()) > _SHORT or (re.search(r"\w", beside) and quoted[0][0] != '"'):
            yield quoted.span()


# Our own text --------------------------------------------------------------------------------------------------------

_SAME_FROM = 24  # letters and digits in a row that are as in a text of ours: nobody writes so by chance
_OUR_PHRASES = re.compile(
    r"""
    (?: \bre\s?:\s* )?
    (?: rappel\s:\svotre\s (?:participation\sau\s)? (?:rdv|rendez-vous) \b [^\n]*?
          (?: r[ée]pondez (?:[ ]annuler\b)? (?:[ ]ou\b)? (?:\s?https?\S*)? | (?=\n) | \Z )
      | voulez-vous\sannuler\svotre\s[^\n?]* (?: \?? \s? r[ée]pondez(?:[ ]oui)?(?:[ ]ou[ ]non)?\.? | \? | (?=\n) | \Z )
      | pour\sannuler(?:\svotre\srdv)?,\sr[ée]pondez[^\n]*
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_REMINDER_ELSEWHERE = re.compile(
    r"\A\W*(?:reminder|recordatorio|lembrete|promemoria|erinnerung|przypomnienie|hat[ıi]rlatma|memento|reamintire"
    r"|нагадування|напоминание|تذكير|یادآوری|提醒|நினைவூட்டல்)\b",
    re.IGNORECASE,
)


def our_own(text: str, sent_lately: Sequence[str] = ()) -> Iterator[Span]:
    """Parts of what we sent to this number lately, whole or cut, with or without "RE:"; our reminder translated."""
    if _REMINDER_ELSEWHERE.match(text):
        yield 0, len(text)
        return
    if sent_lately:
        lowered = text.lower() if len(text.lower()) == len(text) else text
        places = [place for place, sign in enumerate(lowered) if sign.isalnum()]
        letters = "".join([lowered[place] for place in places])
        lines = frozenset(place for place, sign in enumerate(text) if sign == "\n")
        for sent in sent_lately:
            yield from _common(letters, places, lines, _letters(sent))
    for phrase in _OUR_PHRASES.finditer(text):
        if len(phrase[0]) >= _SAME_FROM:
            yield phrase.span()


def _common(letters: str, places: list[int], lines: frozenset[int], ours: str) -> Iterator[Span]:
    """Where `letters` has a long piece of `ours`: `places` are those of its letters in the text.

    What stands on a line of its own behind it (`lines` are the places of line ends) is the person's.
    """
    for start in range(0, len(ours) - _SAME_FROM + 1, _SAME_FROM):
        at = letters.find(ours[start : start + _SAME_FROM])
        if at < 0:
            continue
        first, last = at, at + _SAME_FROM
        before, after = start, start + _SAME_FROM
        while first > 0 and before > 0 and letters[first - 1] == ours[before - 1]:
            first, before = first - 1, before - 1
        while last < len(letters) and after < len(ours) and letters[last] == ours[after]:
            if not lines.isdisjoint(range(places[last - 1], places[last])):
                break
            last, after = last + 1, after + 1
        yield places[first], places[last - 1] + 1
        return


@lru_cache(maxsize=64)  # each text of ours is compared with several messages
def _letters(sent: str) -> str:
    """The letters and digits of a text of ours, in small letters."""
    return "".join(filter(str.isalnum, sent.lower()))


# Auto-replies and notices --------------------------------------------------------------------------------------------

_AUTOMATIC = re.compile(
    r"""
    \b(?: r[ée]pon[sc]e\sotomatique | r[ée]pon[sc]e\sauto(?:matique)?\b | automatic\s(?:reply|response) | auto-?\s?reply
  | out\sof\s(?:the\s)?office | \babsente?\sdu\sbureau\b | \bje\ssuis\sabsente?\sjusqu
  | do\snot\sdisturb | with\sfocus\sturned\son | ne\spas\sd[ée]ranger | mode\s(?:avion|concentration|conduite)
  | i'm\sdriving\b | je\sconduis\b[^\n]*\bje\s(?:vous\s)?(?:verrai|r[ée]pondrai|rappel)
  | (?:je\ssuis\s)?au\svolant\b[^\n]*\bje\svous\s(?:r[ée]pond|rappel)
  | je\sne\speux\spas\s(?:vous\s)?(?:parler|r[ée]pondre)\s(?:pour\sl'instant|actuellement|pour\sle\smoment)
  | en\sr[ée]union\b[^\n]*\b(?:puis-je\s)?vous\srappel
  | messagerie\s(?:vocale|pleine) | bo[îi]te\s(?:vocale\s)?(?:est\s)?pleine | voice\s?mail | mailbox\s(?:is\s)?full
  | \bappels?\s(?:manqu[ée]s?|en\sabsence) | missed\scall | votre\scorrespondant\b | composez\sle\s\d
  | message\s(?:non|n'a\spas\s[ée]t[ée])\s(?:distribu|remis) | [ée]chec\sde\sl'envoi | appuyez\spour\sr[ée]essayer
  | \bde\svotre\sforfait\b | envoyez\sstop\b[^\n]*\bau\s\d{3,} | pour\s(?:annuler|arr[êe]ter)\sce\sservice
  | \bne\spas\sr[ée]pondre\b\W*\Z | \bmerci\sde\svotre\smessage\b
  | \b(?:le\ssalon|le\scabinet|le\smagasin|la\sboutique|le\sgarage)\sest\s(?:ouvert|ferm)
  | \bvotre\s(?:colis|commande|livraison)\s(?:sera|est|a\s[ée]t[ée])\b
  | \best\scontraint\sd'annuler\svotre\b | \bsans\sfrais\sdans\sl'appli\b
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)


def automatic(text: str, _sent_lately: Sequence[str] = ()) -> Iterator[Span]:
    """The whole text, where a telephone, an office or an operator has written it by itself."""
    if _AUTOMATIC.search(text):
        yield 0, len(text)
