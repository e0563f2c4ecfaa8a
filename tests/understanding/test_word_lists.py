"""The word lists, as somebody without Python edits them: each mistake is told with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from smsbot.understanding.concepts import Concept
from smsbot.understanding.vocabulary import WordListProblem, load_vocabulary


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_words_are_read_with_what_they_are_about(tmp_path: Path) -> None:
    write(
        tmp_path, "answers.txt", "# Réponses\n[YES]  # un oui\nOui, Bien sûr que  oui\n[NO]\nnon  # et rien d'autre\n"
    )
    write(tmp_path, "numbers.txt", "[COUNT 2]\ndeux\n[CANCEL es]\nanular\n")
    vocabulary = load_vocabulary(tmp_path)
    assert [(entry.text, entry.concept, entry.where) for entry in vocabulary.entries if not entry.language] == [
        ("oui", Concept.YES, "answers.txt, line 3"),
        ("bien sur que oui", Concept.YES, "answers.txt, line 3"),
        ("non", Concept.NO, "answers.txt, line 5"),
        ("deux", Concept.COUNT, "numbers.txt, line 2"),
    ]
    assert vocabulary.numbers == {"deux": 2}
    assert [(entry.text, entry.language) for entry in vocabulary.entries if entry.language] == [("anular", "es")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("oui\n", r"answers.txt, line 1: these words stand below no \[CONCEPT\]"),
        ("\n[YESS]\noui\n", r"answers.txt, line 2: \[YESS\] is not the name of a concept"),
        ("[YES\noui\n", r"answers.txt, line 1: \[YES is not the name of a concept"),
        ("[YES]\noui\n[NO]\nnon,\nOuï\n", r"answers.txt, line 5: 'oui' is listed already in answers.txt, line 2"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(WordListProblem, match=problem):
        load_vocabulary(write(tmp_path, "answers.txt", text))


def test_a_mistake_among_words_written_as_one(tmp_path: Path) -> None:
    with pytest.raises(WordListProblem, match=r"written_as_one.txt, line 2: 'chuis' should read like: chuis = je suis"):
        load_vocabulary(write(tmp_path, "written_as_one.txt", "jsui = je suis\nchuis\n"))
