"""How likely it is that a row of concepts is a request, or a yes: plain logistic regression.

The features are the concepts of a row, two and three of them in a row, and the row's ends. Their weights are learned
from the labelled replies by `python -m tests.corpus train` and stand in `learned/*.txt`, in thousandths. What is
learned may propose and may forbid; it decides nothing alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "learned"
_LONGEST = 3  # concepts of one feature
_BEGIN, _END = "^", "$"
_ALWAYS = ""  # the feature that every row has
_WHOLE = 1000


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each feature, in thousandths."""

    of: dict[str, int]

    def likelihood(self, names: str) -> float:
        """Between 0 and 1, for a row of concept names (`grammar.row`)."""
        weighed = sum(self.of.get(feature, 0) for feature in set(features(names)))
        return 1 / (1 + math.exp(-max(min(weighed / _WHOLE, 30.0), -30.0)))

    def reasons(self, names: str) -> list[tuple[str, int]]:
        """The features of a row that weigh something, the heaviest first."""
        found = {feature: self.of[feature] for feature in features(names) if feature in self.of}
        return sorted(found.items(), key=lambda one: (-abs(one[1]), one[0]))


def features(names: str) -> Iterator[str]:
    """The features of a row of concept names."""
    concepts = [_BEGIN, *names.split(), _END]
    yield _ALWAYS
    for length in range(1, _LONGEST + 1):
        for start in range(len(concepts) - length + 1):
            yield " ".join(concepts[start : start + length])


def load(name: str) -> Weights:
    """The weights of `learned/{name}.txt`."""
    of = {}
    for line in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            weight, _, feature = line.partition(" ")
            of[feature] = int(weight)
    return Weights(of)


def written(weights: Weights, title: str) -> str:
    """The text of a file for `load`; the same weights always give the same text."""
    lines = [f"{weight} {feature}" for feature, weight in sorted(weights.of.items())]
    return "\n".join([f"# {title}", *lines]) + "\n"
