"""Finds what the person did not write: text by telephones, by gateways, and by us.

Each function takes a cleaned text (`set_aside.clean`) and yields the places (start, end) of what it has found. The
patterns are what telephones are known to send by themselves: reactions as text, quotations, forwarded messages,
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
    """A reaction as text: a few words, then a quotation up to the end of the message, perhaps cut off."""
    found = _QUOTED_TO_THE_END.search(text)
    if found is None or not 0 < found.start() <= _LONGEST_LEAD:
        return
    lead = text[: found.start()]
    if "\n" not in lead.strip() and (_REACTED.match(lead.strip()) or _EMOJI_TO.match(lead)):
        yield 0, len(text)


# Quotations and forwarded messages ------------------------------------------------------------------------------------

_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_FORWARDED = re.compile(r"\A\s*(?:tr|fwd?|wg|rv|i|enc)\s?:\s|\A\W*(?:message )?transf[ée]r[ée]\w*\b", re.IGNORECASE)
_FORWARDED_BELOW = re.compile(r"^-{2,}\s*(?:message|forwarded|original)[^\n]*$", re.IGNORECASE | re.MULTILINE)
_TRANSLATED = re.compile(
    r"\A\W*(?:traduction|translation|traducci[óo]n|перевод|переклад|ترجمة)\b[^\n]{0,60}[:：]", re.IGNORECASE
)
_QUOTATION = re.compile(r"«[^«»]*(?:»|\Z)|“[^“”]*(?:”|\Z)|„[^„“”]*(?:[“”]|\Z)|\"[^\"]*\"")
_LETTER = re.compile(r"\w")
_SHORT = 3  # words: a short quotation («ANNULER», "DUP") is the person's own text


def quotations(text: str, _sent_lately: Sequence[str] = ()) -> Iterator[Span]:
    """Lines that begin with ">", text between quotation marks, and forwarded or translated text."""
    if _TRANSLATED.match(text):
        yield 0, len(text)
        return
    forwarded = _FORWARDED.match(text)
    if forwarded is None and "--" in text:
        forwarded = _FORWARDED_BELOW.search(text)
    if forwarded is not None:
        yield forwarded.start(), len(text)
    if ">" in text:
        yield from (line.span() for line in _QUOTED_LINE.finditer(text))
    for quoted in _QUOTATION.finditer(text):
        is_long = len(quoted[0].split()) > _SHORT
        if is_long or (quoted[0][0] != '"' and _LETTER.search(text[: quoted.start()] + text[quoted.end() :])):
            yield quoted.span()


# Our own text --------------------------------------------------------------------------------------------------------

_OUR_PIECES = ("rappel", "voulez-vous", "pour annuler", "pour\nannuler")  # one of these is in each of the phrases
_SAME_FROM = 24  # so many equal letters and digits in a row are copied from our text, not written by chance
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
    """Text that we sent to this number lately, whole or in part, with or without "RE:"; our reminder in translation."""
    if _REMINDER_ELSEWHERE.match(text):
        yield 0, len(text)
        return
    lowered = text.lower()
    if sent_lately:
        signs = lowered if len(lowered) == len(text) else text
        places = [place for place, sign in enumerate(signs) if sign.isalnum()]
        letters = "".join([signs[place] for place in places])
        lines = frozenset(place for place, sign in enumerate(text) if sign == "\n")
        for sent in sent_lately:
            yield from _common(letters, places, lines, _letters(sent))
    if any(piece in lowered for piece in _OUR_PIECES):
        for phrase in _OUR_PHRASES.finditer(text):
            if len(phrase[0]) >= _SAME_FROM:
                yield phrase.span()


def _common(letters: str, places: list[int], lines: frozenset[int], ours: str) -> Iterator[Span]:
    """The places of long pieces that `letters` and `ours` have in common.

    `places` are the places of the letters in the text, `lines` those of its line ends. Text on the line after such a
    piece is the person's.
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


@lru_cache(maxsize=64)  # each of our texts is compared with several messages
def _letters(sent: str) -> str:
    """The letters and digits of one of our texts, in small letters."""
    return "".join(filter(str.isalnum, sent.lower()))


# Auto-replies and notices --------------------------------------------------------------------------------------------

# In small letters; each with a piece of it that is searched first, because that is quick.
_AUTOMATIC = tuple(
    (piece, re.compile(rf"\b(?:{pattern})".replace(" ", r"\s")))
    for piece, pattern in (
        ("otomatique", "r[ée]pon[sc]e otomatique"),
        ("auto", r"r[ée]pon[sc]e auto(?:matique)?\b|automatic (?:reply|response)|auto-?\s?reply"),
        ("office", "out of (?:the )?office"),
        ("absent", r"absente? du bureau\b|je suis absente? jusqu"),
        ("disturb", "do not disturb"),
        ("focus", "with focus turned on"),
        ("ranger", "ne pas d[ée]ranger"),
        ("mode", "mode (?:avion|concentration|conduite)"),
        ("driving", r"i'm driving\b"),
        (
            "conduis",
            r"je conduis\b(?:(?!\bje conduis\b)[^\n])*\bje (?:vous )?(?:verrai|r[ée]pondrai|rappel)",
        ),
        ("volant", r"au volant\b(?:(?!\bau volant\b)[^\n])*\bje vous (?:r[ée]pond|rappel)"),
        (
            "peux",
            "je ne peux pas (?:vous )?(?:parler|r[ée]pondre) (?:pour l'instant|actuellement|pour le moment)",
        ),
        ("union", r"en r[ée]union\b(?:(?!\ben r[ée]union\b)[^\n])*\bvous rappel"),
        (
            "message",
            r"messagerie (?:vocale|pleine)|message (?:non|n'a pas [ée]t[ée]) (?:distribu|remis)"
            r"|merci de votre message\b",
        ),
        ("pleine", "bo[îi]te (?:vocale )?(?:est )?pleine"),
        ("mail", r"voice\s?mail|mailbox (?:is )?full"),
        ("appel", r"appels? (?:manqu[ée]s?|en absence)"),
        ("missed", "missed call"),
        ("correspondant", r"votre correspondant\b"),
        ("composez", r"composez le \d"),
        ("chec", "[ée]chec de l'envoi"),
        ("appuyez", "appuyez pour r[ée]essayer"),
        ("forfait", r"de votre forfait\b"),
        ("envoyez", r"envoyez stop\b(?:(?!\benvoyez stop\b)[^\n])*\bau \d{3,}"),
        ("service", "pour (?:annuler|arr[êe]ter) ce service"),
        ("pondre", r"ne pas r[ée]pondre\b\W*\Z"),
        ("est", r"(?:le salon|le cabinet|le magasin|la boutique|le garage) est (?:ouvert|ferm)"),
        ("votre", r"votre (?:colis|commande|livraison) (?:sera|est|a [ée]t[ée])\b"),
        ("contraint", r"est contraint d'annuler votre\b"),
        ("appli", r"sans frais dans l'appli\b"),
    )
)


def automatic(text: str, _sent_lately: Sequence[str] = ()) -> Iterator[Span]:
    """The whole text, if a telephone, an office or a network operator sent it automatically."""
    lowered = text.lower()
    if any(piece in lowered and pattern.search(lowered) for piece, pattern in _AUTOMATIC):
        yield 0, len(text)
