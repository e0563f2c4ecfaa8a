"""Appointments as they are stored, and everything that can happen to them.

appointment               what an appointment, a participation and an organisation are, and how they are read
terms                     what `smsbot.toml` says of one: notice, label, telephone, warning
cancellation              the one door through which a participation is cancelled here
undoing                   a cancellation is taken back, by the agent or the usager who cancelled
requests                  cancellations that a connected source is asked for
taking_back_requests      a connected source is asked to let an appointment stand again
request_attempts          the lease of whoever carries one out, and how it ended
announcing                an usager has said that they come
locks                     wrong answers are counted, lock the cancelling, and are forgotten
erasure                   what is known of people is erased
audit                     who did what, and when
intake/                   what sources say is worked in
"""
