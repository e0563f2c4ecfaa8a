"""From the text of a message to words and what they are about.

People write without accents, run words together ("jannule"), draw them out ("ouiiii"), spell them ("O U I") and spell
them as they sound ("anulé"). All of that is dealt with here, so that the grammars only ever see concepts. Every word
keeps its place in the text. Nothing here raises, whatever the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from smsbot.conversation.vocabulary import ORDINARY, WORDS, Concept


@dataclass(frozen=True, slots=True)
class Token:
    """A word or fixed phrase: what it is about, and its place in `Reading.text`."""

    word: str
    concept: Concept
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as read: its cleaned text and its tokens, in order."""

    text: str
    tokens: tuple[Token, ...]

    @property
    def concepts(self) -> frozenset[Concept]:
        return frozenset(token.concept for token in self.tokens)


def read(text: str) -> Reading:
    """Read a message; the signature of a mail program or below a closing formula is left out."""
    cleaned = _SENT_FROM.sub("", clean(text))
    return Reading(cleaned, tuple(_without_signature(list(_tokens(cleaned)))))


# Letters -------------------------------------------------------------------------------------------------------------

_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ´`′ʹꞌ＇"), "'")
_UNDECOMPOSED = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "þ": "th"})
_NUMBER_SIGN = re.compile(r"\bn(?:[°º]|o\.?(?=\s?\d))\s*|№\s*", re.IGNORECASE)
# Joiners, direction marks, variation selectors, enclosing keycaps, skin tones, tags, surrogates.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20dd-\u20e4\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff\U000e0000-\U000e01ef\ud800-\udfff]"
)


def clean(text: str) -> str:
    """The text with one apostrophe, compatible characters folded (ＯＵＩ, ②) and without invisible ones."""
    text = _NUMBER_SIGN.sub("numero ", text)
    if text.isascii():
        return text.replace("`", "'")
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)))


def plain(word: str) -> str:
    """Lower case without accents: how the vocabulary is written."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word.casefold().translate(_UNDECOMPOSED))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_DOUBLED = re.compile(r"([^\W\d_])\1+")


_ENDING = re.compile(r"(?<=\w{3})(?:er|ez|ees?|es)\Z")


def squeeze(word: str) -> str:
    """Every doubled letter once: "anuller", "annuler" and "annnuler" are one word."""
    return _DOUBLED.sub(r"\1", word)


def _by_ear(word: str) -> str:
    """Squeezed, and the endings that sound the same written the same: "déplacer", "déplacez", "déplacé"."""
    return _ENDING.sub("e", squeeze(word))


# The lexicon ---------------------------------------------------------------------------------------------------------


def _entries(words: str) -> Iterator[str]:
    for entry in re.split(r"[,\n]", words):
        if entry.strip():
            yield plain(entry.strip())


class _Phrases:
    """Fixed phrases by how they sound, as a tree: one word after the other."""

    def __init__(self) -> None:
        self._after: dict[str, _Phrases] = {}
        self._written: set[str] = set()
        self._concept: Concept | None = None

    def add(self, words: Sequence[str], concept: Concept) -> None:
        branch = self
        for word in words:
            self._written.add(word)
            branch = branch._after.setdefault(_by_ear(word), _Phrases())
        branch._concept = branch._concept or concept

    def has(self, word: str) -> bool:
        return word in self._written

    def words(self) -> Iterable[str]:
        return self._written

    def longest_at(self, sounds: Sequence[str], index: int) -> tuple[int, Concept] | None:
        found, branch = None, self
        for length, sound in enumerate(sounds[index:], start=1):
            following = branch._after.get(sound)
            if following is None:
                break
            branch = following
            if branch._concept is not None:
                found = length, branch._concept
        return found


class _Lexicon:
    """The vocabulary, arranged for looking words and phrases up."""

    def __init__(self) -> None:
        self.words: dict[str, Concept] = {}
        self.squeezed: dict[str, Concept] = {}
        self.by_ear: dict[str, Concept] = {}
        self.phrases = _Phrases()
        for concept, words in [*WORDS.items(), (Concept.ORDINARY, ORDINARY)]:
            for entry in _entries(words):
                self._add(entry, concept)
        self.sounds = {word: _by_ear(word) for word in (*self.words, *self.phrases.words())}

    def _add(self, entry: str, concept: Concept) -> None:
        parts = entry.split()
        if len(parts) > 1:
            self.phrases.add(parts, concept)
        else:
            self.words.setdefault(entry, concept)
            self.squeezed.setdefault(squeeze(entry), concept)
            self.by_ear.setdefault(_by_ear(entry), concept)

    def concept(self, word: str) -> Concept | None:
        """What one word is about, by its listed spelling or one with doubled or single letters."""
        concept = self.words.get(word)
        if concept is not None:
            return concept
        squeezed = squeeze(word)
        concept = self.squeezed.get(squeezed) or _inflected(squeezed)
        if concept is None and len(word) > _SHORT:
            concept = self.by_ear.get(_by_ear(word))
        return concept

    def is_in_phrases(self, word: str) -> bool:
        return self.phrases.has(word)

    def sound(self, word: str) -> str:
        return self.sounds.get(word) or _by_ear(word)

    def phrase_at(self, sounds: list[str], index: int) -> tuple[int, Concept] | None:
        """The longest fixed phrase that begins at `index`: how many words it has, and its concept."""
        found = self.phrases.longest_at(sounds, index)
        if found is None and index + 1 < len(sounds) and sounds[index].startswith("r"):
            if _RENDEZ.fullmatch(sounds[index]) and _VOUS.fullmatch(sounds[index + 1]):
                return 2, Concept.APPOINTMENT
        return found


# Words with too many spellings to list are told by their shape, after squeezing.
_RENDEZ = re.compile(r"r[aeoi]n?d[aeiouyszxrt]{0,3}|rd[ezs]{0,2}|rnd[eéz]*")
_VOUS = re.compile(r"v(?:o?u?[stxz]?|oux|oud|oui?s)")
_RENDEZVOUS = re.compile(r"r[aeo]n?d[aeiszxr]{0,3}v(?:o?u|o)?[stxz]?|rd[ez]{0,2}vou?s?")
_SHAPES = (
    (re.compile(r"h?an[uiy]lez|anuliez"), Concept.ORDER),
    (re.compile(r"h?(?:re)?an[uiy]l(?:e|er|es|ent|ons|ions|ant|ai|ais|ait|et|r|ar|are|eer|ere|eis|o|ado|owac)?"), Concept.CANCEL),
    (re.compile(r"an[uiy]lera?(?:i|is|it|s)?|anuler(?:ez|iez|ons|ont|ions)"), Concept.WILL),
    (re.compile(r"an[uiy]l+(?:at|as|ac|ass)i?on?s?|anulat+ions?|an[uiy]lat[io]+n?s?"), Concept.CANCELLATION),
    (re.compile(r"cancel(?:a|ar|e|ed|er|ing|o)?"), Concept.CANCEL),
    (re.compile(r"cancel+ations?"), Concept.CANCELLATION),
    (_RENDEZVOUS, Concept.APPOINTMENT),
)


_SHORT = 4
_FIRST_LETTERS = ("a", "h", "r", "c", "e")


def _inflected(squeezed: str) -> Concept | None:
    if not squeezed.startswith(_FIRST_LETTERS):
        return None
    for shape, concept in _SHAPES:
        if shape.fullmatch(squeezed):
            return concept
    return None


_CANCEL_WORDS = ("annuler", "annulez", "annule", "annulation")
_CANCEL_WORDS_SQUEEZED = ("anuler", "anulez", "anulation")
_CANCEL_TRACES = re.compile(r"nul|anu|anl|aul")
_NOT_CANCEL = re.compile(r"m?an?u(?:el|air|al)|anon|anul[ai]i?r|anunci|canul|granul|formul|calcul|cumul|ondul|modul|nul$|nule$")


def is_almost_cancel(word: str) -> bool:
    """One slip of the finger away from a word for cancelling ("annulre", "annuker"); "annuel" and "annuaire" are not."""
    squeezed = squeeze(word)
    if len(word) < 5 or not _CANCEL_TRACES.search(squeezed) or _NOT_CANCEL.match(squeezed):
        return False
    slip = 2 if len(word) >= 9 else 1
    return any(OSA.distance(word, right, score_cutoff=slip) <= slip for right in _CANCEL_WORDS if len(right) > 3 * slip) or any(
        OSA.distance(squeezed, right, score_cutoff=1) <= 1 for right in _CANCEL_WORDS_SQUEEZED
    )


_LEXICON = _Lexicon()

_POLITE = (Concept.POLITE, Concept.THANKS, Concept.PLEASE, Concept.HELLO)
_IN_PHRASES = {
    part: concept
    for concept in [*(concept for concept in WORDS if concept not in _POLITE), *_POLITE]
    for entry in _entries(WORDS[concept])
    for part in entry.split()
    if len(part) > 3
}
_LONG = 6


def everyday(word: str) -> Concept | None:
    """What an everyday word is about by the spelling that is listed, drawn out at most ("merciiii").

    None for any other word: it may be a name. A long word may have its double letters single and be inflected.
    """
    for spelling in (word, _DRAWN_OUT.sub(r"\1", word)):
        concept = _LEXICON.words.get(spelling) or _IN_PHRASES.get(spelling)
        if concept is not None:
            return concept
    if len(word) < _LONG:
        return None
    return _LEXICON.concept(word) or (_LEXICON.words.get(word[1:]) if word[0] == "j" else None)


# Tokens --------------------------------------------------------------------------------------------------------------

_MONTHS = "janvier|janv|f[ée]vrier|fev|mars|avril|mai|juin|juillet|juil|ao[uû]t|septembre|sept|octobre|oct|novembre|nov|d[ée]cembre|dec"
_TOKEN = re.compile(
    rf"""
    (?P<smiley> [:;=]'?-?[()DPp](?!\w) | <3 | \^\^ )
  | (?P<time> \d{{1,2}}\s?(?:h|:)(?:\s?\d\d)?(?![^\W\d_]) | \d{{1,2}}\s?heures?(?:\s?\d\d)?(?!\w) | \d+\s?(?:mns?|min|minutes?)(?!\w) )
  | (?P<date> \d{{1,2}}[/.-]\d{{1,2}}(?:[/.-]\d{{2,4}})?(?!\w) | \d{{1,2}}(?:er)?\s(?:{_MONTHS})(?!\w) )
  | (?P<ordinal> \d+(?:ers?|[eéè]res?|re|[eéè]mes?|i[eéè]mes?|nde?|e|è)(?!\w) )
  | (?P<number> (?<!\w)\d+(?!\w) )
  | (?P<spelled> (?<!\w)(?:[^\W\d_][ .-]+){{2,}}[^\W\d_](?!\w) )
  | (?P<word> \w+ )
  | (?P<question> \?+ )
  | (?P<line> \n )
  | (?P<period> [.!;…]+ )
  | (?P<comma> [,:()"«»–—|] | \s-\s )
  | (?P<sign> [^\s\w] )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SIGNS = {"❓": Concept.QUESTION, "❔": Concept.QUESTION, "⁉": Concept.QUESTION, "¿": Concept.QUESTION}
_OF_KIND = {
    "time": Concept.TIME,
    "date": Concept.DATE,
    "ordinal": Concept.ORDINAL,
    "number": Concept.NUMBER,
    "question": Concept.QUESTION,
    "line": Concept.PERIOD,
    "period": Concept.PERIOD,
    "comma": Concept.COMMA,
}
_SAID_AS_ONE = {
    "chui": "je suis",
    "chuis": "je suis",
    "jss": "je suis",
    "jsui": "je suis",
    "g": "j ai",
    "ge": "j ai",
    "cest": "c est",
    "sest": "c est",
    "cetait": "c etait",
    "ct": "c etait",
    "jen": "j en",
    "jy": "j y",
    "jle": "je le",
    "jla": "je la",
    "jme": "je me",
    "jne": "je ne",
    "jvous": "je vous",
    "jvs": "je vous",
    "jpp": "je peux pas",
    "quil": "qu il",
    "quon": "qu on",
    "dla": "de la",
    "nest": "n est",
    "sil": "s il",
    "dtf": "de toute facon",
}
_NOT_SPELLED = {"nya", "lya", "yat", "jya", "cad", "yan", "yal"}
_ANSWERS = {Concept.YES, Concept.NO, Concept.OKAY, Concept.AGREE, Concept.INTRO, Concept.HELLO}
_AFTER_I = {
    *(Concept.CAN, Concept.WANT, Concept.MUST, Concept.GO, Concept.SAY, Concept.TELL, Concept.DO, Concept.BE, Concept.HAVE, Concept.TRY),
    *(Concept.ATTEND, Concept.CONFIRM, Concept.KEEP, Concept.DROP, Concept.LEAVE, Concept.CANCEL, Concept.WILL, Concept.REBOOK),
    *(Concept.FREE, Concept.GIVE, Concept.REMOVE, Concept.MOVE, Concept.TROUBLE, Concept.HEDGE, Concept.ABSENT, Concept.NOTED),
}
_ELIDED = ("qu", "l", "d", "n", "m", "s", "t", "c", "j")
_VOWELS = "aeiouyh"
_RUN_TOGETHER = re.compile(r"(oui+|ok|non)(\w{2,})")
_CANCEL_RUN_TOGETHER = re.compile(r"(an+ul+(?:ation|er|ez|e))(mon|le|ce|du|moi)?(rdv|rendezvous|rendez)?(svp|merci|stp)?")


def _tokens(text: str) -> Iterator[Token]:
    pieces = _with_est(list(_pieces(text)))
    sounds = [_LEXICON.sound(piece.word) for piece in pieces]
    index = 0
    while index < len(pieces):
        piece = pieces[index]
        phrase = _LEXICON.phrase_at(sounds, index)
        if phrase is not None:
            length, concept = phrase
            yield Token(" ".join(sounds[index : index + length]), concept, piece.start, pieces[index + length - 1].end)
            index += length
        else:
            yield piece
            index += 1


def _with_est(pieces: list[Token]) -> list[Token]:
    """ "c bon" says "c'est bon". """
    said: list[Token] = []
    for piece, after in zip(pieces, [*pieces[1:], None], strict=False):
        said.append(piece)
        if piece.word == "c" and after is not None and after.concept is not Concept.BE:
            said.append(Token("est", Concept.BE, piece.start, piece.end))
    return said


def _pieces(text: str) -> Iterator[Token]:
    """Words one by one, before phrases are put together."""
    for match in _TOKEN.finditer(text):
        kind, written, (start, end) = match.lastgroup, match.group(), match.span()
        if kind == "word" or (kind == "spelled" and plain(re.sub(r"[ .-]", "", written)) in _NOT_SPELLED):
            for part in re.finditer(r"\w+", written):
                yield from _word(plain(part.group()), start + part.start(), start + part.end())
        elif kind == "spelled":
            yield from _word(plain(re.sub(r"[ .-]", "", written)), start, end)
        elif kind == "sign":
            concept = _LEXICON.words.get(written) or _SIGNS.get(written)
            if concept is not None:
                yield Token(written, concept, start, end)
        elif kind in _OF_KIND:
            yield Token(written, _OF_KIND[kind], start, end)


def _word(word: str, start: int, end: int) -> Iterator[Token]:
    for part, concept in _parts(word):
        yield Token(part, concept, start, end)


def _parts(word: str) -> list[tuple[str, Concept]]:
    """One written word as the words it says."""
    if word in _SAID_AS_ONE:
        return [(part, _LEXICON.concept(part) or Concept.FILLER) for part in _SAID_AS_ONE[word].split()]
    for spelling in (word, _DRAWN_OUT.sub(r"\1", word)):
        concept = _LEXICON.concept(spelling)
        if concept is not None:
            return [(spelling, concept)]
    if _LEXICON.is_in_phrases(word):
        return [(word, Concept.UNKNOWN)]
    taken_apart = _elided(word) or _run_together(word)
    if taken_apart:
        return taken_apart
    return [(word, Concept.ALMOST if is_almost_cancel(word) else Concept.UNKNOWN)]


def _elided(word: str) -> list[tuple[str, Concept]]:
    """ "jannule", "lannuler", "jpeux", "jlannule": a pronoun or article written onto a known word."""
    for prefix in _ELIDED:
        rest = word.removeprefix(prefix)
        if rest == word or len(rest) < 2:
            continue
        concept = _LEXICON.concept(rest)
        if concept is None:
            following = _elided(rest) if len(prefix) == 1 and rest[0] in "lnm" else []
        else:
            allowed = concept in _AFTER_I if prefix in "jnmstc" else concept not in _ANSWERS
            allowed = allowed and (prefix == "j" or rest[0] in _VOWELS)
            following = [(rest, concept)] if allowed else []
        if following:
            return [(prefix, _LEXICON.words[prefix]), *following]
    return []


def _run_together(word: str) -> list[tuple[str, Concept]]:
    """ "ouiannuler", "annulermonrdv". """
    match = _CANCEL_RUN_TOGETHER.fullmatch(word)
    if match:
        return [(part, concept) for part in match.groups() if part and (concept := _LEXICON.concept(part))]
    match = _RUN_TOGETHER.fullmatch(word)
    if match:
        answer, rest = match.groups()
        concept = _LEXICON.concept(rest)
        if concept is not None and concept not in (Concept.OF, Concept.THE, Concept.I):
            return [(answer, _LEXICON.words[squeeze(answer)]), (rest, concept)]
    return []


# Signatures ----------------------------------------------------------------------------------------------------------

_SENT_FROM = re.compile(
    r"\s*(?:envoy[ée]|sent|t[ée]l[ée]chargez|obtenez|provenance)[^\n]{0,14}"
    r"\b(?:mon|ma|my|iphone|ipad|samsung|android|outlook|yahoo|orange|sfr|free|mobile|smartphone)\b.*\Z",
    re.IGNORECASE | re.DOTALL,
)
_NAME_CONCEPTS = {
    *(Concept.UNKNOWN, Concept.HELLO, Concept.POLITE, Concept.OF, Concept.THE, Concept.I, Concept.THANKS, Concept.CLOSING),
    *(Concept.YOU, Concept.MY, Concept.PERIOD, Concept.COMMA, Concept.FAMILY, Concept.ORDINARY, Concept.FILLER),
}
_LONGEST_NAME = 8


def _without_signature(tokens: list[Token]) -> list[Token]:
    """What comes before the closing formula's name: "Cordialement, Hubert de Montclar" is no part of an answer."""
    closings = [index for index, token in enumerate(tokens) if token.concept is Concept.CLOSING]
    if not closings:
        return tokens
    after = tokens[closings[-1] + 1 :]
    if len(after) <= _LONGEST_NAME and all(token.concept in _NAME_CONCEPTS for token in after):
        return tokens[: closings[-1] + 1]
    return tokens
