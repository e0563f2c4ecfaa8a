"""The base of all of smsbot's exceptions: something cannot be done, and one sentence says why."""

from __future__ import annotations


class Problem(Exception):
    """Something cannot be done. It is shown to somebody or handled by the caller.

    `sentence` says in one line why, and what to do about it if anything can be done. `str()` gives the sentence too.
    `sentences` are several problems that were found at once, each with a sentence of its own.
    """

    def __init__(self, sentence: str, *more: str) -> None:
        self.sentences = (sentence, *more)
        self.sentence = "; ".join(self.sentences)
        super().__init__(self.sentence)
