"""RDV Service Public as the owner of its appointments: signing in there, reading them there, cancelling them there.

A cancellation is wished here first (`smsbot.appointments`) and carried out there by this room. Nobody is told that an
appointment is cancelled before RDV Service Public has answered that it is.
"""
