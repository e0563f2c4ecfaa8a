"""What a message means: one pure function for each question that can be open. The only room that knows words.

The way from a text to its meaning, and the modules in this order:

1. `set_aside` cleans the text and takes away what is no word of the person; `machine_words` finds it: reactions,
   quotations, our own text, auto-replies.
2. `words` divides the rest into words and says what each is about, one of the `concepts`. `lexicon` looks words and
   phrases up, misspelled or as they sound (`spelling`); `languages` does for other languages. The lists are text in
   `word_lists/`, for whoever knows French and no Python; `vocabulary` reads them.
3. `moments` marks what names an appointment: its day or hour (`days_and_hours`, `number_words`), its place, its people.
4. `grammar` makes a row of concepts of it and settles what a negation belongs to.
5. The rules of one situation read the row: `keywords` (STOP, START, AIDE), `opening` (a request, with what is
   `given_at_once`), `letters_given`, `choice`, `confirmation` (with `slips` of "oui" and "non"), `taking_back`;
   `topics` says what the rest is about.
6. `weights` are learned from labelled replies (`learned/`). They may propose a request and forbid a yes. They decide
   nothing alone.

`explaining` tells all of it for one text: `smsbot understand`. A word that is merely similar is never a yes: the
misspellings of a yes are listed.
"""

from smsbot.understanding.choice import Choice, ChoiceReading, read_choice
from smsbot.understanding.confirmation import Answer, read_confirmation
from smsbot.understanding.given_at_once import named_at_once
from smsbot.understanding.keywords import Keyword, read_keyword
from smsbot.understanding.moments import Asked
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
