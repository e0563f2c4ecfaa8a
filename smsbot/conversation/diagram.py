"""Draws `table.TABLE`: `python -m smsbot.conversation.diagram` prints docs/conversation.md."""

from __future__ import annotations

from collections import defaultdict

from smsbot.conversation.states import State
from smsbot.conversation.table import EVERYWHERE, TABLE, Move

_HEAD = """# The conversation

Drawn from `smsbot/conversation/table.py` by `python -m smsbot.conversation.diagram`; a test keeps the two together.

A message is read as an answer to the open question and compared with the facts. This gives one event. The event decides
the rest: where the conversation goes, what is said (a template of `templates/sms/`), and what is done.

## The moves that get a reply
"""


def states_document() -> str:
    """The page as Markdown: a picture of the moves between questions, then every transition as a table."""
    return "\n".join([_HEAD, *_picture(), "", *_everywhere(), *(line for state in State for line in _rows(state))])


def _picture() -> list[str]:
    events: defaultdict[tuple[State, State], list[str]] = defaultdict(list)
    for state, moves in TABLE.items():
        for event, move in moves.items():
            if event not in EVERYWHERE and move.says is not None:
                events[state, move.to].append(event.value)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> idle"]
    for (state, to), names in events.items():
        lines.append(f"    {state.value} --> {to.value}: {'<br>'.join(names)}")
    return [*lines, "```"]


def _everywhere() -> list[str]:
    return ["## In every state", "", *_HEADING, *(_row(event.value, move) for event, move in EVERYWHERE.items()), ""]


def _rows(state: State) -> list[str]:
    own = {event: move for event, move in TABLE[state].items() if event not in EVERYWHERE}
    return [f"## {state.value}", "", *_HEADING, *(_row(event.value, move) for event, move in own.items()), ""]


_HEADING = ["| event | goes to | says | does |", "| --- | --- | --- | --- |"]


def _row(event: str, move: Move) -> str:
    says = f"`{move.says.value}`" if move.says else "nothing, and records why"
    return f"| {event} | {move.to.value} | {says} | {', '.join(deed.value for deed in move.does)} |"


if __name__ == "__main__":
    print(states_document(), end="")
