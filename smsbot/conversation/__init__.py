"""The conversation, as pure functions: a message, the memory and the facts of the moment give one step.

Start with `states` (the vocabulary) and `table` (every transition; `diagram` draws it). Then read `machine` (one step)
and `perceiving` (from a message to an event, `perceived`; `open_question` does it for answers to a question). `facts`
is what the conversation is told, `memory` what it remembers. The words of a message are read in `smsbot.understanding`;
the rules of the field are in `smsbot.rules`.
"""
