"""How likely it is that a row of concepts is a request, or a yes: plain logistic regression.

The features are sequences of one to three concepts, with the beginning and the end of the row; the same without the
small words; and what the rules found. `python -m tests.corpus train` learns the weights from the labelled replies and
writes them into `learned/*.txt`, in thousandths. The weights may propose and may forbid. They decide nothing alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smsbot.made_often import made_often
from smsbot.understanding.concepts import concepts
from smsbot.understanding.grammar import spelled

_FOLDER = Path(__file__).parent / "learned"
_LONGEST = 3  # concepts of one feature
_BEGIN, _END = "^", "$"
_ALWAYS = ""  # a feature of every row, as the constant term
_WHOLE = 1000
# Small words. Without them, three concepts in a row cover more of the sentence.
_SMALL = frozenset(
    concept.name
    for concept in concepts(
        "THE MY OF A FILLER COMMA I TO THEY YOU ONE THIS AND FOR ALL AT HELLO POLITE THANKS PLEASE THAT PERIOD WHEN "
        "TIME DATE NUMBER SAME"
    )
)


@made_often
@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a message: its row (`grammar.row`), and what the rules found in it."""

    names: str
    signs: tuple[str, ...] = ()

    def features(self) -> Iterator[str]:
        """The features, each once."""
        concepts = spelled(self.names)
        named = [_ALWAYS, *self.signs, *_in_a_row(concepts), *_in_a_row([c for c in concepts if c not in _SMALL], "~")]
        yield from dict.fromkeys(named)


def _in_a_row(concepts: list[str], mark: str = "") -> Iterator[str]:
    row = [_BEGIN, *concepts, _END]
    for length in range(1, _LONGEST + 1):
        for start in range(len(row) - length + 1):
            yield mark + " ".join(row[start : start + length])


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each feature, in thousandths."""

    of: dict[str, int]

    def likelihood(self, evidence: Evidence) -> float:
        """The likelihood, between 0 and 1."""
        weighed = sum([self.of.get(feature, 0) for feature in evidence.features()])
        return 1 / (1 + math.exp(-max(min(weighed / _WHOLE, 30.0), -30.0)))

    def reasons(self, evidence: Evidence) -> list[tuple[str, int]]:
        """The features that have a weight, with it, the heaviest first."""
        found = [(feature, self.of[feature]) for feature in evidence.features() if feature in self.of]
        return sorted(found, key=lambda one: (-abs(one[1]), one[0]))


def load_weights(name: str) -> Weights:
    """The weights of `learned/{name}.txt`."""
    of = {}
    for line in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            weight, _, feature = line.partition(" ")
            of[feature] = int(weight)
    return Weights(of)


def written(weights: Weights, title: str) -> str:
    """The text of a file for `load_weights`; the same weights always give the same text."""
    lines = [f"{weight} {feature}" for feature, weight in sorted(weights.of.items())]
    return "\n".join([f"# {title}", *lines]) + "\n"
