"""What sources say of appointments and usagers, worked into the database.

    taking                    a record comes in: is it news, and what has to be told of it? (`intakes` has the answers)
    late_echoes               a source seems to undo what it has just done for us: it is read again first
    vanishing                 the source has destroyed an appointment, or no longer shows it
    merging                   pure: what a record changes in what is stored
    usagers                   an usager has changed, or was erased at the source
    people                    pure: who takes part and how they are reached, each as of their own newest event
    source_precedence         pure: who has the last word on a cancellation, the source or we
    last_word                 when each source was last heard of, by which way
    bulk_write                what is stored is loaded, and written, for hundreds of records at once

Nobody is notified from here: `smsbot.incoming.arrival` does that.
"""

from smsbot.appointments.intake.bulk_write import lock
from smsbot.appointments.intake.intakes import (
    NOT_KEPT,
    TO_BE_READ,
    CancelledBySource,
    IncomingRecord,
    Intake,
    IntakeKind,
)
from smsbot.appointments.intake.last_word import Feed, LastWords, last_words_heard, note_last_word
from smsbot.appointments.intake.late_echoes import TO_READ_TOPIC
from smsbot.appointments.intake.taking import take, take_many
from smsbot.appointments.intake.usagers import change_usager, erase_usager
from smsbot.appointments.intake.vanishing import destroy, lose_sight

__all__ = [
    "NOT_KEPT",
    "TO_BE_READ",
    "TO_READ_TOPIC",
    "CancelledBySource",
    "Feed",
    "IncomingRecord",
    "Intake",
    "IntakeKind",
    "LastWords",
    "change_usager",
    "destroy",
    "erase_usager",
    "last_words_heard",
    "lock",
    "lose_sight",
    "note_last_word",
    "take",
    "take_many",
]
