"""Everyday French, understood: one pure function for each question that can be open.

`vocabulary` knows what words are about, `reading` finds them in what people write, `grammar` settles what a negation
belongs to; `keywords`, `opening`, `choice` and `confirmation` each hold the rules of one situation, and `topics` says
what the rest is about. `days_and_hours` and `moments` find what names an appointment, `named_at_once` what a request
names. Fuzzy matching serves an opening and a choice alone, where it costs a question at most: nothing that is merely
similar is ever a yes, and the misspellings of a yes are listed (`slips`).
"""

from smsbot.understanding.choice import Choice, ChoiceReading, read_choice
from smsbot.understanding.confirmation import Answer, read_confirmation
from smsbot.understanding.keywords import Keyword, read_keyword
from smsbot.understanding.moments import Asked
from smsbot.understanding.named_at_once import named_at_once
from smsbot.understanding.opening import Opening, OpeningReading, read_opening

__all__ = [
    "Answer",
    "Asked",
    "Choice",
    "ChoiceReading",
    "Keyword",
    "Opening",
    "OpeningReading",
    "named_at_once",
    "read_choice",
    "read_confirmation",
    "read_keyword",
    "read_opening",
]
