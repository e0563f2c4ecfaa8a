"""The drawing in the documentation is made from the table."""

from pathlib import Path

from smsbot.conversation.diagram import states_document

DRAWING = Path(__file__).parents[2] / "docs" / "conversation.md"


def test_the_drawing_is_the_tables() -> None:
    drawn = DRAWING.read_text(encoding="utf-8")
    assert drawn == states_document(), "python -m smsbot.conversation.diagram > docs/conversation.md draws it anew"
