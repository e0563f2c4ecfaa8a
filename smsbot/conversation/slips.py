"""How the thumb misses "oui", "non" and "ok" on a telephone's keyboard: the listed misspellings, from its layout.

A slip is a neighbouring key, hit instead of the right one or along with it, two letters swapped, a letter missing at
the front, or the digit that looks like the letter. All of them are listed here once, at import; a word that is merely
similar is none of them. They are answers only where an answer was asked for: anywhere else they may be letters of a
name.
"""

from __future__ import annotations

from collections.abc import Iterator

_ROWS = ("azertyuiop", "qsdfghjklm", "  wxcvbn  ")  # AZERTY as telephones draw it, the keys right below one another
_LOOKS_LIKE = {"o": "0", "i": "1l"}


def _neighbours(letter: str) -> set[str]:
    (row,) = [index for index, keys in enumerate(_ROWS) if letter in keys]
    column = _ROWS[row].index(letter)
    near = {keys[near] for keys in _ROWS[max(row - 1, 0) : row + 2] for near in range(max(column - 1, 0), column + 2)
            if near < len(keys)}  # fmt: skip
    return near - {letter, " "}


def _slips(word: str) -> Iterator[str]:
    for index, letter in enumerate(word):
        before, after = word[:index], word[index + 1 :]
        for near in _neighbours(letter):
            yield from (before + near + after, before + near + letter + after, before + letter + near + after)
        for digit in _LOOKS_LIKE.get(letter, ""):
            yield before + digit + after
        if after:
            yield before + after[0] + letter + after[1:]
    yield word[1:]


# What a slip would give and is a word, a name or the beginning of one; or short for something else.
_WORDS = frozenset(
    "lui ou oi ouh ouo loui moui poui joui boui oul ouil houi ouk oku ko ki ik lk jk ol li ml il pk ik kok k o no on om "
    "ok okm mk oo nous noun".split()
)

SLIPS_OF_YES = frozenset({*_slips("oui"), "0u1", "ou1", "oyo", "0k"}) - _WORDS - {"oui", "non", "ok"}
