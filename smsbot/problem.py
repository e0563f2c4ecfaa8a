"""The base of every exception of smsbot: what cannot be done, said in one sentence."""

from __future__ import annotations


class Problem(Exception):
    """Something that cannot be done, and is told to somebody or dealt with by the caller.

    `sentence` says in one line why, and what to do about it where there is something. `str()` has it too.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
