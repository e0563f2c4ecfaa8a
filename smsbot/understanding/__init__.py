"""Reads what a message means: one pure function for each question that can be open. Only this room knows words.

The way from a text to its meaning, with the modules in this order:

1. `set_aside` cleans the text and takes away what the person did not write; `machine_words` finds it: reactions,
   quotations, our own text, auto-replies.
2. `words` divides the rest into words and gives each of them one of the `concepts`. `lexicon` looks words and phrases
   up, also those that are misspelled or written as they sound (`spelling`); `languages` does the same for other
   languages. The word lists are text files in `word_lists/`, for people who know French but no Python; `vocabulary`
   reads them.
3. `moments` marks what names an appointment: its day or hour (`days_and_hours`, `number_words`), its place, its people.
4. `grammar` makes a row of concepts and decides what each negation belongs to.
5. The rules of one situation read the row: `keywords` (STOP, START, AIDE), `opening` (a request, with what is
   `given_at_once`), `letters_given`, `choice`, `confirmation` (with `slips` of "oui" and "non"), `taking_back`;
   `topics` says what all other messages are about.
6. `weights` are learned from labelled replies (`learned/`). They may propose a request and forbid a yes. They decide
   nothing alone.

`explaining` shows all of it for one text: `smsbot understand`. A word that is only similar to a yes is never a yes: the
accepted misspellings are listed.
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
