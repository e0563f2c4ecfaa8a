"""Stores what sources say of appointments and usagers.

    taking                    takes records in, and says what has to be told of them (`intakes` has the results)
    late_echoes               a source seems to undo what it has just done for us: it is read again first
    vanishing                 the source has destroyed an appointment, or no longer shows it
    merging                   pure: what a record changes in what is stored
    usagers                   an usager has changed, or was erased at the source
    people                    pure: who takes part and how they are reached, from the newest event about each person
    source_precedence         pure: whether the source or smsbot decides about a cancellation
    last_word                 when each source was last heard of, and by which way
    bulk_write                loads and writes hundreds of stored appointments at once

Nobody is notified from here: `smsbot.incoming.arrival` does that.
"""

from smsbot.appointments.intake.bulk_write import lock
from smsbot.appointments.intake.intakes import (
    NOT_KEPT,
    TO_BE_READ,
    Arrivals,
    CancelledBySource,
    IncomingRecord,
    Intake,
    IntakeKind,
)
from smsbot.appointments.intake.last_word import Feed, LastWords, last_words_heard, note_last_word
from smsbot.appointments.intake.late_echoes import TO_READ_TOPIC
from smsbot.appointments.intake.taking import take_many, take_record
from smsbot.appointments.intake.usagers import change_usager, erase_usager
from smsbot.appointments.intake.vanishing import destroy, lose_sight

__all__ = [
    "NOT_KEPT",
    "TO_BE_READ",
    "TO_READ_TOPIC",
    "Arrivals",
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
    "take_many",
    "take_record",
]
