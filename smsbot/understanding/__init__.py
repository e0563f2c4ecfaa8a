"""What a message means: one pure function for each question that can be open. The only room that knows words.

A message goes through these in order:

- `set_aside` takes away what is no word of the person: reactions, quotations, our own text, signatures, auto-replies.
- `words` finds words and fixed phrases and what each is about. The lists are text in `word_lists/`, for whoever knows
  French and no Python; `vocabulary` reads them, `lexicon` looks words up, `spelling` and `slips` know misspellings.
- `grammar` makes a row of these meanings and settles what a negation belongs to.
- `keywords` (STOP, START, AIDE), `opening`, `letters_given`, `choice` and `confirmation` hold the rules of one
  situation, `taking_back` those of a cancellation that was an error; `topics` says what the rest is about.
- `days_and_hours` and `moments` compare what a message names with the appointment that was asked about.
- `weights` are learned from labelled replies. They may propose a request and forbid a yes. They decide nothing alone.

A word that is merely similar is never a yes: the misspellings of a yes are listed.
"""

from smsbot.understanding.choice import Choice, ChoiceReading, read_choice
from smsbot.understanding.confirmation import Answer, read_confirmation
from smsbot.understanding.keywords import Keyword, read_keyword
from smsbot.understanding.moments import Asked
from smsbot.understanding.named_at_once import named_at_once
from smsbot.understanding.opening import Opening, OpeningReading, read_opening
from smsbot.understanding.taking_back import read_taking_back, takes_back

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
    "read_taking_back",
    "takes_back",
]
