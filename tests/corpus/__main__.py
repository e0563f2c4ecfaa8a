"""`uv run python -m tests.corpus`: how the labelled replies are understood, for both parts apart."""

from __future__ import annotations

from collections import Counter

from tests.corpus.measure import PARTS, Measure, measure


def main() -> None:
    """Print the confusion tables of both parts and the rates that are promised."""
    for part in PARTS:
        measured = measure(part)
        print(f"== {part} ==\n")
        for situation, counts in measured.confusion.items():
            print(table(situation, counts), end="\n\n")
        print(rates(measured), end="\n\n")


def table(situation: str, counts: Counter[tuple[str, str]]) -> str:
    """One confusion table: a row for each label, a column for each reading."""
    labels = sorted({label for label, _ in counts})
    readings = sorted({reading for _, reading in counts}, key=lambda reading: (reading not in labels, reading))
    width = max(map(len, [situation, *labels])) + 2
    columns = [max(len(reading), 4) + 2 for reading in readings]
    lines = [situation.ljust(width) + "".join(map(str.rjust, readings, columns))]
    for label in labels:
        cells = [str(counts[label, reading] or "·") for reading in readings]
        lines.append(label.ljust(width) + "".join(map(str.rjust, cells, columns)))
    return "\n".join(lines)


def rates(measured: Measure) -> str:
    """The rates, one a line."""
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
