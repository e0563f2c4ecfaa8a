"""The conversation, pure: from a message, what is remembered and the facts of the moment to one step.

Start with `states` (the vocabulary) and `table` (every transition; `diagram` draws it), then `machine` (one step along
it) and `perceiving` (how a message becomes an event, by way of `perceived`; `open_question` reads the answers to a
question). `facts` is what it is told, `memory` what it remembers. What a
message means is read in `smsbot.understanding`; the rules of the field are in `smsbot.rules`.
"""
