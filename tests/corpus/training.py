"""Learns the weights of `smsbot.understanding.weights` from the labelled replies.

It is plain Python with a fixed order and number of rounds, so the same replies give the same bytes everywhere. Replies
of `held_back.tsv` are never used.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from smsbot.understanding.confirmation import confirmation_evidence
from smsbot.understanding.moments import named, with_something_else
from smsbot.understanding.opening import opening_evidence
from smsbot.understanding.weights import Evidence, Weights
from smsbot.understanding.words import read
from tests.corpus.hands import ASKED, NO_OPENING, lines
from tests.corpus.measure import replies

_ROUNDS = 30
_RATE = 0.3
_DECAY = 0.004  # keeps weights small that only few replies support
_OWN_HAND = 0.5  # how much a reply counts that we wrote ourselves
_OWN_PARTS = ("development", "tables")
_SEEN_IN = 2  # replies that a feature has to occur in
_LEAST = 20  # thousandths: smaller weights are left out
_POSITIVE = {"opening": ("cancel",), "confirmation": ("yes",)}
_NEGATIVE = {"opening": NO_OPENING, "confirmation": ("no", "unclear")}


@dataclass(frozen=True, slots=True)
class Example:
    """The features of a reply, its label, and how much it counts."""

    features: tuple[str, ...]
    is_one: bool
    counts: float = 1.0


def evidence_of(situation: str, text: str) -> Evidence:
    """The evidence that the reader of this situation weighs."""
    reading = named(read(text), (ASKED,))
    if situation == "opening":
        return opening_evidence(reading)
    return confirmation_evidence(with_something_else(reading))


def learn(situation: str, without: str | None = None) -> Weights:
    """The weights of a situation, learned from all hands, or from all except the hand `without`."""
    examples = [
        _example(line.situation, line.text, line.label in _POSITIVE[situation])
        for line in lines(situation)
        if line.hand != without and line.label in (*_POSITIVE[situation], *_NEGATIVE[situation])
    ]
    examples += [
        _example(situation, reply.text, reply.label in _POSITIVE[situation], _OWN_HAND)
        for part in _OWN_PARTS
        for reply in replies(part)
        if reply.situation == situation and reply.label != "absence"
    ]
    return _fitted(examples)


def _example(situation: str, text: str, is_one: bool, counts: float = 1.0) -> Example:
    return Example(tuple(evidence_of(situation, text).features()), is_one, counts)


def _fitted(examples: Sequence[Example]) -> Weights:
    """Logistic regression by steps that grow smaller for features already often seen (AdaGrad)."""
    seen = Counter(feature for example in examples for feature in example.features)
    kept = [
        (tuple(feature for feature in example.features if seen[feature] >= _SEEN_IN), example) for example in examples
    ]
    weights = dict.fromkeys(sorted(feature for feature, times in seen.items() if times >= _SEEN_IN), 0.0)
    steps = dict.fromkeys(weights, 1e-8)
    order = _shuffled(len(kept))
    for _ in range(_ROUNDS):
        for index in order:
            named, example = kept[index]
            weighed = math.fsum([weights[feature] for feature in named])  # the same in every Python
            likely = 1 / (1 + math.exp(-max(min(weighed, 30.0), -30.0)))
            wrong = (likely - example.is_one) * example.counts
            for feature in named:
                slope = wrong + _DECAY * weights[feature]
                steps[feature] += slope * slope
                weights[feature] -= _RATE * slope / math.sqrt(steps[feature])
    rounded = {feature: round(1000 * weight) for feature, weight in weights.items()}
    return Weights({feature: weight for feature, weight in rounded.items() if abs(weight) >= _LEAST})


def _shuffled(count: int) -> list[int]:
    """The numbers below `count` in an order that looks random and is always the same."""
    state, order = 1, list(range(count))
    for last in range(count - 1, 0, -1):
        state = (1103515245 * state + 12345) % (1 << 31)
        other = state % (last + 1)
        order[last], order[other] = order[other], order[last]
    return order
