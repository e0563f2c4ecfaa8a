"""Measures the topics of replies to which no question was open: `python -m tests.corpus.topics` prints the table."""

from __future__ import annotations

from collections import Counter

from smsbot.understanding import Opening, read_keyword, read_opening
from smsbot.understanding.topics import Topic, read_topic
from tests.corpus.hands import ASKED, lines


def read_as(text: str) -> str:
    """The label as which the conversation reads a message that comes while no question is open."""
    topic = read_topic(text, (ASKED,))
    if topic is Topic.MACHINE:
        return topic.value
    if (keyword := read_keyword(text)) is not None:
        return keyword.value
    opening = read_opening(text, (ASKED,)).meaning
    return opening.value if opening is Opening.CANCEL else topic.value


def table() -> Counter[tuple[str, str]]:
    """How often each label was read as each label."""
    return Counter((line.label, read_as(line.text)) for line in lines("opening"))


def main() -> None:
    counts = table()
    columns = sorted({as_ for _, as_ in counts})
    print("labelled".ljust(10), *(column.rjust(12) for column in columns))
    for label in sorted({label for label, _ in counts}):
        print(label.ljust(10), *(str(counts[label, column] or "·").rjust(12) for column in columns))


if __name__ == "__main__":
    main()
