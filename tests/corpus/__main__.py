"""Measures how the labelled replies are understood, and learns from them.

python -m tests.corpus                reads all replies with the shipped weights
python -m tests.corpus --held-out     reads each hand with weights learned from the others: the README's figures
python -m tests.corpus --mistakes A   lists what is misread of hand A, with weights learned from the others
python -m tests.corpus train          learns the weights in smsbot/understanding/learned/; always gives the same bytes
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from smsbot import understanding
from smsbot.understanding.weights import written
from tests.corpus.hands import FIGURES, SITUATIONS, Read, confusion, hands, lines, understand
from tests.corpus.measure import LATER, PARTS, Measure, measure
from tests.corpus.training import learn

LEARNED = Path(understanding.__file__).parent / "learned"
_RIGHT = {"absence": ("cancel", "other"), "unsure": ("cancel", "other", "stop"), "either": ("yes", "no", "unclear")}


def main() -> None:
    """Do what the command line says."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", nargs="?", choices=["measure", "train"], default="measure")
    options.add_argument("--held-out", action="store_true", help="each hand with weights learned from the others")
    options.add_argument("--mistakes", metavar="HANDS", default="", help="list what is misread of these hands")
    chosen = options.parse_args()
    if chosen.what == "train":
        for situation in SITUATIONS:
            text = written(learn(situation), f"Learned by `python -m tests.corpus train`: {situation}.")
            (LEARNED / f"{situation}.txt").write_text(text, encoding="utf-8")
        return
    read = read_held_out() if chosen.held_out or chosen.mistakes else read_as_is()
    if chosen.mistakes:
        print(mistakes(read, chosen.mistakes))
        return
    print(by_hand(read), end="\n\n")
    for situation in SITUATIONS:
        print(table(situation, confusion(one for one in read if one.line.situation == situation)), end="\n\n")
    print(by_language(read), end="\n\n")
    if not chosen.held_out:
        for part in (*PARTS, LATER):
            print(own_hand(part))


def read_as_is() -> list[Read]:
    """All lines of all hands, with the weights that are shipped."""
    return [Read(line, understand(line)) for situation in SITUATIONS for line in lines(situation)]


def read_held_out() -> list[Read]:
    """All lines, each hand read with weights that were learned from the other hands alone."""
    with ProcessPoolExecutor() as processes:
        every = processes.map(_read_hand, [(situation, hand) for situation in SITUATIONS for hand in hands()])
    return [one for hand in every for one in hand]


def _read_hand(situation_and_hand: tuple[str, str]) -> list[Read]:
    situation, hand = situation_and_hand
    weights = learn(situation, without=hand)
    return [Read(line, understand(line, weights)) for line in lines(situation) if line.hand == hand]


def by_hand(read: Sequence[Read]) -> str:
    """Each figure: for all hands together, with its interval, and for each hand."""
    rows = []
    for name, figure in FIGURES.items():
        rows.append(f"{name.ljust(30)}{figure(read)}")
        parts = [(hand, figure([one for one in read if one.line.hand == hand])) for hand in hands()]
        rows.append("    " + "   ".join(f"{hand} {share.hits}/{share.total}" for hand, share in parts))
    return "\n".join(rows)


def by_language(read: Sequence[Read]) -> str:
    """How many lines of each foreign language are read as labelled."""
    counts: dict[str, Counter[bool]] = {}
    for one in read:
        if one.line.language != "fr":
            counts.setdefault(one.line.language, Counter())[_is_right(one)] += 1
    return "\n".join(f"{language.ljust(10)}{n[True]} of {n.total()} right" for language, n in sorted(counts.items()))


def mistakes(read: Sequence[Read], of: str) -> str:
    """The replies that are misread, one on each line."""
    return "\n".join(
        f"{one.line.hand} {one.line.label} read as {one.as_}: {one.line.text!r}"
        for one in sorted(read, key=lambda one: (one.line.situation, one.line.label, one.as_))
        if one.line.hand in of and not _is_right(one)
    )


def _is_right(one: Read) -> bool:
    label = one.line.label
    if one.line.situation == "opening" and label not in ("cancel", "stop", "start", "help", *_RIGHT):
        return one.as_ in ("other", "thanks", "help")
    return one.as_ in _RIGHT.get(label, (label,))


def own_hand(part: str) -> str:
    """The confusion tables and the rates of the replies that we wrote ourselves."""
    measured = measure(part)
    tables = [table(situation, counts) for situation, counts in measured.confusion.items()]
    return "\n\n".join([f"== {part} ==", *tables, rates(measured), ""])


def table(situation: str, counts: Counter[tuple[str, str]]) -> str:
    """One confusion table: a row for each label, a column for each reading."""
    labels = sorted({label for label, _ in counts})
    readings = sorted({reading for _, reading in counts}, key=lambda reading: (reading not in labels, reading))
    width = max(map(len, [situation, *labels])) + 2
    columns = [max(len(reading), 4) + 2 for reading in readings]
    rows = [situation.ljust(width) + "".join(map(str.rjust, readings, columns))]
    for label in labels:
        cells = [str(counts[label, reading] or "·") for reading in readings]
        rows.append(label.ljust(width) + "".join(map(str.rjust, cells, columns)))
    return "\n".join(rows)


def rates(measured: Measure) -> str:
    """The rates, one on each line."""
    return "\n".join(
        f"{name.ljust(26)}{rate}"
        for name, rate in (
            ("wrong confirmations", measured.wrong_confirmations),
            ("wrongly opened", measured.wrong_openings),
            ("clear requests understood", measured.clear_requests),
            ("  with other letters", measured.other_letters),
            ("clear yes understood", measured.clear_yes),
            ("clear no understood", measured.clear_no),
        )
    )


if __name__ == "__main__":
    main()
